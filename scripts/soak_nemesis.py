"""The nemesis of scripts/soak: does what soak_plan has planned, and heals it.

Each fault that is under way is a generator that yields how many seconds it wants to wait; one thread
runs them all.
"""

import collections
import signal
import subprocess
import time

import soak_plan

PATIENCE = 90  # seconds, for an operator's command to be taken
READY = 60  # seconds, for a daemon that was started again


class Nemesis:
    """tick() often, until is_done()."""

    def __init__(self, cluster, faults, spared, say):
        self.cluster, self.spared, self.say = cluster, spared, say
        self.waiting = collections.deque(faults)
        self.under_way = []  # [when, generator, fault, victims]
        self.began = time.monotonic()
        self.done = collections.Counter()  # by kind
        self.skipped = collections.Counter()
        self.log = []  # (seconds, text)
        self.wrong = []
        self.drains = []  # [from, to or None], of real agents
        self.agent_ends = []  # when a real agent was killed or stopped
        self.rounds = 0
        self.slowest = {}  # first word of a daemon's name: seconds from its new start until it is ready

    def busy(self):
        return {name for entry in self.under_way for name in entry[3]}

    def is_done(self):
        return not self.waiting and not self.under_way

    def stop_planning(self):
        self.waiting.clear()

    def tick(self):
        now = time.monotonic()
        while self.waiting and self.began + self.waiting[0].at <= now:
            self._begin(self.waiting.popleft())
        for entry in self.under_way[:]:
            if entry[0] > now:
                continue
            try:
                entry[0] = now + next(entry[1])
            except StopIteration:
                self.under_way.remove(entry)

    def _begin(self, planned):
        cluster = self.cluster
        leader = cluster.leader()
        fault = soak_plan.instead(planned, leader, self.spared)
        names = soak_plan.candidates(fault, [m.name for m in cluster.masters],
                                     [a.name for a in cluster.agents], leader, self.spared,
                                     self.busy())
        name = soak_plan.choose(fault.pick, names)
        if name is None:
            self.skipped[planned.kind] += 1  # nobody leads, or another fault has the victim
            return
        self.done[fault.kind] += 1
        daemon = cluster.daemons.get(name)
        self.note(f"{fault.kind} {name}" + (f" for {fault.lasts:.1f} s" if fault.lasts else ""))
        self.under_way.append([0.0, self._steps(fault, daemon), fault, {name}])

    def note(self, text):
        self.log.append((time.monotonic() - self.began, text))
        self.say(text)

    def _steps(self, fault, daemon):
        verb = fault.kind.partition("-")[0]
        if fault.kind == "step-down":
            return self._step_down()
        if fault.kind == "hang-up":
            return self._hang_up(daemon)
        return {"kill": self._kill, "stop": self._stop, "freeze": self._freeze,
                "drain": self._drain}[verb](fault, daemon)

    # --- faults ---

    def _note_end(self, daemon):
        if daemon in self.cluster.agents:
            self.agent_ends.append(time.monotonic())

    def _kill(self, fault, daemon):
        self._note_end(daemon)
        daemon.end(signal.SIGKILL, -signal.SIGKILL)
        yield from self._come_back(fault, daemon, READY)

    def _stop(self, fault, daemon):
        self._note_end(daemon)
        daemon.end(signal.SIGTERM, 0)
        yield from self._come_back(fault, daemon, READY)

    def _come_back(self, fault, daemon, patience):
        deadline = time.monotonic() + patience
        while daemon.is_up():
            if time.monotonic() > deadline:
                self.wrong.append(f"{daemon.name} did not end within {patience} s of {fault.kind}")
                daemon.end(signal.SIGKILL, -signal.SIGKILL)
                daemon.process.wait()
            yield 0.05
        daemon.poll()
        yield fault.lasts
        daemon.start()
        started = time.monotonic()
        while not daemon.is_ready() and daemon.is_up():
            if time.monotonic() > started + patience:
                self.wrong.append(f"{daemon.name} was not ready {patience} s after its new start")
                return
            yield 0.1
        sort = daemon.name.partition("-")[0]
        took = time.monotonic() - started
        self.slowest[sort] = max(self.slowest.get(sort, 0.0), round(took, 1))

    def _freeze(self, fault, daemon):
        daemon.freeze()
        yield fault.lasts
        daemon.thaw()

    def _hang_up(self, daemon):
        self.rounds += 1
        self.cluster.change_settings(daemon, self.rounds)
        daemon.signal(signal.SIGHUP)
        yield 0.5

    def _step_down(self):
        """It may be refused or interrupted by another fault; nothing depends on it."""
        command = self.cluster.start_shoal("step-down")
        while command.poll() is None:
            yield 0.1
        self._see_crash("step-down", command)

    def _see_crash(self, words, command):
        if command.returncode < 0:
            self.wrong.append(f"shoal {words} ended by signal {-command.returncode}")

    def _drain(self, fault, daemon):
        span = [time.monotonic(), None]
        self.drains.append(span)
        # The masters may change meanwhile; what was not answered can be asked again.
        yield from self._insist("drain", daemon.name, "--max-grace", "1s", "--timeout", "40s")
        yield fault.lasts
        yield from self._insist("reactivate", daemon.name)
        span[1] = time.monotonic()

    def _insist(self, *words):
        deadline = time.monotonic() + PATIENCE
        while True:
            command = self.cluster.start_shoal(*words, stderr=subprocess.PIPE)
            while command.poll() is None:
                yield 0.1
            said = command.stderr.read().decode(errors="replace").strip()
            command.stderr.close()
            self._see_crash(" ".join(words), command)
            if command.returncode == 0:
                return
            if time.monotonic() > deadline:
                self.wrong.append(f"shoal {' '.join(words)} was not taken within {PATIENCE} s: "
                                  f"{said[-300:]}")
                return
            yield 1.0

    # --- what was going on ---

    def drained_between(self, begin, end):
        return any(since <= end and (until is None or until >= begin)
                   for since, until in self.drains)

    def agent_ended_between(self, begin, end):
        return any(begin <= at <= end for at in self.agent_ends)
