"""What surrounds the work of one job: its log, and faults told in one sentence."""

import ctypes
import errno
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kanpipe.errors import FULL, UserError

log = logging.getLogger("kanpipe")
log.addHandler(logging.NullHandler())  # so that nothing goes to the terminal where the log cannot be written

LAST_WORDS = "kanpipe: "  # begins the sentence in which a job ends that fails

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def set_environment(root: Path) -> None:
    """Let all processes started from here find the package, installed or not, and use the CPU well."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads ruin small networks on a shared machine


def keep_freed_memory() -> None:
    """Let a process that works with one network keep the memory that it frees, where the C library is glibc.

    Every step asks for what the last one freed; to give it back and fault it in again takes half of the time of a
    KAN's training step, and two fifths of that of its samples. Not for jobs with many networks: the evaluation of 25
    runs grew to 14.5 GB with it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
        mallopt(option, 2**30)


@contextmanager
def job(log_file: str) -> Iterator[None]:
    """Send the job's log and warnings to `log_file`; end a fault with one sentence on the terminal.

    The traceback goes into the log. The exit status is 1 after any fault.
    """
    try:
        _log_to(Path(log_file))
        yield
    except Exception as error:
        log.error("%s", traceback.format_exc())
        sentence = explain(error, log_file)
        log.error("%s%s", LAST_WORDS, sentence)
        print(f"\n{LAST_WORDS}{sentence}\n", file=sys.stderr)
        sys.exit(1)


def last_words(folders: Iterable[Path], since: float) -> dict[Path, str]:
    """The sentence of each job that failed, by its log: of those below `folders` that were written after `since`.

    A job of a cluster says it on a terminal that nobody sees. A job that ended well at another try has another log.
    """
    found = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*.log") if path.stat().st_mtime >= since):
        _, begun, sentence = path.read_text(errors="replace").rstrip().rpartition("\n")[2].partition(f" {LAST_WORDS}")
        if begun:
            found[path] = sentence
    return found


def where_results_are(results: Path, data: Path) -> str:
    """The last line of a workflow that ended well: the places that are there."""
    places = [str(results / "tables")] if (results / "tables").is_dir() else []
    places += [f"{results}/*/figures"] if any(results.glob("*/figures")) else []
    page = results / "index.html"
    if not places:
        return f"Done: the data are in {data}"
    return f"Results: {' and '.join(places)}" + (f"; all on one page: {page}" if page.exists() else "")


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=path,
        filemode="w",
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    logging.raiseExceptions = False  # a log on a full disk says nothing on the terminal: the job's sentence does
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    # A toolkit without a GPU is no news to somebody who trains on a CPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)


def _that_led_to(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those while whose handling it was raised: who tidies up after a full disk may fail once more."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _of_full_disk(error: BaseException) -> bool:
    """Whether the disk or a quota was full, which safetensors reports by an error of its own."""
    return any(getattr(error, "errno", None) == full or os.strerror(full) in str(error) for full in FULL)


def explain(error: Exception, log_file: str) -> str:
    """One sentence: what happened and what to do."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return f"{error.filename or 'a file'} would be larger than `ulimit -f` lets it; raise that and run again"
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f"{error.filename or error} lies on a file system that is read-only; make it writable and run again"
    if full := next(filter(_of_full_disk, _that_led_to(error)), None):
        file = getattr(full, "filename", None)
        where = f" while writing {file}" if file else ""
        return f"the disk is full{where}; free some space and run the same command again: what is done is kept"
    if isinstance(error, PermissionError):
        return f"{error.filename or error} may not be opened; mend its permissions or choose another results_dir"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} is gone; leave the results alone while jobs run, and run the same command again"
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said} (the whole story is in {log_file})"
