"""damaged files: what is not as it was written is refused by its name, or changes nothing."""

import random
import shutil

import pytest
from jobs import VARIANTS, Job, leftovers

LEFT = ("weights.safetensors", "snapshots.safetensors", "history.csv", "run.json", "samples.npz", "sampled.json")


def flipped(content, draw):
    """One bit, anywhere."""
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def zeroed(content, draw):
    """A sector of the disk, lost."""
    place = draw.randrange(max(1, len(content) - 512))
    return content[:place] + bytes(min(512, len(content) - place)) + content[place + 512 :]


def truncated(content, draw):
    return content[: draw.randrange(1, len(content))]


def emptied(content, draw):
    return b""


def garbled(content, draw):
    return draw.randbytes(len(content))


KINDS = {kind.__name__: kind for kind in (flipped, zeroed, truncated, emptied, garbled)}


def judged(ended, job, expected, name):
    """What came of a damaged input: refused, in a sentence that names it; vague; no effect; silent."""
    if ended.status == 0:
        same = all(path.read_bytes() == content for path, content in expected.items())
        return "without effect" if same else "used silently"
    clear = name in ended.sentence and "the whole story" not in ended.sentence
    return "refused by name" if ended.status == 1 and clear else "told vaguely"


def damage(path, kind, seed):
    """Damage a file; the same seed damages equal files alike."""
    content = path.read_bytes()
    bad = KINDS[kind](content, random.Random(f"{kind} {path.name} {seed}"))
    path.write_bytes(bad)
    return bad != content


DAMAGES = [("flipped", n) for n in range(8)] + [("zeroed", n) for n in range(2)]
DAMAGES += [("truncated", n) for n in range(4)] + [("emptied", 0), ("garbled", 0)]


@pytest.mark.parametrize(("kind", "seed"), DAMAGES)
@pytest.mark.parametrize("name", LEFT)
def test_damaged_results_are_not_scored(results, injected, name, kind, seed):
    job = Job(results, "evaluate")
    expected = {path: path.read_bytes() for path in job.out}
    damage(results / "swiss_roll" / VARIANTS[seed % 2] / "seed0" / name, kind, seed)
    ended = job.run()
    outcome = judged(ended, job, expected, name)
    injected(f"{name} {kind}, before evaluate", outcome, ended.sentence)
    assert outcome in ("refused by name", "without effect"), ended.said


@pytest.mark.parametrize("names", [*((name,) for name in LEFT), ("samples.npz", "sampled.json")], ids=" and ".join)
def test_files_of_another_run_are_not_scored(results, injected, names):
    job, runs = Job(results, "evaluate"), [results / "swiss_roll" / variant / "seed0" for variant in VARIANTS]
    expected = {path: path.read_bytes() for path in job.out}
    for name in names:
        shutil.copyfile(runs[0] / name, runs[1] / name)
    ended = job.run()
    outcome = judged(ended, job, expected, names[-1])
    injected(f"{' and '.join(names)} of another run, before evaluate", outcome, ended.sentence)
    assert outcome in ("refused by name", "without effect"), ended.said


@pytest.mark.parametrize(("kind", "seed"), DAMAGES)
@pytest.mark.parametrize("name", ["runs.csv", "floors.csv.sha256"])
def test_damaged_scores_are_not_published(results, injected, name, kind, seed):
    job = Job(results, "publish")
    expected = {path: path.read_bytes() for path in job.out}
    damage(results / "swiss_roll" / name, kind, seed)
    ended = job.run()
    outcome = judged(ended, job, expected, name)
    injected(f"{name} {kind}, before publish", outcome, ended.sentence)
    assert outcome in ("refused by name", "without effect"), ended.said


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run killed after its first checkpoint."""
    folder = tmp_path_factory.mktemp("killed") / "results"
    folder.mkdir()
    job = Job(folder, "train", "mlp")
    state = job.out[0].parent / ".checkpoint/state.pt"
    assert job.killed_when(state.exists).status == -9
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "seed"),
    [("state.pt", "flipped", n) for n in range(10)] + [("state.pt", "zeroed", n) for n in range(3)]
    + [("state.pt", "truncated", n) for n in range(3)] + [("state.pt", "emptied", 0), ("state.pt", "garbled", 0)]
    + [("identity.json", "flipped", n) for n in range(3)] + [("identity.json", "truncated", 0)],
)  # fmt: skip
def test_damaged_checkpoints_are_not_gone_on_from(killed, whole, tmp_path, injected, name, kind, seed):
    job = Job(shutil.copytree(killed, tmp_path / "results"), "train", "mlp")
    folder = job.out[0].parent
    damage(folder / ".checkpoint" / name, kind, seed)
    ended = job.run()
    expected = {path: (whole / path.relative_to(job.folder)).read_bytes() for path in job.out if path.suffix != ".json"}
    outcome = judged(ended, job, expected, "state.pt")
    injected(f"{name} {kind}, before going on", outcome, ended.sentence)
    assert outcome in ("refused by name", "without effect"), ended.said
    if ended.status:
        shutil.rmtree(folder / ".checkpoint")  # which is what the sentence says
        assert job.run().status == 0 and not leftovers(job.folder)
