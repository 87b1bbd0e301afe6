"""What the nemesis of scripts/soak does and when: all of it follows from the seed, before it begins.

Who leads when a fault begins is not known here: a fault names a kind of victim and `pick`, a number in
[0, 1) that chooses among those who can be it at that moment.
"""

import dataclasses
import random


@dataclasses.dataclass(frozen=True)
class Kind:
    """A sort of fault: how often (a weight), and how long, in seconds, from and to."""
    name: str
    victim: str  # leader, standby, agent, swarm, etcd, cluster, daemon
    weight: int
    least: float
    most: float


# Nothing is away for as long as the 75 s after which an agent is given up, and a framework of
# `shoal run` (15 s) mostly finds somebody who leads: what is asked for here may lose nothing.
KINDS = {kind.name: kind for kind in (
    Kind("kill-leader", "leader", 10, 0.2, 8),
    Kind("kill-standby", "standby", 5, 0.2, 8),
    Kind("freeze-leader", "leader", 8, 1, 8),
    Kind("freeze-standby", "standby", 3, 1, 8),
    Kind("stop-leader", "leader", 3, 0.2, 4),
    Kind("step-down", "cluster", 6, 0, 0),
    Kind("kill-agent", "agent", 12, 0.2, 10),
    Kind("stop-agent", "agent", 4, 0.2, 5),
    Kind("freeze-agent", "agent", 6, 1, 12),
    Kind("drain-agent", "agent", 5, 1, 5),
    Kind("freeze-swarm", "swarm", 5, 1, 10),
    Kind("freeze-etcd", "etcd", 4, 0.5, 7),
    Kind("kill-etcd", "etcd", 4, 0.2, 4),
    Kind("hang-up", "daemon", 6, 0, 0),
)}

# Those that take the process away. One master and one real agent are spared them, so that what leaks
# over a whole run is seen in one life.
DEADLY = frozenset(name for name in KINDS if name.startswith(("kill-", "stop-")))


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float  # seconds from the beginning of the faults
    kind: str
    pick: float
    lasts: float  # seconds until it is healed

    def __str__(self):
        return f"{self.at:7.1f} s  {self.kind:<15} {self.lasts:4.1f} s"


def plan(seed, seconds, every=5.0, kinds=None):
    """Faults that all begin before `seconds`, on average `every` so many; the same for the same words.

    Each kind comes once before chance decides, as far as there is time: a short run sees all of them.
    """
    dice = random.Random(seed)
    names = sorted(kinds or KINDS)
    first = names[:]
    dice.shuffle(first)
    faults, at = [], dice.uniform(0.5, 1.5) * every
    while at < seconds:
        name = first.pop() if first else dice.choices(names, [KINDS[n].weight for n in names])[0]
        kind = KINDS[name]
        faults.append(Fault(round(at, 2), name, dice.random(),
                            round(dice.uniform(kind.least, kind.most), 2)))
        at += max(0.2, dice.expovariate(1 / every))
    return faults


def choose(pick, names):
    """One of `names`; None when there is none."""
    names = sorted(names)
    return names[int(pick * len(names))] if names else None


def candidates(fault, masters, agents, leader, spared, busy):
    """The names of processes that may be the fault's victim now.

    `leader`: a name or None. `spared`: those that no deadly fault meets. `busy`: those whom another
    fault has. A leader that is spared is not killed: then nobody is, see `instead`.
    """
    by_victim = {
        "leader": [name for name in masters if name == leader],
        "standby": [name for name in masters if name != leader and leader is not None],
        "agent": list(agents), "swarm": ["swarm"], "etcd": ["etcd"], "cluster": ["cluster"],
        "daemon": list(masters) + list(agents),
    }
    found = by_victim[KINDS[fault.kind].victim]
    if fault.kind in DEADLY:
        found = [name for name in found if name not in spared]
    return sorted(set(found) - set(busy))


def instead(fault, leader, spared):
    """The fault, or, where it would take a spared leader away, one that moves the lead all the same."""
    is_spared = fault.kind in DEADLY and KINDS[fault.kind].victim == "leader" and leader in spared
    return dataclasses.replace(fault, kind="freeze-leader",
                               lasts=max(fault.lasts, 4.0)) if is_spared else fault
