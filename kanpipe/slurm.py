"""Jobs that SLURM keeps waiting although they can never start: told of and cancelled, so that the workflow ends.

SLURM takes a job that asks for more time than its partition admits, or for more CPUs than a node has, and lets it wait
for ever; a workflow engine sees a waiting job.
"""

import getpass
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

# What SLURM calls the reasons for which a job waits that no waiting mends.
HOPELESS = re.compile(
    "PartitionConfig|PartitionTimeLimit|PartitionNodeLimit|BadConstraints|AccountNotAllowed|QOSNotAllowed"
    r"|Invalid(Account|QOS)|(QOS|Assoc)M(ax|in)\w*PerJob\w*|DependencyNeverSatisfied"
)
SECONDS = 30  # between two looks


@dataclass(frozen=True)
class Waiting:
    """A job that has not started."""

    number: str
    reason: str  # as squeue has it
    rule: str

    def sentence(self) -> str:
        return (
            f"SLURM job {self.number} ({self.rule}) can never start ({self.reason}) and is cancelled: it asks for more "
            f"than its partition or account admits, as `scontrol show partition` says; mend profiles/slurm, or lower "
            f"`limits` in the configuration"
        )


@dataclass
class Watch:
    """Looks at the waiting jobs of the workflow that runs in `folder`."""

    folder: Path
    suspects: set[str] = field(default_factory=set)  # hopeless at the last look

    def start(self) -> None:
        """Look every `SECONDS` until the process ends."""
        threading.Thread(target=self._look_for_ever, name="jobs that cannot start", daemon=True).start()

    def _look_for_ever(self) -> None:
        pause = threading.Event()
        while not pause.wait(SECONDS):
            for job in self.look():
                print(f"\nkanpipe: {job.sentence()}\n", file=sys.stderr, flush=True)
                _answer("scancel", "--state=PENDING", job.number)

    def look(self) -> list[Waiting]:
        """The jobs that were hopeless at the last look and still are: a reason may show while a job is submitted."""
        hopeless = [job for job in waiting(self.folder) if HOPELESS.fullmatch(job.reason)]
        lost = [job for job in hopeless if job.number in self.suspects]
        self.suspects = {job.number for job in hopeless}
        return lost


def waiting(folder: Path) -> list[Waiting]:
    """This user's waiting jobs that were submitted from `folder`; none where SLURM does not answer."""
    form = "%i|%r|%k|%Z"  # number, reason, comment, folder
    user = getpass.getuser()
    lines = _answer("squeue", "--noheader", "--states=PENDING", f"--user={user}", f"--format={form}").splitlines()
    jobs = [line.split("|", 3) for line in lines]
    return [Waiting(number, reason, rule.strip()) for number, reason, rule, place in jobs if Path(place) == folder]


def _answer(*command: str) -> str:
    """What a command of SLURM says; nothing when it fails or takes long, since there is another look."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
