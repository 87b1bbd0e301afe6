"""The processes of scripts/soak: an etcd, masters, a swarm and real agents, each with all its lives."""

import dataclasses
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

HOST = "127.0.0.1"
TOKEN = "SHOAL_SOAK"  # in the environment of everything that a soak starts
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # all of it is on this machine
ATTRIBUTE = "soak"  # of the real agents: real tasks go there, the load goes elsewhere


class SoakError(Exception):
    """The soak cannot go on."""


def free_port():
    """A port that nobody listens on, below those that connections are given: it stays free while its
    daemon is away."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10000, max(lowest, 20000)), 200):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue
    raise SoakError("no free port was found")


def http_get(address, path, timeout=1.0):
    """The body, or None when it is not had in time."""
    try:
        with OPENER.open(f"http://{address}{path}", timeout=timeout) as answer:
            return answer.read().decode(errors="replace")
    except (OSError, ValueError, http.client.HTTPException):
        return None


def processes_with(token):
    """{pid: environment} of all processes that carry the token, zombies not."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        pairs = dict(word.decode(errors="replace").partition("=")[::2] for word in words)
        if pairs.get(TOKEN) == token:
            found[int(entry.name)] = pairs
    return found


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


@dataclasses.dataclass
class Life:
    """From a start of a process to its end; times are of time.monotonic()."""
    pid: int
    started: float
    ended: float | None = None
    code: int | None = None
    samples: list = dataclasses.field(default_factory=list)  # of soak_watch
    was_frozen: bool = False


class Daemon:
    """One program with its words; started again, it has another life. Its owner calls poll()."""

    def __init__(self, name, words, folder, environment, ready=None):
        self.name, self.words, self.environment = name, words, environment
        self.log = folder / "logs" / f"{name}.log"
        self.ready = ready  # a file, or None
        self.lives = []
        self.process = None
        self.is_frozen = False
        self.meant = None  # codes with which it may end now; None: it must not
        self.wrong = []  # ends that nobody meant
        self.address = None

    @property
    def life(self):
        return self.lives[-1]

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        if self.ready is not None:
            self.ready.unlink(missing_ok=True)
        self.meant = None
        self.is_frozen = False
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C is for the soak, which then ends all in order.
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.environment,
                                            start_new_session=True)
        self.lives.append(Life(self.process.pid, time.monotonic()))

    def is_ready(self):
        return self.is_up() and (self.ready is None or self.ready.exists())

    def signal(self, number):
        if self.is_up():
            self.process.send_signal(number)

    def freeze(self):
        self.is_frozen = self.life.was_frozen = True
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)
        self.is_frozen = False

    def end(self, number, *codes):
        """Sends the signal; it may end with one of the codes."""
        self.meant = codes
        self.signal(number)

    def poll(self):
        """Notes its end, once."""
        if self.process is None or not self.lives or self.life.ended is not None:
            return
        code = self.process.poll()
        if code is None:
            return
        self.life.ended, self.life.code = time.monotonic(), code
        if self.meant is None or code not in self.meant:
            how = f"by signal {-code}" if code < 0 else f"with {code}"
            self.wrong.append(f"{self.name} ended {how}, pid {self.life.pid}"
                              f"{' (it was told to end)' if self.meant is not None else ''}")


class Cluster:
    """All daemons, by name; and how to ask them."""

    def __init__(self, options, folder, token):
        self.options, self.folder = options, folder
        self.shoal = str(pathlib.Path(options.shoal).resolve())
        self.token = token
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("SHOAL_")} | {TOKEN: token}
        (folder / "logs").mkdir()
        self.daemons = {}
        self.masters, self.agents = [], []
        self.leader_asked = (0.0, None)
        self._make_etcd()
        self._make_masters()
        self.environment["SHOAL_MASTER"] = self.addresses()
        self._make_agents()

    # --- what there is ---

    def _add(self, name, words, ready=None):
        daemon = Daemon(name, words, self.folder, dict(self.environment), ready)
        self.daemons[name] = daemon
        return daemon

    def _make_etcd(self):
        program = shutil.which("etcd")
        if program is None:
            raise SoakError("there is no program 'etcd' (Debian package etcd-server: make bootstrap)")
        self.etcd_address = f"{HOST}:{free_port()}"
        client, peer = f"http://{self.etcd_address}", f"http://{HOST}:{free_port()}"
        # As tests/master/etcd_server.h: it is up at once, and leases may be short.
        self.etcd = self._add("etcd", [
            program, "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
            "--heartbeat-interval", "20", "--election-timeout", "200"])
        self.registry = f"etcd://{self.etcd_address}/soak"

    def _settings(self, name):
        """A file of settings for it; see change_settings()."""
        path = self.folder / f"{name}.toml"
        path.write_text("")
        return path

    def _daemon_words(self, verb, name, address):
        return [self.shoal, verb, "--listen", address, "--data", str(self.folder / name),
                "--ready-file", str(self.folder / f"{name}.ready"), "--config",
                str(self._settings(name)), "--log-format", "json"]

    def _make_masters(self):
        for i in range(self.options.masters):
            name = f"master-{i + 1}"
            address = f"{HOST}:{free_port()}"
            words = self._daemon_words("master", name, address)
            words += ["--registry", self.registry, "--lease", "3s", "--reactors", "2"]
            daemon = self._add(name, words, self.folder / f"{name}.ready")
            daemon.address = address
            self.masters.append(daemon)

    def addresses(self):
        return ",".join(daemon.address for daemon in self.masters)

    def _make_agents(self):
        # The swarm asks etcd who leads; agents and commands know the masters.
        self.swarm = self._add("swarm", [
            self.shoal, "swarm", "--master", self.registry, "--agents", str(self.options.swarm),
            "--cpus", "4", "--mem", "8192", "--task-duration", "200ms..4s", "-o", "jsonl",
            "--seed", str(self.options.seed), "--ready-file", str(self.folder / "swarm.ready")],
            self.folder / "swarm.ready")
        for i in range(self.options.agents):
            name = f"agent-{i + 1}"
            address = f"{HOST}:{free_port()}"
            words = self._daemon_words("agent", name, address)
            words += ["--master", self.addresses(), "--hostname", name, "--resources",
                      "cpus:8;mem:8192", "--attributes", f"{ATTRIBUTE}:{i + 1}"]
            daemon = self._add(name, words, self.folder / f"{name}.ready")
            daemon.address = address
            self.agents.append(daemon)

    def change_settings(self, daemon, round_number):
        """Another value of a setting that takes effect at SIGHUP."""
        key, value = (("offer-timeout", f"{30 + round_number % 30}s")
                      if daemon in self.masters else ("gc-delay", f"{30 + round_number % 30}m"))
        section = "master" if daemon in self.masters else "agent"
        path = self.folder / f"{daemon.name}.toml"
        scratch = path.with_suffix(".new")
        scratch.write_text(f'[{section}]\n{key} = "{value}"\n')
        scratch.replace(path)

    # --- life ---

    def poll(self):
        for daemon in self.daemons.values():
            daemon.poll()

    def wrong(self):
        return [line for daemon in self.daemons.values() for line in daemon.wrong]

    def wait_for(self, what, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            self.poll()
            if self.wrong():
                raise SoakError(f"{self.wrong()[0]}, while waiting for {what}")
            if time.monotonic() > deadline:
                raise SoakError(f"waited {seconds} s for {what}")
            time.sleep(0.05)

    def etcd_serves(self):
        return '"true"' in (http_get(self.etcd_address, "/health") or "")

    def start(self):
        self.etcd.start()
        self.wait_for("etcd to serve", self.etcd_serves, 60)
        for daemon in self.masters:
            daemon.start()
        self.wait_for("the masters", lambda: all(m.is_ready() for m in self.masters), 60)
        self.wait_for("a leader", lambda: self.leader(0) is not None, 60)
        for daemon in [self.swarm] + self.agents:
            daemon.start()
        self.wait_for("all agents to register",
                      lambda: all(d.is_ready() for d in [self.swarm] + self.agents), 120)

    def stop(self):
        """Ends all in order: tasks and agents, swarm, masters, etcd. Gives a line for each that did not
        end as it should."""
        for daemon in self.daemons.values():
            if daemon.is_up():
                daemon.thaw()
        wrong = []
        # SIGUSR1 makes an agent end its tasks too.
        for group, number in ((self.agents, signal.SIGUSR1), ([self.swarm], signal.SIGTERM),
                              (self.masters, signal.SIGTERM)):
            wrong += self._end(group, number)
        if self.etcd.is_up():
            self.etcd.end(signal.SIGTERM, 0, -signal.SIGTERM)
            wrong += self._wait_ends([self.etcd], 10)
        return wrong

    def _end(self, group, number):
        alive = [daemon for daemon in group if daemon.is_up()]
        for daemon in alive:
            daemon.end(number, 0)
        return self._wait_ends(alive, 20)

    def _wait_ends(self, group, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(daemon.is_up() for daemon in group):
            time.sleep(0.05)
        wrong = []
        for daemon in group:
            if daemon.is_up():
                wrong.append(f"{daemon.name} did not end within {seconds} s")
                daemon.end(signal.SIGKILL, -signal.SIGKILL)
                daemon.process.wait()
            daemon.poll()
        return wrong

    # --- questions ---

    def leader(self, most_old=0.5):
        """The name of the master that says it leads; None while nobody does. An answer may be
        `most_old` seconds old."""
        asked, name = self.leader_asked
        if time.monotonic() - asked < most_old:
            return name
        found = None
        for daemon in self.masters:
            if daemon.is_up() and not daemon.is_frozen:
                page = http_get(daemon.address, "/metrics", 0.5) or ""
                if "\nshoal_master_leader 1\n" in page:
                    found = daemon.name
        self.leader_asked = (time.monotonic(), found)
        return found

    def ask(self, path):
        """What the leader answers to GET path; None while nobody does."""
        name = self.leader(0)
        text = http_get(self.daemons[name].address, path, 5) if name else None
        try:
            return json.loads(text) if text else None
        except ValueError:
            return None

    def run_shoal(self, *words, timeout=30):
        return subprocess.run([self.shoal, *words], env=self.environment, capture_output=True,
                              text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
                              start_new_session=True)

    def start_shoal(self, *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        return subprocess.Popen([self.shoal, *words], env=self.environment, stdout=stdout,
                                stderr=stderr, stdin=subprocess.DEVNULL, start_new_session=True)
