"""Downloads: mirrors in order, checks, resumption, and what is said when nothing works."""

import hashlib
import http.server
import os
import threading
import time
from contextlib import contextmanager

import pytest

from kanpipe.data.fetch import configured_mirror, fetch
from kanpipe.data.sources import SOURCES, Source, source
from kanpipe.errors import UserError

CONTENT = bytes(range(256)) * 40  # 10,240 bytes
NAME = "mnist/train.gz"


class Site(http.server.ThreadingHTTPServer):
    """Serves files from memory, with faults: ranges ignored or confused, connections cut or silent for a while."""

    def __init__(self, files, ranges="honoured", cut_after=None, silence=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges, self.cut_after, self.silence = files, ranges, cut_after, silence
        self.asked = []  # (path, Range header)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        body = self.server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges != "ignored" else 0
        self.send_response(206 if start else 200)
        if start:
            first = start + 1 if self.server.ranges == "confused" else start
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        time.sleep(self.server.silence)
        self.wfile.write(body[start : self.server.cut_after])
        return None

    def log_message(self, *args):
        pass


@contextmanager
def site(content=CONTENT, path="/train.gz", **faults):
    with Site({} if content is None else {path: content}, **faults) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def wanted(*sites, content=CONTENT):
    urls = tuple(f"{server.url}/train.gz" for server in sites)
    return Source(NAME, len(content), hashlib.sha256(content).hexdigest(), urls)


def visible(folder):
    return sorted(path.name for path in (folder / "mnist").iterdir() if not path.name.endswith(".lock"))


def test_file_comes_from_the_first_published_place(tmp_path):
    with site() as first, site() as second:
        path = fetch(wanted(first, second), tmp_path)
    assert path == tmp_path / NAME and path.read_bytes() == CONTENT
    assert len(first.asked) == 1 and not second.asked
    assert visible(tmp_path) == ["train.gz"]


def test_sound_file_is_not_asked_for_again(tmp_path):
    with site() as place:
        fetch(wanted(place), tmp_path)
        fetch(wanted(place), tmp_path)
    assert len(place.asked) == 1


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (CONTENT[:-1], "10,239 bytes instead of 10,240"),  # cut
        (CONTENT[:-1] + b"?", "SHA-256"),  # corrupt
        (b"<html>moved</html>", "18 bytes instead of 10,240"),  # wrong
        (CONTENT * 3, "10,241 bytes instead of 10,240"),  # of what is too long no more is read than shows it
        (b"", "0 bytes instead of 10,240"),
    ],
)
def test_wrong_file_is_refused_and_kept_aside_and_the_next_place_is_tried(tmp_path, caplog, bad, fault):
    with site(bad) as first, site() as second:
        path = fetch(wanted(first, second), tmp_path)
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "mnist/train.gz.1.refused").read_bytes() == bad[: len(CONTENT) + 1]
    assert f"{first.url}/train.gz: refused, {fault}" in caplog.text
    assert visible(tmp_path) == ["train.gz", "train.gz.1.refused"]


def test_wrong_file_in_place_is_set_aside_and_replaced(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / NAME).write_bytes(b"half")
    with site() as place:
        assert fetch(wanted(place), tmp_path).read_bytes() == CONTENT
    assert (tmp_path / "mnist/train.gz.0.refused").read_bytes() == b"half"


def test_missing_file_is_asked_for_elsewhere(tmp_path):
    with site(None) as first, site() as second:
        assert fetch(wanted(first, second), tmp_path).read_bytes() == CONTENT


def test_interrupted_download_is_gone_on_from_where_it_stopped(tmp_path):
    with site(cut_after=4000) as place:
        with pytest.raises(UserError, match=r"the connection ended after 4,000 of 10,240 bytes"):
            fetch(wanted(place), tmp_path)
        place.cut_after = None
        assert fetch(wanted(place), tmp_path).read_bytes() == CONTENT
    assert [header for _, header in place.asked] == [None, "bytes=4000-"]
    assert visible(tmp_path) == ["train.gz"]


def test_interrupted_download_is_gone_on_from_at_the_next_place(tmp_path):
    with site(cut_after=4000) as first, site() as second:
        assert fetch(wanted(first, second), tmp_path).read_bytes() == CONTENT
    assert second.asked == [("/train.gz", "bytes=4000-")]


@pytest.mark.parametrize("start", [CONTENT[:4000], b"of another file", CONTENT, CONTENT + b"more"])
@pytest.mark.parametrize("ranges", ["honoured", "ignored"])
def test_whatever_a_killed_download_left_the_file_comes_out_right(tmp_path, start, ranges):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist/.train.gz.part").write_bytes(start)
    with site(ranges=ranges) as place:
        assert fetch(wanted(place), tmp_path).read_bytes() == CONTENT
    assert visible(tmp_path) == ["train.gz"]


def test_answer_with_another_part_is_not_taken(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist/.train.gz.part").write_bytes(CONTENT[:4000])
    with site(ranges="confused") as place, pytest.raises(UserError, match="another part than it was asked for"):
        fetch(wanted(place), tmp_path)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("name", ["mnist/train.gz", "train.gz"])
def test_folder_is_a_mirror_and_goes_before_the_published_places(tmp_path, name):
    mirror = tmp_path / "mirror"
    (mirror / name).parent.mkdir(parents=True)
    (mirror / name).write_bytes(CONTENT)
    with site() as place:
        assert fetch(wanted(place), tmp_path / "data", str(mirror)).read_bytes() == CONTENT
    assert not place.asked
    assert (mirror / name).exists()


def test_url_is_a_mirror_and_goes_before_the_published_places(tmp_path):
    with site(path="/copies/mnist/train.gz") as mirror, site() as place:
        assert fetch(wanted(place), tmp_path, f"{mirror.url}/copies/").read_bytes() == CONTENT
    assert not place.asked


def test_wrong_file_of_a_mirror_is_kept_aside_and_the_published_one_is_taken(tmp_path):
    (tmp_path / "mirror/mnist").mkdir(parents=True)
    (tmp_path / "mirror/mnist/train.gz").write_bytes(b"wrong")
    with site() as place:
        assert fetch(wanted(place), tmp_path, str(tmp_path / "mirror")).read_bytes() == CONTENT
    assert (tmp_path / "mnist/train.gz.1.refused").read_bytes() == b"wrong"
    assert (tmp_path / "mirror/mnist/train.gz").read_bytes() == b"wrong", "a mirror is only read"


def test_when_nothing_works_every_answer_and_the_way_out_are_told(tmp_path):
    with site(None) as first, site(b"wrong") as second, pytest.raises(UserError) as refusal:
        fetch(wanted(first, second), tmp_path, "/nowhere")
    told = str(refusal.value)
    assert told.startswith("mnist/train.gz cannot be had. /nowhere/mnist/train.gz: there is no such file.")
    assert f"{first.url}/train.gz: the server answers 404 Not Found" in told
    assert f"kept as {tmp_path}/mnist/train.gz.4.refused" in told
    assert "`mirror` of `data` in config.yaml or as KANPIPE_MIRROR" in told
    assert hashlib.sha256(CONTENT).hexdigest() in told
    assert "\n" not in told


def test_server_that_falls_silent_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("kanpipe.data.fetch.TIMEOUT", 0.1)
    with site(silence=0.5) as first, site() as second:
        assert fetch(wanted(first, second), tmp_path).read_bytes() == CONTENT
    assert len(first.asked) == 1


def test_server_that_is_not_there_is_told(tmp_path):
    with site() as gone:
        pass
    with pytest.raises(UserError, match="Connection refused"):
        fetch(wanted(gone), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written_is_not_blamed_on_the_mirrors(tmp_path):
    (tmp_path / "mnist").mkdir(mode=0o500)
    with site() as place, pytest.raises(PermissionError):
        fetch(wanted(place), tmp_path)


def test_full_disk_is_not_blamed_on_the_mirrors(tmp_path):
    full = tmp_path / "mnist/.train.gz.part"
    full.parent.mkdir()
    full.symlink_to("/dev/full")
    with site() as place, pytest.raises(OSError, match="No space left on device"):
        fetch(wanted(place), tmp_path)


def test_configured_mirror_goes_before_the_environment(monkeypatch):
    monkeypatch.delenv("KANPIPE_MIRROR", raising=False)
    assert configured_mirror({"data": {}}) is None
    monkeypatch.setenv("KANPIPE_MIRROR", "/from/environment")
    assert configured_mirror({"data": {}}) == "/from/environment"
    assert configured_mirror({"data": {"mirror": "/configured"}}) == "/configured"


def test_every_source_is_found_by_its_name_and_has_a_place():
    entries = [entry for entries in SOURCES.values() for entry in entries]
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert source(entry.name) is entry
        assert len(entry.sha256) == 64 and entry.size > 0
        urls = (entry.archive or entry).urls
        assert urls and all(url.startswith("https://") for url in urls)
