"""Every kind of experiments keeps to the protocol, and what does not is told."""

import sys

import pandas as pd
import pytest

import kanpipe.experiments
from kanpipe.config import kinds
from kanpipe.experiments import conformance
from kanpipe.experiments.protocol import check_rows

CONFIG = """
from kanpipe.config.models import Entry


class Experiment(Entry):
    "Nothing."
"""
OUTPUTS = """
from kanpipe.experiments.protocol import Outputs

OUTPUTS = Outputs(frames=("runs",), tables=("",), figures=lambda variants: ["one"])
"""
EVALUATE = """
from kanpipe.experiments.toy.config import Experiment


def evaluate(runs, spec: Experiment, inputs, machine):
    return {}
"""
SOUND = {
    "__init__": "",
    "config": CONFIG,
    "outputs": OUTPUTS,
    "evaluate": EVALUATE,
    "tables": "def tables(frames): return {}\n",
    "figures": "from kanpipe.experiments.toy.config import Experiment\n"
    "def figures(runs, frames, spec: Experiment, out): pass\n",
}


@pytest.mark.parametrize("kind", kinds.kinds())
def test_kind_keeps_to_the_protocol(kind):
    assert conformance.faults(kind) == []


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Writes the kind `toy`, whose files differ from sound ones as is said, and gives its faults."""
    folder = tmp_path / "toy"
    folder.mkdir()
    monkeypatch.setattr(kanpipe.experiments, "__path__", [*kanpipe.experiments.__path__, str(tmp_path)])

    def write(**files):
        for name, text in (SOUND | files).items():
            if text is not None:
                (folder / f"{name}.py").write_text(text)
        return conformance.faults("toy")

    yield write
    for name in [name for name in sys.modules if name.startswith("kanpipe.experiments.toy")]:
        del sys.modules[name]


def test_smallest_kind_is_six_small_files(toy):
    assert toy() == []


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"config": "Experiment = int\n"}, "has no model Experiment of an entry"),
        ({"outputs": "OUTPUTS = 3\n"}, "outputs.OUTPUTS is no Outputs"),
        ({"outputs": OUTPUTS.replace('"runs"', '"rows"')}, "has no frame `runs`, which claims are read from"),
        ({"outputs": OUTPUTS.replace('("",)', '("all",)')}, 'has no first table ""'),
        ({"tables": None}, "toy.tables is missing"),
        ({"evaluate": None}, "toy.evaluate is missing, and so is speed"),
        ({"tables": "TABLES = 1\n"}, "toy.tables has no function tables"),
        ({"tables": "def tables(rows): return {}\n"}, "tables takes rows instead of frames"),
        ({"evaluate": EVALUATE.replace(": Experiment", "")}, "takes another spec than the Experiment of its kind"),
        ({"train": "def train(run, machine, checkpoint_seconds=60.0): pass\n"}, "is no TrainedEntry, but the kind"),
    ],
)
def test_what_does_not_fit_is_told(toy, files, fault):
    assert [sentence for sentence in toy(**files) if fault in sentence]


def test_rows_need_what_claims_and_kept_results_read():
    row = {"experiment": "mine", "variant": "a"}
    check_rows("toy", pd.DataFrame([row]), trained=False)
    with pytest.raises(ValueError, match="^the frame `runs` of the kind toy has no column seed, status, config_hash"):
        check_rows("toy", pd.DataFrame([row]), trained=True)
