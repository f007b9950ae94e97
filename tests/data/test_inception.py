"""Which weights of the Inception are used."""

from pathlib import Path

import pytest

from kanpipe.data.inception import inception_weights
from kanpipe.data.sources import source


@pytest.fixture(autouse=True)
def no_file_named_outside(monkeypatch):
    monkeypatch.delenv("KANPIPE_INCEPTION", raising=False)


def test_published_weights_are_taken_from_the_data_folder():
    path = inception_weights({"data": {}, "data_dir": "/somewhere"})
    assert path.name == "weights-inception-2015-12-05-6726825d.pth"
    assert source(str(path.relative_to("/somewhere"))).sha256.startswith("6726825d"), "the name holds the SHA-256"


def test_configured_weights_go_before_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("KANPIPE_INCEPTION", "/from/environment.pth")
    assert inception_weights({"data": {}, "data_dir": "data"}) == Path("/from/environment.pth")
    assert inception_weights({"data": {"inception_weights": "mine.pth"}, "data_dir": "data"}) == Path("mine.pth")


def test_home_folder_may_be_written_short(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    path = inception_weights({"data": {"inception_weights": "~/mine.pth"}, "data_dir": "data"})
    assert path == Path("/home/someone/mine.pth")
