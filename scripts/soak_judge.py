"""What scripts/soak thinks of what it has seen: pure functions over samples, texts and exit codes."""

import dataclasses
import json
import statistics
from collections.abc import Callable

TERMINAL = frozenset("TASK_" + name for name in (
    "FINISHED", "FAILED", "KILLED", "ERROR", "GONE", "GONE_BY_OPERATOR", "DROPPED", "LOST"))

EXIT_UNREACHABLE = 4  # of `shoal`: no master answers, or none leads
DRAINED = "an operator drains "  # its agent; the agent, when that was asked for


# --- figures of processes ---

@dataclasses.dataclass(frozen=True)
class Bound:
    """How much `of` the last third of a life may be above that of the second."""
    absolute: float
    part: float
    of: Callable = statistics.median

    def allows(self, before, after):
        return after - before <= max(self.absolute, self.part * before)


LEAST_SAMPLES = 5  # in each third
LEAST_SECONDS = 60  # of a life that is judged


def thirds(samples, of=statistics.median):
    """`of` of the second and the last third of [(seconds, value)]; None: too few, or too short."""
    if not samples or samples[-1][0] - samples[0][0] < LEAST_SECONDS:
        return None
    begin, end = samples[0][0], samples[-1][0]
    third = (end - begin) / 3
    second = [value for at, value in samples if begin + third <= at < begin + 2 * third]
    last = [value for at, value in samples if at >= begin + 2 * third]
    if min(len(second), len(last)) < LEAST_SAMPLES:
        return None
    return of(second), of(last)


def parse_metrics(text):
    """{name: the sum over its labels} of a page in the Prometheus text format."""
    sums = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        head, _, value = line.rpartition(" ")
        name = head.partition("{")[0]
        try:
            sums[name] = sums.get(name, 0.0) + float(value)
        except ValueError:
            continue
    return sums


def parse_status(text):
    """(resident MiB, threads) from /proc/PID/status."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"])


# --- logs ---

def read_log_line(line):
    """The level of a line of a daemon's log and its message; level "text" for what is not JSON."""
    try:
        entry = json.loads(line)
        return entry["level"], entry["message"]
    except (ValueError, TypeError, KeyError):
        return "text", line


# --- who leads ---

class Epochs:
    """No two lives of masters lead in one epoch, and a later leader has a later epoch."""

    def __init__(self):
        self.holders = {}  # epoch: (name, pid)
        self.wrong = []

    def saw(self, name, pid, epoch):
        holder = self.holders.setdefault(epoch, (name, pid))
        if holder != (name, pid):
            self.wrong.append(f"epoch {epoch} was led by {holder[0]} and by {name}")


# --- tasks ---

@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a `shoal run` has ended, and what its executions have noted."""
    code: int
    expected: int
    said: str  # on stderr
    marks: str  # lines "start TASK FOLDER" and "end TASK", of all instances
    instances: int = 1
    may_be_drained: bool = False  # an operator drained while it ran
    agent_ended: bool = False  # a real agent was killed or stopped while it ran


def base_of(task):
    """NAME-xxxxxxxx.I.rN without .rN: what is to be done once, however often it is tried."""
    head, dot, tail = task.rpartition(".r")
    return head if dot and tail.isdigit() else task


def judge_run(outcome):
    """(verdict, why): "true", "drained", "not begun", "again" (begun, told as gone, begun under another id
    and ended truly: docs/RELIABILITY.md, Not yet), or "wrong" with the reason."""
    started, ended = [], []
    for line in outcome.marks.splitlines():
        words = line.split()
        (started if words[0] == "start" else ended).append(words[1])
    for task in started:
        if started.count(task) > 1:
            return "wrong", f"{task} was started {started.count(task)} times"
    bases = {base_of(task) for task in started}
    for base in bases:
        done = [task for task in ended if base_of(task) == base]
        if len(done) > 1:
            return "wrong", f"{base} ran to its end {len(done)} times: {', '.join(done)}"
    is_again = len(started) > len(bases)
    if is_again and not outcome.agent_ended:
        return "wrong", f"was begun again though no agent had ended: {', '.join(started)}"
    if outcome.may_be_drained and DRAINED in outcome.said:
        return "drained", ""
    if outcome.code == EXIT_UNREACHABLE and not started:
        return "not begun", ""
    if outcome.code != outcome.expected:
        return "wrong", f"ended with {outcome.code}, its true end is {outcome.expected}"
    if len(set(ended)) < outcome.instances:
        return "wrong", (f"ended with {outcome.code}, but only {len(set(ended))} of "
                         f"{outcome.instances} ran to their end")
    return ("again" if is_again else "true"), ""


class TaskHistory:
    """Events of tasks: what was told as ended stays ended, and so."""

    def __init__(self):
        self.ended = {}  # (framework, task): state
        self.count = {}  # state: events
        self.wrong = []
        self.restarts = 0
        self.lost = 0

    def feed(self, line):
        try:
            event = json.loads(line)
        except ValueError:
            return  # a line that was cut off with its reader
        kind = event.get("type")
        self.restarts += kind == "restarted"
        self.lost += kind == "lost"
        if kind != "task":
            return
        key, state = (event.get("framework"), event.get("task")), event.get("state")
        self.count[state] = self.count.get(state, 0) + 1
        before = self.ended.get(key)
        if before is not None and state != before:
            self.wrong.append(f"{key[1]} of {key[0]} was told as {before}, then as {state} "
                              f"({event.get('message') or event.get('reason') or 'no reason'})")
        elif state in TERMINAL:
            self.ended[key] = state
