"""Files appear whole or not at all."""

import errno
import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kanpipe.errors import UserError
from kanpipe.files import (
    HOST,
    atomic,
    read_arrays,
    read_json,
    read_remakable,
    read_table,
    write_arrays,
    write_json,
    write_table,
)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert beside.parent == path.parent  # on the same file system, so that the renaming cannot fail half way
    assert path.read_text() == "whole"
    assert files(path.parent) == ["a.txt"]


def test_name_beside_keeps_the_suffix_that_writers_go_by(tmp_path):
    with atomic(tmp_path / "a.npz") as beside:
        np.savez(beside, x=np.arange(3))
    assert files(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("fault", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_fault_leaves_nothing_new_and_keeps_the_old(tmp_path, fault):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(fault), atomic(path) as beside:
        beside.write_text("ha")
        raise fault
    assert path.read_text() == "old"
    assert files(tmp_path) == ["a.txt"]


def test_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def write_half(self, text):
        with open(self, "w") as file:
            file.write(text[: len(text) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert files(tmp_path) == ["a.json"]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone, own, far = (
        tmp_path / f".a.{host}-{process}.partial.json"
        for host, process in ((HOST, dead.pid), (HOST, os.getppid()), ("elsewhere", dead.pid))
    )
    other = tmp_path / f".ab.{HOST}-{dead.pid}.partial.json"
    for path in (gone, own, far, other):
        path.touch()
    write_json(tmp_path / "a.json", 1)
    assert files(tmp_path) == sorted(["a.json", own.name, far.name, other.name])


def test_block_that_writes_nothing_is_a_fault(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "a.txt"):
        pass
    assert files(tmp_path) == []


def test_json_comes_back(tmp_path):
    value = {"a": [1, 2.5, None, True], "b": {"c": "é"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_refuses_what_is_not_a_finite_number(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": value})
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [b'{"a": [1, 2', b"", b"\xff\xfe"])
def test_damaged_json_is_told_with_its_file(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as fault:
        read_json(path)
    assert str(fault.value).startswith(f"{path} is not valid JSON")
    assert "delete it and run again" in str(fault.value)


def test_table_is_written_without_its_index_and_digits_survive(tmp_path):
    table = pd.DataFrame({"name": ["a", "b"], "value": [0.1 + 0.2, math.pi]}, index=[7, 8])
    write_table(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text() == f"name,value\na,0.30000000000000004\nb,{math.pi!r}\n"


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back(tmp_path, compressed):
    path = tmp_path / "a.npz"
    write_arrays(path, {"x": np.arange(3), "seed": 7}, compressed)
    with np.load(path) as by_numpy:  # for which the digest at the end is a comment
        for arrays in (read_arrays(path), by_numpy):
            assert arrays.keys() == {"x", "seed"}
            np.testing.assert_array_equal(arrays["x"], np.arange(3))


@pytest.mark.parametrize("length", [0, 3, 100])
def test_damaged_arrays_are_told_with_their_file(tmp_path, length):
    path = tmp_path / "samples.npz"
    write_arrays(path, {"x": np.arange(3)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=f"^{path} is damaged .*; delete it and run again"):
        read_arrays(path)


def test_arrays_that_hold_objects_are_refused(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x": np.array([{}], dtype=object)})
    with pytest.raises(UserError, match="a.npz is damaged .Object arrays cannot be loaded"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("write", [np.save, np.savez])
def test_what_others_wrote_is_not_read(tmp_path, write):
    with open(tmp_path / "a.npz", "wb") as file:
        write(file, np.arange(3))
    with pytest.raises(UserError, match="a.npz is damaged .it does not end with its SHA-256: .*delete it and run"):
        read_arrays(tmp_path / "a.npz")


def test_arrays_that_can_be_made_anew_are_nothing_when_they_are_missing_or_damaged(tmp_path, caplog):
    path = tmp_path / "a.npz"
    assert read_remakable(path) is None and not caplog.text
    write_arrays(path, {"x": np.arange(3)})
    assert read_remakable(path)["x"].tolist() == [0, 1, 2]
    path.write_bytes(path.read_bytes()[:40])
    assert read_remakable(path) is None
    assert f"{path} is damaged and is made anew" in caplog.text


def test_variant_that_is_called_null_keeps_its_name(tmp_path):
    write_table(tmp_path / "runs.csv", pd.DataFrame({"variant": ["null", "none"], "loss": [None, 0.5]}))
    found = read_table(tmp_path / "runs.csv")
    assert found["variant"].tolist() == ["null", "none"] and found["loss"].isna().tolist() == [True, False]


def test_table_comes_back_digit_for_digit(tmp_path):
    table = pd.DataFrame({"name": ["a", "b"], "value": [0.1 + 0.2, None]})
    write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table, rtol=1e-15)  # pandas may be an ulp off


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n1,2,3\n", b"\xff\xfe\x00"])
def test_damaged_table_is_told_with_its_file(tmp_path, content):
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{path} is damaged .*; delete it and run again"):
        read_table(path)
