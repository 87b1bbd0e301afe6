"""Looks at the processes of scripts/soak every two seconds, on a thread of its own."""

import collections
import dataclasses
import json
import os
import pathlib
import threading
import time

import soak_judge
from soak_cluster import http_get

EVERY = 2.0  # seconds
LED = 5.0  # seconds after a change of the lead in which figures belong to neither


@dataclasses.dataclass
class Sample:
    at: float  # time.monotonic()
    rss_mib: float
    descriptors: int
    threads: int
    role: str  # "leader", "standby"; "" for others, and where it did not answer


# What must never be counted, of any daemon.
NEVER = {
    "shoal_daemon_log_dropped_total": "lines of a log were dropped",
    "shoal_reactor_protocol_errors_total": "frames were bad",
    "shoal_reactor_slow_peers_closed_total": "peers were cut off for not reading",
    "shoal_reactor_accept_pauses_total": "accepting paused for want of descriptors",
    "shoal_reactor_hand_over_refused_total": "connections were refused between reactors",
    "shoal_master_agents_unreachable_total": "agents were given up",
    "shoal_master_offer_table_full_total": "offers were not made for want of a slot",
}
LATE_DRAINS = "shoal_reactor_mailbox_late_drains_total"  # 0 but in a process that was frozen


def read_process(pid):
    """(MiB, descriptors, threads); None when it is gone."""
    folder = pathlib.Path(f"/proc/{pid}")
    try:
        rss, threads = soak_judge.parse_status((folder / "status").read_text())
        return rss, len(os.listdir(folder / "fd")), threads
    except (OSError, KeyError, ValueError):
        return None


class Watch:
    """start(), stop(); its figures may be read at any time."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.epochs = soak_judge.Epochs()
        self.worst = collections.defaultdict(float)  # (metric, name, pid): the most that was seen
        self.latest = {}  # name: its metrics
        self.leaderless = 0.0  # seconds without anybody who says that they lead
        self.leader = None
        self.sums = {}  # /v1/cluster of the leader
        self.looks = 0
        self.failed = None  # an exception of the thread
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self):
        before = time.monotonic()
        while not self._stop.wait(max(0.1, before + EVERY - time.monotonic())):
            now = time.monotonic()
            try:
                self._look()
            except Exception as error:  # told by the checks: a look that fails must not pass
                self.failed = error
                return
            if self.leader is None:
                self.leaderless += now - before
            before = now

    def _look(self):
        leader = None
        for daemon in list(self.cluster.daemons.values()):
            if not daemon.is_up() or daemon.is_frozen:
                continue
            life = daemon.life
            metrics = self._metrics(daemon, life)
            role = ""
            if metrics.get("shoal_master_leader") is not None:
                leads = metrics["shoal_master_leader"] == 1
                role = "leader" if leads else "standby"
                if leads:
                    leader = daemon.name
                    self.epochs.saw(daemon.name, life.pid, int(metrics["shoal_master_epoch"]))
            figures = read_process(life.pid)
            if figures is not None and daemon.life is life:
                life.samples.append(Sample(time.monotonic(), *figures, role))
        self.leader = leader
        if leader is not None:
            self.sums = self._sums(self.cluster.daemons[leader]) or self.sums
        self.looks += 1

    def _sums(self, daemon):
        try:
            return json.loads(http_get(daemon.address, "/v1/cluster", 1.0) or "")
        except ValueError:
            return None

    def _metrics(self, daemon, life):
        if daemon.address is None:
            return {}
        page = http_get(daemon.address, "/metrics", 1.0)
        if page is None or daemon.life is not life:
            return {}
        metrics = soak_judge.parse_metrics(page)
        for name in [*NEVER, LATE_DRAINS, "shoal_master_elections_total"]:
            key = (name, daemon.name, life.pid)
            self.worst[key] = max(self.worst[key], metrics.get(name, 0.0))
        self.latest[daemon.name] = metrics
        return metrics

    def sum_of(self, metric):
        return sum(value for (name, _, _), value in self.worst.items() if name == metric)


def series(life, figure):
    """{role: [(seconds of life, value)]}. A master counts from when it has led for the first time: what
    it takes then it may keep. Leader and standby are apart, and what is near a change of the two is left out."""
    roles = {sample.role for sample in life.samples} - {""}
    if not roles:
        return {"": [(sample.at - life.started, getattr(sample, figure)) for sample in life.samples]}
    out = collections.defaultdict(list)
    led_at, role, since = None, None, 0.0
    for sample in life.samples:
        if sample.role != role:
            role, since = sample.role, sample.at
        if role == "leader" and led_at is None:
            led_at = sample.at
        if role and led_at is not None and sample.at - since >= LED:
            out[role].append((sample.at - life.started, getattr(sample, figure)))
    return out
