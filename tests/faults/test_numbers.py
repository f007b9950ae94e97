"""numbers: what is not finite in the files of a run is said, or has no part in what is scored."""

import math

import pandas as pd
import pytest
from jobs import PLAN, Job
from safetensors.torch import load_file, save_file

from kanpipe.files import write_table


def poison(path, name):
    """Put one value that is no number into the file."""
    if path.suffix == ".csv":
        write_table(path, pd.read_csv(path).assign(loss=math.nan))
        return
    tensors = load_file(path)
    first = next(key for key in sorted(tensors) if name in key)
    tensors[first] = tensors[first].clone()
    tensors[first].view(-1)[0] = math.nan
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("file", "name"), [("weights.safetensors", ""), ("snapshots.safetensors", "0/"), ("history.csv", "")]
)
def test_no_number_in_a_run_is_not_scored_silently(results, injected, file, name):
    poison(results / "swiss_roll/mlp/seed0" / file, name)
    ended = Job(results, "evaluate").run()
    row = pd.read_csv(results / "swiss_roll/runs.csv").set_index("variant").loc["mlp"]
    outcome = "refused by name" if file in ended.sentence else "vague" if ended.status else "used silently"
    injected(f"not a number in {file}", outcome, ended.sentence)
    assert outcome == "refused by name", row.to_dict()


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_training_that_diverges_is_a_row_that_says_so(tmp_path, injected, rate):
    settings = PLAN.blocks("train")["training"] | {"learning_rate": rate}
    (folder := tmp_path / "results").mkdir()
    for variant in ("mlp", "small_kan"):
        assert Job(folder, "train", variant, training=settings).run().status == 0
    for stage in ("sample", "evaluate"):
        ended = Job(folder, stage).run()
        assert ended.status == 0, ended.said
    rows = pd.read_csv(folder / "swiss_roll/runs.csv")
    injected("a learning rate that diverges", "said" if set(rows["status"]) == {"diverged"} else "used silently")
    assert set(rows["status"]) == {"diverged"} and rows["huber"].isna().all()
