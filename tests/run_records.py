"""Records of runs that never were, for the tests of what reads them."""

from kanpipe import digests
from kanpipe.files import write_arrays
from kanpipe.runs import FinishedRun, Record


def record(**said):
    """A record with what a test has to say of it; nobody cares for the rest."""
    whole = {"experiment": "some", "kind": "some", "variant": "any", "seed": 0, "spec": {}, "code": "b"}
    whole |= {"config_hash": "a", "status": "finished", "diverged_at_step": None, "steps": 300, "parameters": 1234}
    whole |= {"compile": False, "settings": {}, "seconds": 30.0, "steps_per_second": 10.0, "sittings": 1}
    whole |= {
        "peak_memory_mib": 77.0,
        "device": "cpu",
        "threads": 1,
        "commit": "c",
        "versions": {},
        "finished": "2025-01-01",
        "files": {},
    }
    return Record(**whole | said)


def sealed_npz(path, **arrays):
    """A dataset or samples as the project writes them."""
    write_arrays(path, arrays)


def recorded(folder, **said):
    """A run of such a record, as it is read from a folder, whose files are taken for those of its training."""
    folder.mkdir(parents=True, exist_ok=True)
    record(**{"files": digests.of_files(folder)} | said).write(folder)
    return FinishedRun.read(folder)
