"""Unfinished work: whose it is, and when it goes."""

import pytest

from kanpipe.errors import UserError
from kanpipe.training.kept import Kept, place

IDENTITY = {"seed": 0, "spec": {"steps": 4, "sizes": (2, 3)}, "config_hash": "a"}


def kept(folder, **changes):
    return Kept(folder / ".work", "*.part", IDENTITY | changes)


def leave(folder, *names):
    """Work that a job has not finished."""
    with kept(folder).held("taken"):
        for name in names:
            (folder / ".work" / name).write_text("done")


def test_folder_goes_with_its_work(tmp_path):
    leave(tmp_path, "a.part")
    with kept(tmp_path).held("taken"):
        assert [path.name for path in kept(tmp_path).files()] == ["a.part"]
        kept(tmp_path).forget()
        assert (tmp_path / ".work").exists()
    assert not (tmp_path / ".work").exists()


def test_work_of_the_same_identity_has_no_differences(tmp_path):
    leave(tmp_path, "a.part")
    with kept(tmp_path).held("taken"):
        assert kept(tmp_path).differences() == []  # a tuple comes back as a list


def test_differences_are_phrases_and_stay_until_the_work_is_claimed(tmp_path):
    leave(tmp_path, "a.part")
    other = kept(tmp_path, seed=1, spec={"steps": 5}, config_hash="b")
    with other.held("taken"):
        phrases = ["seed was 0 and is 1", "spec.sizes was [2, 3] and is None", "spec.steps was 4 and is 5"]
        assert other.differences() == phrases
        other.claim()
        assert other.differences() == []


def test_where_there_is_no_work_the_next_job_is_the_owner(tmp_path):
    leave(tmp_path, "a.part")
    (tmp_path / ".work" / "a.part").unlink()
    with kept(tmp_path, seed=1).held("taken"):
        assert kept(tmp_path, seed=1).differences() == []


@pytest.mark.parametrize("damage", ["remove", "cut"])
def test_work_that_nobody_knows_the_owner_of_is_another_s(tmp_path, damage):
    leave(tmp_path, "a.part")
    identity = tmp_path / ".work" / "identity.json"
    identity.unlink() if damage == "remove" else identity.write_text("{")
    with kept(tmp_path).held("taken"):
        assert kept(tmp_path).differences() == ["identity.json is missing or damaged"]


def test_half_written_files_are_no_work_and_are_removed(tmp_path):
    leave(tmp_path, "a.part")
    half = tmp_path / ".work" / ".b.7.partial.part"
    half.write_text("ha")
    assert len(kept(tmp_path).files()) == 1
    with kept(tmp_path).held("taken"):
        assert not half.exists()


def test_held_folder_is_refused_with_the_words_of_the_job(tmp_path):
    with kept(tmp_path).held("first"), pytest.raises(UserError, match="second; wait until it ends or stop it"):
        kept(tmp_path).held("second").__enter__()


def test_place_is_all_that_numbers_depend_on_beside_the_code(machine):
    assert place(machine).keys() == {"device", "threads", "torch"}
