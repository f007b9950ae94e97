"""Finished work: kept under second names, and taken for the outputs of a job that would make the same."""

import os

import pytest

from kanpipe.training.finished import LIST, Finished

IDENTITY = {"seed": 0, "spec": {"steps": 4}}
FILES = {"run.json": b"{}", "weights": b"\x00\x01", "history.csv": b"step\n"}


@pytest.fixture(params=["links", "copies"])
def kept(request, tmp_path, monkeypatch):
    """The results of a job, on a file system with hard links and on one without."""
    if request.param == "copies":
        monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(OSError("not supported")))
    with Finished(tmp_path / ".done", IDENTITY).collected() as folder:
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        assert [path.name for path in tmp_path.iterdir()] == [".done"]  # nothing is in its place before the end
    return tmp_path


def adopted(folder, **changes):
    return Finished(folder / ".done", IDENTITY | changes).adopt()


def outputs(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_results_are_in_their_place_and_kept(kept):
    assert outputs(kept) == FILES
    assert {path.name for path in (kept / ".done").iterdir()} == {*FILES, LIST}


def test_second_names_take_no_room(tmp_path):
    with Finished(tmp_path / ".done", IDENTITY).collected() as folder:
        (folder / "weights").write_bytes(b"large")
    assert os.path.samefile(tmp_path / "weights", tmp_path / ".done" / "weights")


@pytest.mark.parametrize("lost", [(), ("weights",), FILES], ids=str)
def test_outputs_that_were_deleted_come_back(kept, lost):
    for name in lost:
        (kept / name).unlink()
    assert adopted(kept)
    assert outputs(kept) == FILES
    assert not list(kept.glob(".*partial*"))


def test_record_of_a_run_comes_last(kept, monkeypatch):
    placed, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda *names: placed.append(names[1].name) or replace(*names))
    adopted(kept)
    assert sorted(placed) == sorted(FILES) and placed[-1] == "run.json"


def test_results_of_another_identity_are_left_until_there_are_others(kept):
    assert not adopted(kept, seed=1)
    assert adopted(kept)
    with Finished(kept / ".done", IDENTITY | {"seed": 1}).collected() as folder:
        (folder / "weights").write_bytes(b"others")
    assert adopted(kept, seed=1) and not adopted(kept)


def test_where_nothing_was_finished_nothing_is_adopted(tmp_path):
    assert not adopted(tmp_path)


@pytest.mark.parametrize("name", ["weights", "run.json", LIST])
@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_damaged_results_are_not_adopted(kept, name, damage, caplog):
    path = kept / ".done" / name
    for output in FILES:
        (kept / output).unlink()
    if damage == "remove":
        path.unlink()
    elif damage == "add":
        path.with_name("more").write_text("more")
    else:
        path.write_bytes(b"[" + path.read_bytes())
    assert not adopted(kept)
    assert outputs(kept) == {}
    assert (damage, name) == ("remove", LIST) or "what was finished is made anew" in caplog.text


def test_fault_among_the_results_leaves_nothing_that_would_be_adopted(tmp_path):
    with pytest.raises(ZeroDivisionError), Finished(tmp_path / ".done", IDENTITY).collected() as folder:
        (folder / "weights").write_bytes(b"half")
        raise ZeroDivisionError
    assert not adopted(tmp_path) and outputs(tmp_path) == {}
