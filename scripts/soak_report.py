"""How a soak looks: a line that changes on a terminal, plain lines elsewhere, and tables at the end."""

import sys
import time

PLAIN_EVERY = 10.0  # seconds between lines where it is no terminal


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """Writes to stderr; data is for stdout."""

    def __init__(self, out=sys.stderr):
        self.out, self.is_live = out, out.isatty()
        self.next_at = 0.0
        self.last = ""

    def say(self, text):
        """A line that stays."""
        self.out.write(f"\r\033[K{text}\n{self.last}" if self.is_live else f"{text}\n")
        self.out.flush()

    def show(self, text):
        """The line that says how far it is."""
        now = time.monotonic()
        if now < self.next_at:
            return
        self.next_at = now + (1.0 if self.is_live else PLAIN_EVERY)
        if self.is_live:
            self.last = text[:150]
            self.out.write(f"\r\033[K{self.last}")
        else:
            self.out.write(text + "\n")
        self.out.flush()

    def clear(self):
        if self.is_live:
            self.out.write("\r\033[K")
            self.last = ""
            self.out.flush()


def table(head, rows):
    """Columns as wide as they need; numbers to the right."""
    cells = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        parts = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def change(pair, digits=0):
    return "-" if pair is None else f"{pair[0]:.{digits}f} → {pair[1]:.{digits}f}"


def flatness_table(rows):
    return table(
        ["process", "life", "role", "seconds", "MiB", "descriptors", "threads"],
        [[row["name"], row["life"], row["role"] or "-", f"{row['seconds']:.0f}",
          change(row.get("rss_mib"), 1), change(row.get("descriptors")), change(row.get("threads"))]
         for row in rows])


def lives_table(daemons):
    """How often each was started, and how its lives ended."""
    rows = []
    for daemon in daemons:
        peak = max((s.rss_mib for life in daemon.lives for s in life.samples), default=0)
        frozen = sum(life.was_frozen for life in daemon.lives)
        rows.append([daemon.name, len(daemon.lives), frozen, f"{peak:.1f}"])
    return table(["process", "lives", "frozen", "most MiB"], rows)


def verdict_lines(checks):
    for one in checks:
        yield f"{'pass' if one.ok else 'FAIL'}  {one.name}{': ' + one.seen if one.seen else ''}"
        for line in one.wrong:
            yield f"        {line}"
