"""What must hold when a soak is over: a line for each promise, passed or failed, with what was seen."""

import collections
import dataclasses
import json
import pathlib
import re
import time

import soak_judge
import soak_watch
from soak_cluster import command_of, processes_with

# Medians of the last third of a life against the second. The books of a master grow until they are full
# (10,000 tasks and 16,384 events a reactor), and runs come and go.
# An agent's descriptors follow its tasks, which wander: they are looked at when it rests (AT_REST).
BOUNDS = {"rss_mib": soak_judge.Bound(6, 0.15), "descriptors": soak_judge.Bound(16, 0.15, min),
          "threads": soak_judge.Bound(1, 0)}
PEAK_MIB = 100  # of a daemon at any time, besides 50 KiB for each simulated agent
AT_REST = 48  # descriptors of a daemon beside one for each agent of the leader
ETCD_IS_AWAY = re.compile(r"the registry could not be loaded")  # and the next election tries again
SHOWN = 12  # of the things that are wrong with one promise


@dataclasses.dataclass
class Check:
    name: str
    ok: bool
    seen: str
    wrong: list


def check(name, wrong, seen=""):
    wrong = list(wrong)
    return Check(name, not wrong, seen, wrong[:SHOWN] + (
        [f"… and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []))


# --- while the cluster runs ---

def is_whole(cluster, sums):
    return sums is not None and sums.get("agents_active") == (
        cluster.options.swarm + cluster.options.agents)


def leaders(cluster):
    """Of `shoal masters`: one leads, all others stand by."""
    result = cluster.run_shoal("masters", "-o", "json")
    states = collections.Counter(m["state"] for m in json.loads(result.stdout or "[]"))
    want = {"leader": 1, "standby": len(cluster.masters) - 1}
    wrong = [] if dict(states) == want else [f"masters: {dict(states)} {result.stderr.strip()}"]
    return check("one master leads, the others stand by", wrong, f"{dict(states)}")


def agents(cluster, converged, first_ids):
    """All are active, and real ones have the ids that they had at first."""
    listed = (cluster.ask("/v1/agents?fields=id,hostname,state,mode") or {}).get("agents", [])
    active = [a for a in listed if a["state"] == "active" and a["mode"] == "normal"]
    wanted = cluster.options.swarm + cluster.options.agents
    wrong = [f"{a['hostname']} is {a['state']}, {a['mode']}" for a in listed if a not in active]
    if len(active) != wanted:
        wrong.append(f"{len(active)} of {wanted} agents are active")
    if converged is None:
        wrong.append("they did not come back within the time for it")
    ids = real_ids(cluster, listed)
    wrong += [f"{name} came back as {ids.get(name)}, it was {known}"
              for name, known in first_ids.items() if ids.get(name) != known]
    after = f", {converged:.1f} s after the last fault" if converged is not None else ""
    return check("all agents are back, under their ids", wrong, f"{len(active)} active{after}")


def real_ids(cluster, listed):
    names = {agent.name for agent in cluster.agents}
    return {a["hostname"]: a["id"] for a in listed if a["hostname"] in names}


def keepers(cluster, work):
    """Tasks that run until they are told to end: the master and the machine say that they run."""
    alive = work.living_keepers()
    listed = (cluster.ask("/v1/tasks?state=running&fields=id") or {}).get("tasks", [])
    told = {task["id"] for task in listed}
    here = {pairs.get("SOAK_RUN") for pairs in processes_with(cluster.token).values()}
    wrong = [] if len(alive) == work.keepers else [f"{len(alive)} of {work.keepers} are under way"]
    for run in alive:
        tasks = [line.split()[1] for line in work.marks(run).splitlines()]
        if not tasks or tasks[-1] not in told:
            wrong.append(f"run {run.number}: the master does not know {tasks[-1:]} as running")
        if str(run.number) not in here:
            wrong.append(f"run {run.number}: there is no process of it")
    ages = [time.monotonic() - run.began for run in alive]
    return check("tasks that go on are running", wrong,
                 f"{len(alive)}, the oldest for {max(ages, default=0):.0f} s")


def books_wrong(cluster):
    """What the leader still counts as used, running or connected; [] when nothing is left."""
    sums = cluster.ask("/v1/cluster")
    listed = (cluster.ask("/v1/agents?fields=hostname,used,offered,tasks") or {}).get("agents")
    if sums is None or listed is None:
        return ["the leader does not answer"]
    wrong = []
    for a in listed:
        for what in ("used", "offered"):
            if a[what]["cpus"] or a[what]["mem_mib"]:
                wrong.append(f"{a['hostname']}: {a[what]['cpus']} cpus and {a[what]['mem_mib']} MiB "
                             f"are {what}")
        if a["tasks"]:
            wrong.append(f"{a['hostname']}: {a['tasks']} tasks")
    for key in ("tasks_active", "frameworks_active", "frameworks_disconnected"):
        if sums.get(key):
            wrong.append(f"{key}: {sums[key]}")
    return wrong


def records_wrong(cluster):
    """What real agents still have on disk or in cgroups of tasks that have ended."""
    wrong = []
    for agent in cluster.agents:
        folder = cluster.folder / agent.name
        left = [path.name for path in (folder / "meta").iterdir() if path.is_dir()]
        wrong += [f"{agent.name}: a record of {name}" for name in left]
        inode = folder.stat()
        name = f"agent-{inode.st_dev}-{inode.st_ino}"
        # Version 2 at the top, hierarchies of version 1 a folder below.
        for pattern in (f"shoal/{name}/*/", f"*/shoal/{name}/*/"):
            wrong += [f"{agent.name}: the cgroup {group}"
                      for group in pathlib.Path("/sys/fs/cgroup").glob(pattern)]
    return wrong


def task_processes(cluster):
    """Processes of tasks: those with a run in their environment."""
    return [f"pid {pid} of run {pairs['SOAK_RUN']}: {command_of(pid)[:80]}"
            for pid, pairs in processes_with(cluster.token).items() if "SOAK_RUN" in pairs]


def registry(cluster):
    result = cluster.run_shoal("registry", "check", "--registry", cluster.registry)
    wrong = [] if result.returncode == 0 else [result.stderr.strip() or result.stdout.strip()]
    return check("the registry is sound", wrong, result.stdout.strip()[:80])


def at_rest(cluster):
    """Descriptors when no command and no run is there any more."""
    wrong, seen = [], []
    leader = cluster.leader(0)
    for daemon in cluster.masters + cluster.agents:
        figures = soak_watch.read_process(daemon.life.pid)
        if figures is None:
            continue  # told elsewhere
        most = AT_REST
        if daemon.name == leader:
            most += cluster.options.swarm + cluster.options.agents
        seen.append(f"{daemon.name} {figures[1]}")
        if figures[1] > most:
            wrong.append(f"{daemon.name} has {figures[1]} descriptors, at most {most}")
    return check("descriptors at rest", wrong, ", ".join(seen))


# --- from what was kept ---

def runs(work, nemesis):
    """Real tasks and the load: every run has its true end, once."""
    verdicts, wrong, load_wrong = collections.Counter(), [], []
    load = collections.Counter()
    for run in work.runs:
        name = f"{run.sort} run {run.number}"
        if run.ended is None:
            started = work.marks(run).count("start ")
            (load_wrong if run.sort == "load" else wrong).append(
                f"{name} did not end, {run.instances} were to be started"
                f"{'' if run.sort == 'load' else f', {started} were'}: {work.said(run)[-200:]}")
            continue
        if run.sort == "load":
            began = run.code != soak_judge.EXIT_UNREACHABLE
            load["true" if run.code == 0 else "wrong" if began else "not begun"] += 1
            if run.code != 0 and began:
                load_wrong.append(f"{name} of {run.instances} ended with {run.code}: "
                                  f"{run.said.strip()[-300:]}")
            continue
        verdict, why = soak_judge.judge_run(soak_judge.Outcome(
            run.code, run.expected, run.said, work.marks(run), run.instances,
            nemesis.drained_between(run.began, run.ended),
            nemesis.agent_ended_between(run.began, run.ended)))
        verdicts[verdict] += 1
        if verdict == "wrong":
            wrong.append(f"{name} {why}; it said: {run.said.strip()[-300:]}")
    return verdicts, load, [
        check("every real task ended truly, once", wrong, tell(verdicts)),
        check("every launch of the load ended well", load_wrong, tell(load))]


def tell(counts):
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def events(work):
    """Of tasks; and of the watcher, which may end where nobody leads, but not by a signal."""
    history = soak_judge.TaskHistory()
    if work.events.exists():
        with open(work.events, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                history.feed(line)
    wrong = history.wrong or ([] if history.ended else ["no event of a task's end was seen"])
    wrong += [f"shoal events -f ended by signal {-code}, {count} times"
              for code, count in work.watcher_ends.items() if code < 0]
    ends = tell({state[5:].lower(): n for state, n in history.count.items()
                 if state in soak_judge.TERMINAL})
    return history, check("what was told as ended stays so", wrong, f"{len(history.ended):,} tasks: {ends}")


def counters(watch, cluster):
    wrong = []
    frozen = {life.pid for d in cluster.daemons.values() for life in d.lives if life.was_frozen}
    for (metric, name, pid), value in sorted(watch.worst.items()):
        if value and metric in soak_watch.NEVER:
            wrong.append(f"{name}, pid {pid}: {value:.0f} {metric} ({soak_watch.NEVER[metric]})")
        if value and metric == soak_watch.LATE_DRAINS and pid not in frozen:
            wrong.append(f"{name}, pid {pid}: {value:.0f} {metric}, and it was never frozen")
    if watch.failed is not None:
        wrong.append(f"looking at the processes failed: {watch.failed!r}")
    return check("counters of what must not happen are 0", wrong, f"{watch.looks} looks")


def logs(cluster):
    """Lines of level error; those of a leader that could not load while etcd was away are counted."""
    wrong, explained, lines = [], 0, 0
    for daemon in cluster.masters + cluster.agents:
        with open(daemon.log, encoding="utf-8", errors="replace") as log:
            for line in log:
                lines += 1
                level, message = soak_judge.read_log_line(line)
                if level == "error" and ETCD_IS_AWAY.search(message):
                    explained += 1
                elif level == "error" or (level == "text" and not message.startswith("shoal: ")):
                    wrong.append(f"{daemon.name}: {message.strip()[:200]}")
    return check("no line of level error in the logs", wrong,
                 f"{lines:,} lines, {explained} of level error while etcd was away")


def flatness(cluster):
    """A row for each life that is long enough, and the checks."""
    rows, wrong, short = [], {figure: [] for figure in BOUNDS}, 0
    for daemon in cluster.masters + cluster.agents + [cluster.swarm]:
        for number, life in enumerate(daemon.lives, 1):
            judged = {}
            for figure, bound in BOUNDS.items():
                for role, samples in soak_watch.series(life, figure).items():
                    found = soak_judge.thirds(samples, bound.of)
                    if found is None:
                        continue
                    judged.setdefault(role, {})[figure] = found
                    if figure == "descriptors" and daemon in cluster.agents:
                        continue
                    if not bound.allows(*found):
                        who = f"{daemon.name}, life {number}{' as ' + role if role else ''}"
                        wrong[figure].append(f"{who}: from {found[0]:.1f} to {found[1]:.1f}")
            short += not judged
            seconds = (life.ended or time.monotonic()) - life.started
            rows += [{"name": daemon.name, "life": number, "role": role, "seconds": seconds, **figures}
                     for role, figures in judged.items()]
    if not rows:
        wrong["rss_mib"].append("no life was long enough to be judged: let it run for longer")
    limit = PEAK_MIB + 0.05 * cluster.options.swarm
    for daemon in cluster.masters + cluster.agents + [cluster.swarm]:
        most = max((s.rss_mib for life in daemon.lives for s in life.samples), default=0)
        if most > limit:
            wrong["rss_mib"].append(f"{daemon.name} took {most:.0f} MiB, at most {limit:.0f}")
    names = {"rss_mib": "memory is flat", "descriptors": "descriptors are flat",
             "threads": "threads are flat"}
    return rows, [check(names[figure], wrong[figure],
                        f"{len(rows)} series, {short} lives too short to tell; at most "
                        f"+{bound.absolute:g} or {bound.part:.0%}")
                  for figure, bound in BOUNDS.items()]
