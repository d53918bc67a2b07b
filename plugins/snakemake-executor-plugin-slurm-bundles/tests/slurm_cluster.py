"""A real Slurm on this machine's loopback address: one controller and three nodes with fake GPUs.

It lives in one folder and needs no root, no munge and no database. As a program it starts such a
cluster for a command, or for a shell: python slurm_cluster.py [COMMAND...]
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NODES = ["node1", "node2", "node3"]
DEBIAN = "apt-get install --no-install-recommends slurmctld slurmd slurm-client"
# Debian puts the daemons where a user's PATH does not look.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/%n.log
SlurmdParameters=config_overrides
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
DefMemPerCPU=500
EnforcePartLimits=ALL
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
ReturnToService=2
MinJobAge=600
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait={kill_wait}
GresTypes=gpu
NodeName={nodes} NodeHostName={host} NodeAddr=127.0.0.1 Port={ports[1]},{ports[2]},{ports[3]} \
CPUs=8 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={nodes} Default=YES MaxTime=2-0 DefaultTime=5 State=UP
"""


class Cluster:
    """The daemons and their files below `root`; `environment` is what a command finds it by."""

    def __init__(self, root: Path, kill_wait: int = 20):
        self.root = root
        self.environment = {
            **os.environ, "PATH": PATH, "SLURM_CONF": str(root / "etc" / "slurm.conf")
        }  # fmt: skip
        for name in ("etc", "state", "log", "run", "spool", "dev"):
            (root / name).mkdir(parents=True)
        for index, device in enumerate(["/dev/null", "/dev/zero"]):
            # A GPU has to be a character device; any will do.
            (root / "dev" / f"gpu{index}").symlink_to(device)
        settings = {
            "root": root,
            "host": socket.gethostname().split(".")[0],
            "user": getpass.getuser(),
            "nodes": ",".join(NODES),
            "ports": free_ports(1 + len(NODES)),
            "kill_wait": kill_wait,
        }
        (root / "etc" / "slurm.conf").write_text(CONF.format(**settings))
        (root / "etc" / "gres.conf").write_text(
            f"NodeName={settings['nodes']} Name=gpu File={root}/dev/gpu[0-1]\n"
        )

    def call(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def start(self) -> None:
        """Start all daemons, and wait until the nodes are idle."""
        try:
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            wait_for(lambda: self.idle() == NODES, 120, lambda: self.logs())
        except BaseException:
            self.stop()
            raise

    def start_controller(self) -> None:
        # In the foreground, so that its process id is known before it has written a file.
        self._daemon("slurmctld", "slurmctld", "-D")

    def start_node(self, node: str) -> None:
        self._daemon(node, "slurmd", "-D", "-N", node)

    def _daemon(self, name: str, *command: str) -> None:
        with (self.root / "log" / f"{name}.out").open("w") as out:
            process = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        (self.root / "run" / name).write_text(str(process.pid))

    def idle(self) -> list[str]:
        with contextlib.suppress(subprocess.CalledProcessError):
            shown = self.call("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N")
            return sorted(shown.split())
        return []

    def jobs(self, *columns: str, states: str = "") -> list[list[str]]:
        """The jobs in the queue: of each the asked-for columns of squeue, such as %i and %T."""
        listed = self.call(
            "squeue", "--noheader", f"--format={'|'.join(columns)}", *([states] if states else [])
        )
        return [line.split("|") for line in listed.splitlines()]

    def kill_node(self, node: str) -> None:
        """What a power cut does: the node's daemon, its jobs and their overseers are gone."""
        ids = {line[0] for line in self.jobs("%A", "%N") if line[1] == node}
        daemon = self.pid(node)
        os.kill(daemon, signal.SIGKILL)
        for process in processes():
            step = process["args"].startswith("slurmstepd: [") and any(
                process["args"].startswith(f"slurmstepd: [{id}.") for id in ids
            )
            if step or (
                f"SLURMD_NODENAME={node}" in process["environ"]
                and f"SLURM_CONF={self.environment['SLURM_CONF']}" in process["environ"]
            ):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process["pid"], signal.SIGKILL)
        wait_for(lambda: not alive(daemon), 10)

    def stop_controller(self) -> None:
        self._stop("slurmctld")

    def stop(self) -> None:
        """Cancel what runs, and end every daemon: nothing is left when this returns."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.call("scancel", "--user", getpass.getuser(), "--signal=KILL")
            self.call("scancel", "--user", getpass.getuser())
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: not self.jobs("%i"), 30)
        for name in [*NODES, "slurmctld"]:
            self._stop(name)

    def _stop(self, name: str) -> None:
        pid = self.pid(name)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        try:
            wait_for(lambda: not alive(pid), 10)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        (self.root / "run" / name).unlink()

    def pid(self, name: str) -> int | None:
        file = self.root / "run" / name
        return int(file.read_text()) if file.exists() else None

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted((self.root / "log").iterdir())
        )


def missing() -> str | None:
    """What is to be installed before a cluster can be started here; None: nothing."""
    names = ["slurmctld", "slurmd", "sbatch", "squeue", "scancel"]
    absent = [name for name in names if not shutil.which(name, path=PATH)]
    return f"no {', '.join(absent)} here; on Debian: {DEBIAN}" if absent else None


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(condition, seconds: float, explain=lambda: "") -> None:
    """Wait until the condition is true; TimeoutError if that takes longer."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s\n{explain()}")
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process works: one that has ended does not, though it may still be listed."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def processes() -> Iterator[dict]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield {
                    "pid": int(folder.name),
                    "args": (folder / "cmdline").read_text().replace("\0", " "),
                    "environ": (folder / "environ").read_text(errors="replace").split("\0"),
                }


@contextlib.contextmanager
def running(kill_wait: int = 20) -> Iterator[Cluster]:
    """A cluster that is up in the block and gone after it."""
    # Slurm's sockets have long names, and a path to one may have 108 characters.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        cluster = Cluster(Path(folder), kill_wait)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


if __name__ == "__main__":
    if problem := missing():
        sys.exit(problem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running() as started:
        command = sys.argv[1:] or [os.environ.get("SHELL", "sh")]
        sys.exit(subprocess.run(command, env=started.environment).returncode)
