"""A fault of a job is one sentence on the terminal and the whole story in its log."""

import errno
import logging
import os
import re
import warnings
import zlib
from contextlib import suppress

import pytest
from safetensors import SafetensorError

from kanpipe.errors import UserError
from kanpipe.jobs import job, last_words, set_environment, where_results_are


@pytest.fixture(autouse=True)
def logging_restored():
    """Give the root logger back its handlers, which a job replaces with its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        with suppress(OSError):  # of a log that cannot be written
            handler.close()
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def log_file(tmp_path):
    return tmp_path / "logs" / "train.log"


def sentence(error, log_file, capsys):
    """What the terminal shows when `error` ends a job."""
    with pytest.raises(SystemExit) as ending, job(str(log_file)):
        raise error
    assert ending.value.code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.strip().splitlines()
    assert len(lines) == 1, shown.err
    return lines[0]


def test_user_error_is_its_own_sentence(log_file, capsys):
    assert sentence(UserError("a.pt is damaged; delete it"), log_file, capsys) == "kanpipe: a.pt is damaged; delete it"


def test_full_disk_says_that_the_work_is_kept(log_file, capsys):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/state.pt")
    assert sentence(full, log_file, capsys) == (
        "kanpipe: the disk is full while writing results/state.pt; "
        "free some space and run the same command again: what is done is kept"
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EFBIG, "kanpipe: a.npz would be larger than `ulimit -f` lets it; raise that and run again"),
        (errno.EROFS, "kanpipe: a.npz lies on a file system that is read-only; make it writable and run again"),
        (
            errno.ENOENT,
            "kanpipe: a.npz is gone; leave the results alone while jobs run, and run the same command again",
        ),
    ],
)
def test_fault_of_the_file_system_names_the_file_and_the_remedy(log_file, capsys, number, words):
    assert sentence(OSError(number, os.strerror(number), "a.npz"), log_file, capsys) == words


def test_log_that_cannot_be_written_says_nothing_on_the_terminal(log_file, capsys):
    log_file.parent.mkdir()
    log_file.symlink_to("/dev/full")
    assert sentence(UserError("a.pt is damaged"), log_file, capsys) == "kanpipe: a.pt is damaged"


def test_full_disk_without_a_file_name_does_not_say_none(log_file, capsys):
    assert sentence(OSError(errno.ENOSPC, "full"), log_file, capsys).startswith("kanpipe: the disk is full; free some")


def test_full_disk_is_recognised_in_an_error_of_safetensors(log_file, capsys):
    full = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert sentence(full, log_file, capsys).startswith("kanpipe: the disk is full; free some")


def test_full_disk_is_recognised_behind_the_error_of_who_tidies_up(log_file, capsys):
    try:
        try:
            raise OSError(errno.ENOSPC, "full", "a.pdf")
        finally:
            zlib.decompress(b"none")
    except zlib.error as error:
        assert sentence(error, log_file, capsys).startswith("kanpipe: the disk is full while writing a.pdf; free some")


def test_forbidden_file_is_named(log_file, capsys):
    forbidden = PermissionError(errno.EACCES, "Permission denied", "results/run.json")
    assert sentence(forbidden, log_file, capsys).startswith("kanpipe: results/run.json may not be opened; mend its")


def test_unexpected_fault_points_to_the_log(log_file, capsys):
    shown = sentence(KeyError("epochs"), log_file, capsys)
    assert shown == f"kanpipe: KeyError: 'epochs' (the whole story is in {log_file})"


@pytest.mark.parametrize("text", ["", "sizes differ\n\nmodel: 3\nfile: 4"])
def test_unexpected_fault_of_any_number_of_lines_is_one_line(log_file, capsys, text):
    assert sentence(RuntimeError(text), log_file, capsys).startswith("kanpipe: RuntimeError")


@pytest.mark.parametrize("error", [UserError("a reason"), ValueError("a reason")])
def test_log_has_the_traceback_and_the_sentence(log_file, capsys, error):
    sentence(error, log_file, capsys)
    text = log_file.read_text()
    assert "Traceback (most recent call last)" in text
    assert "raise error" in text
    assert "a reason" in text.splitlines()[-1]


def test_last_words_are_those_of_jobs_that_failed_in_this_run(tmp_path, capsys):
    logs = {name: tmp_path / f"logs/{name}.log" for name in ("old", "well", "failed")}
    for file in (logs["old"], logs["failed"]):
        sentence(UserError("a.pt is damaged; delete it"), file, capsys)
    with job(str(logs["well"])):
        logging.getLogger("kanpipe").info("half way")
    os.utime(logs["old"], (1, 1))
    assert last_words([tmp_path / "logs", tmp_path / "none"], since=2) == {logs["failed"]: "a.pt is damaged; delete it"}


def test_log_has_messages_and_warnings_with_their_time(log_file, capsys):
    with job(str(log_file)), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.getLogger("kanpipe").info("half way")
        warnings.warn("take care", stacklevel=1)
    assert re.search(r"^\d\d:\d\d:\d\d half way$", log_file.read_text(), re.MULTILINE)
    assert "take care" in log_file.read_text()
    assert capsys.readouterr() == ("", "")


def test_stop_by_the_user_is_no_fault(log_file, capsys):
    with pytest.raises(KeyboardInterrupt), job(str(log_file)):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""


def test_environment_leads_jobs_to_the_package_and_keeps_what_was_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    set_environment(tmp_path)
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), "/elsewhere"]
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_environment_lets_idle_threads_sleep_and_has_no_empty_path(monkeypatch, tmp_path):
    # An empty entry of PYTHONPATH would be the current folder.
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("OMP_WAIT_POLICY", "to be deleted")
    del os.environ["OMP_WAIT_POLICY"]
    set_environment(tmp_path)
    assert (os.environ["PYTHONPATH"], os.environ["OMP_WAIT_POLICY"]) == (str(tmp_path), "passive")


def test_last_line_names_what_is_there(tmp_path):
    results, data = tmp_path / "results/quick", tmp_path / "data"
    assert where_results_are(results, data) == f"Done: the data are in {data}"
    (results / "tables").mkdir(parents=True)
    assert where_results_are(results, data) == f"Results: {results}/tables"
    (results / "swiss_roll/figures").mkdir(parents=True)
    (results / "index.html").touch()
    expected = f"Results: {results}/tables and {results}/*/figures; all on one page: {results}/index.html"
    assert where_results_are(results, data) == expected
