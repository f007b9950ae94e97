"""A SLURM of two nodes on this machine: munge, the controller and two slurmd, without systemd and without /etc."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "srun")
PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")  # of Debian and Ubuntu
MEMORY_MB = 8000  # that each node says it has
DEVICES = ("/dev/null", "/dev/zero")  # that stand for the GPUs of the first node
GPUS = len(DEVICES)

# Nodes share the machine, so their CPUs and memory are what they say; the GPUs of the first are files. An ended job
# is remembered for five minutes, and one that is put back into the queue waits for cred_expire seconds.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin={task_plugin}
TaskProlog={folder}/bin/prolog
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=5
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
GresTypes=gpu
MinJobAge=300
KillWait=5
ReturnToService=2
JobRequeue=1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory={memory} Gres=gpu:fake:{gpus}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory={memory}
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=1:00:00 State=UP
PartitionName=gpu Nodes=n1 MaxTime=1:00:00 State=UP
"""


def missing() -> str:
    """Why no cluster can be started here; empty when one can. Installs the packages where that is possible."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "starting a SLURM needs Linux and root"
    if not all(map(shutil.which, PROGRAMS)):
        if not shutil.which("apt-get"):
            return f"there is no SLURM, and no apt-get to install {' '.join(PACKAGES)}"
        for command in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            answer = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if answer.returncode:
            return f"apt-get cannot install {' '.join(PACKAGES)}: {answer.stderr.strip().splitlines()[-1]}"
    return ""


def free_ports(number: int) -> list[int]:
    """Ports on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until(happened: Callable[[], object], what: str, seconds: float = 900) -> None:
    """Wait until something has happened; AssertionError that says `what` did not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} seconds"
        time.sleep(0.2)


class Cluster:
    """The daemons, and what is asked of them. Partition `cpu` has both nodes, `gpu` the one with GPUs."""

    def __init__(self, folder: Path, binds_cpus: bool) -> None:
        self.folder, self.cpus = folder, max(2, os.cpu_count() or 2)
        self.daemons: list[subprocess.Popen] = []
        host = os.uname().nodename.split(".")[0]
        text = CONFIGURATION.format(
            folder=folder,
            host=host,
            ports=free_ports(3),  # of the controller and the two nodes
            cpus=self.cpus,
            memory=MEMORY_MB,
            gpus=GPUS,
            task_plugin="task/affinity" if binds_cpus else "task/none",
        )
        (folder / "slurm.conf").write_text(text)
        gpus = [f"NodeName=n1 Name=gpu Type=fake File={device}" for device in DEVICES]
        (folder / "gres.conf").write_text("\n".join(["AutoDetect=off", *gpus, ""]))
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        # The executor takes every SLURM_* from the environment of the srun within a job; this one puts it back.
        self._script("srun", f'SLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"')
        # kanpipe refuses to compute on the CPU where a job has a GPU, which here is only a file.
        self._script("prolog", "echo unset CUDA_VISIBLE_DEVICES; echo unset SLURM_STEP_GPUS; echo unset SLURM_JOB_GPUS")
        self.environment = {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{os.environ['PATH']}"}

    def _script(self, name: str, line: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def start(self) -> None:
        """Start the daemons and wait for the nodes."""
        for name in ("state", "spool.n1", "spool.n2", "logs"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        places = [f"--{option}={self.folder}/munge.{suffix}" for option, suffix in files.items()]
        self._daemon("munged", "--foreground", "--force", *places)
        wait_until((self.folder / "munge.socket").exists, "the start of munged")
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-N", "n1")
        self._daemon("slurmd", "-D", "-N", "n2")
        wait_until(lambda: self.asked("sinfo", "-hN", "-o%N %t").count("idle") >= 2, "the start of SLURM")

    def stop(self) -> None:
        """End all jobs, then the daemons."""
        self.cancel_all()
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            daemon.wait(timeout=60)

    def cancel_all(self) -> None:
        """Take every job out of the queue, and wait until none is left."""
        self.asked("scancel", "--user=root")
        wait_until(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING"), "the end of all jobs")

    def _daemon(self, *command: str) -> None:
        with open(self.folder / "logs" / f"{len(self.daemons)}-{command[0]}.log", "w") as log:
            environment = os.environ | self.environment
            self.daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))

    def asked(self, *command: str) -> str:
        """What a command of SLURM answers; empty when it fails."""
        environment = os.environ | self.environment
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return answer.stdout if answer.returncode == 0 else ""

    def jobs(self, *states: str, form: str = "%i") -> list[str]:
        """What squeue says of every job in one of the states, a line each."""
        return self.asked("squeue", "-h", f"--states={','.join(states)}", f"--format={form}").split()
