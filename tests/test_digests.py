"""Damage of any file that a later stage reads is seen, or changes nothing that is read."""

import random
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
import torch
from run_records import record, recorded
from safetensors.torch import save_file

from kanpipe import digests
from kanpipe.errors import UserError
from kanpipe.files import read_arrays, write_arrays, write_table
from kanpipe.runs import FinishedRun, Record
from kanpipe.training.checkpoint import Checkpoint
from kanpipe.training.shards import Shards

DAMAGES = 200  # of each kind of file: 1,200 in all
NUMBERS = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
STATE = {"step": 7, "model": {"weight": torch.from_numpy(NUMBERS)}, "history": [0.5, 0.25]}


def as_text(value):
    """All of what was read, bit for bit."""
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    return (
        value.tobytes()
        if isinstance(value, np.ndarray)
        else value.numpy().tobytes()
        if torch.is_tensor(value)
        else value
    )


def checkpoint(folder):
    with Checkpoint(folder, {}).held() as held:
        held.save(STATE)
    return held.path, held.load


def weights(folder):
    save_file({"weight": torch.from_numpy(NUMBERS)}, folder / "weights.safetensors")
    run = recorded(folder)
    return folder / "weights.safetensors", lambda: run.tensors("weights.safetensors")


def samples(folder, compressed=True):
    write_arrays(folder / "samples.npz", {"prior": NUMBERS, "seed": np.array(3)}, compressed)
    return folder / "samples.npz", lambda: read_arrays(folder / "samples.npz")


def shard(folder):
    shards = Shards(folder / "samples.npz", {})
    with shards.held():
        shards.save("part", {"images": NUMBERS})
    (part,) = (folder / ".samples").glob("*/part.npz")
    return part, lambda: shards.load("part")


def history(folder):
    import pandas as pd

    write_table(folder / "history.csv", pd.DataFrame({"step": range(1000), "loss": NUMBERS}))
    run = recorded(folder)
    return folder / "history.csv", lambda: as_text({k: v.to_numpy() for k, v in run.history().items()})


def run_record(folder):
    record(settings={"steps": 4, "rate": 0.1}, files={"weights.safetensors": "ab" * 32}).write(folder)
    return folder / "run.json", lambda: asdict(FinishedRun.read(folder).record)


def flipped(whole, draw):
    place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
    return whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]


def zeroed(whole, draw):
    length = draw.choice([1, 16, 512])
    place = draw.randrange(len(whole))
    return whole[:place] + bytes(len(whole[place : place + length])) + whole[place + length :]


def cut(whole, draw):
    return whole[: draw.randrange(len(whole))]


@pytest.mark.parametrize("write", [checkpoint, weights, samples, shard, history, run_record])
def test_damage_is_refused_or_harmless(tmp_path, write):
    path, read = write(tmp_path)
    whole, expected, draw = path.read_bytes(), as_text(read()), random.Random(0)
    refused = 0
    for number in range(DAMAGES):
        damaged = draw.choice([flipped, zeroed, cut])(whole, draw)
        path.write_bytes(damaged)
        try:
            found = as_text(read())
        except UserError as error:
            assert str(path) in str(error) and "delete" in str(error) and "\n" not in str(error)
            found = None
        assert found in (None, expected), f"damage {number} went unseen"
        refused += found is None
        assert found is None or damaged == whole or write is run_record
    assert refused > 0.95 * DAMAGES
    path.write_bytes(whole)
    assert as_text(read()) == expected


def test_seal_is_the_comment_of_the_archive_and_its_digest(tmp_path):
    path, _ = samples(tmp_path, compressed=False)
    whole = path.read_bytes()
    (tmp_path / "rest").write_bytes(whole[: -digests.LENGTH])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment == f"sha256:{digests.sha256(tmp_path / 'rest')}".encode()
    assert archive.comment.decode() == f"sha256:{digests.seal_of(path)}"


def test_file_without_a_seal_has_none_to_say(tmp_path):
    (tmp_path / "a").write_bytes(b"short")
    with pytest.raises(ValueError, match="does not end with its SHA-256"):
        digests.seal_of(tmp_path / "a")


def test_digest_of_json_does_not_depend_on_the_order_of_keys():
    assert digests.of_json({"a": 1, "b": [2.5, None]}) == digests.of_json({"b": [2.5, None], "a": 1})
    assert digests.of_json({"a": 1}) != digests.of_json({"a": 2})


def test_digests_of_a_folder_leave_out_what_is_hidden(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    found = digests.of_files(tmp_path)
    assert list(found) == ["a", "b"] and found["a"] == digests.sha256(tmp_path / "a")


def test_record_comes_back(tmp_path):
    record(seconds=0.1).write(tmp_path)
    assert Record.read(tmp_path) == record(seconds=0.1)


def test_digest_of_tensors_is_of_names_and_values_in_any_order():
    a, b = torch.arange(3.0), torch.ones(2)
    digest = digests.of_tensors({"a": a, "b": b})
    assert digest == digests.of_tensors({"b": b, "a": a})
    assert digest != digests.of_tensors({"a": a, "c": b})
    assert digest != digests.of_tensors({"a": a, "b": b.nextafter(torch.zeros(2))})
