"""What the cluster of scripts/soak has to do: real tasks, a load of launches, and a watcher of events.

A real task notes its start and its end in a file of its run and instance, which is how executions are
counted. It ends with an exit code that was drawn for it, or kills itself.
"""

import collections
import dataclasses
import random
import subprocess
import time

import soak_judge
from soak_cluster import ATTRIBUTE, TOKEN

NOTES = """echo "start $SHOAL_TASK_ID $PWD" >>"$SOAK_MARKS.$SHOAL_INSTANCE"
{body}
echo "end $SHOAL_TASK_ID" >>"$SOAK_MARKS.$SHOAL_INSTANCE"
{end}
"""
KEEP = 'while [ ! -e "$SOAK_GO" ]; do sleep 0.5; done'
LITTER = "(setsid sleep 7777 & ) ; sleep 7777 &"  # must be gone with the task


@dataclasses.dataclass
class Run:
    """One `shoal run`; code: None while it runs."""
    number: int
    sort: str  # real, keeper, load
    process: subprocess.Popen
    began: float
    expected: int
    instances: int
    ended: float | None = None
    said: str = ""

    @property
    def code(self):
        return self.process.returncode


def draw(dice):
    """(body of the script, its end, exit code of `shoal run`, instances) of a task that ends by itself."""
    instances = dice.choice((1, 1, 1, 3))
    seconds = dice.choice((0, dice.uniform(0, 2), dice.uniform(2, 8), dice.uniform(8, 25)))
    body = f"sleep {seconds:.2f}"
    if dice.random() < 0.2:
        body = LITTER + "\n" + body
    if dice.random() < 0.15:
        body = "trap '' TERM\n" + body
    if dice.random() < 0.15:
        return body, "kill -KILL $$", 128 + 9, instances
    code = dice.randrange(0, 120)
    return body, f"exit {code}", code, instances


class Work:
    """tick() often; stop_starting(), then tick() until is_over()."""

    def __init__(self, cluster, seed, rate, keepers, load):
        self.cluster, self.rate, self.keepers, self.load = cluster, rate, keepers, load
        self.dice = random.Random(f"{seed} work")
        self.folder = cluster.folder / "runs"
        self.folder.mkdir()
        self.go = self.folder / "go"
        self.runs, self.alive = [], []
        self.next_at = time.monotonic()
        self.is_starting = True
        self.watcher, self.watcher_ends = None, collections.Counter()
        self.events = self.folder / "events.jsonl"

    # --- beginning ---

    def _begin(self, sort, words, expected, instances=1):
        number = len(self.runs)
        with open(self.said_file(number), "wb") as said:
            process = self.cluster.start_shoal("run", "--wait", *words(number), stderr=said)
        run = Run(number, sort, process, time.monotonic(), expected, instances)
        self.runs.append(run)
        self.alive.append(run)

    def said_file(self, number):
        return self.folder / f"{number}.stderr"

    def said(self, run):
        """What it has said so far, of one that has not ended."""
        return self.said_file(run.number).read_text(errors="replace").strip()

    def _begin_real(self, sort, body, end, expected, instances):
        script = NOTES.format(body=body, end=end)

        def words(number):
            return ["--constraint", ATTRIBUTE, "--cpus", "0.1", "--mem", "32", "--name", f"{sort}-{number}",
                    "--instances", str(instances), "--env", f"{TOKEN}={self.cluster.token}",
                    "--env", f"SOAK_RUN={number}", "--env", f"SOAK_GO={self.go}",
                    "--env", f"SOAK_MARKS={self.folder}/{number}", "--", "sh", "-c", script]
        self._begin(sort, words, expected, instances)

    def _begin_load(self):
        instances = self.dice.randrange(20, 80)
        self._begin("load", lambda number: [
            "--constraint", f"!{ATTRIBUTE}", "--cpus", "0.5", "--mem", "64", "--name",
            f"load-{number}", "--instances", str(instances), "--", "true"], 0, instances)

    def tick(self):
        self._reap()
        self._watch()
        if not self.is_starting:
            return
        sorts = collections.Counter(run.sort for run in self.alive)
        for _ in range(self.keepers - sorts["keeper"]):
            self._begin_real("keeper", KEEP, "exit 77", 77, 1)
        for _ in range(self.load - sorts["load"]):
            self._begin_load()
        now = time.monotonic()
        if now >= self.next_at and sorts["real"] < 40:
            self.next_at = now + self.dice.expovariate(self.rate)
            self._begin_real("real", *draw(self.dice))

    def _reap(self):
        for run in self.alive[:]:
            if run.process.poll() is None:
                continue
            run.ended = time.monotonic()
            said = self.said_file(run.number)
            text = said.read_text(errors="replace")
            # What was said of a drain stays, however much was said after it.
            is_drained = soak_judge.DRAINED in text[:-4000]
            run.said = (soak_judge.DRAINED + "\n" if is_drained else "") + text[-4000:]
            said.unlink()
            self.alive.remove(run)

    def _watch(self):
        """`shoal events -f` goes on by itself; where it cannot it ends, and is started again."""
        if self.watcher is not None and self.watcher.poll() is None:
            return
        if self.watcher is not None:
            self.watcher_ends[self.watcher.returncode] += 1
        if self.watcher is None or self.is_starting:
            with open(self.events, "ab") as out, open(self.folder / "events.stderr", "ab") as said:
                self.watcher = self.cluster.start_shoal("events", "-f", "-o", "jsonl", stdout=out,
                                                        stderr=said)

    # --- the end ---

    def stop_starting(self):
        self.is_starting = False

    def stop_watching(self):
        if self.watcher is not None and self.watcher.poll() is None:
            self.watcher.terminate()
            self.watcher.wait()

    def stop_now(self):
        """Kills what is left of `shoal run`; its tasks end with their agents."""
        for run in self.alive:
            run.process.kill()
            run.process.wait()
        self.stop_watching()

    def living_keepers(self):
        return [run for run in self.alive if run.sort == "keeper"]

    def marks(self, run):
        texts = [path.read_text() for path in
                 (self.folder / f"{run.number}.{i}" for i in range(run.instances)) if path.exists()]
        return "".join(texts)

    def launched(self):
        return sum(run.instances for run in self.runs)
