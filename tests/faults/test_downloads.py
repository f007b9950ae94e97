"""downloads and archives: nothing wrong is kept, nothing outside is written, and it is told where the fault lies."""

import gzip
import io
import random
import tarfile
import time

import pytest
from servers import STEP, Faulty, serving, source_of

from kanpipe.data import fetch as fetching
from kanpipe.data.fetch import fetch
from kanpipe.errors import UserError

CONTENT = random.Random(0).randbytes(50_000)


@pytest.fixture
def quick(monkeypatch):
    """Less patience than with real servers."""
    monkeypatch.setattr(fetching, "TIMEOUT", 0.3)
    monkeypatch.setattr(fetching, "PATIENCE", 0.5)
    monkeypatch.setattr(fetching, "SLOWEST", 10 * STEP)


def refused(act, *arguments):
    with pytest.raises(UserError) as raised:
        act(*arguments)
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


HEADERS = {"Content-Length": "49999"}, {"Content-Length": "50001"}, {"Content-Length": "-1"}, {"Content-Length": "x"}
CASES = {
    "stalls": (Faulty(CONTENT, stall=1.0), "timed out"),
    "drips": (Faulty(CONTENT, pause=0.2), "bytes came in"),
    "redirects to itself": (Faulty(b"", status=302, headers={"Location": "/file.bin"}), "infinite loop"),
    "redirects to ftp": (Faulty(b"", status=302, headers={"Location": "ftp://127.0.0.1/x"}), "on to ftp, which is not"),
    "redirects to a file": (Faulty(b"", status=302, headers={"Location": "file:///etc/passwd"}), "on to file, which"),
    "redirects nowhere": (Faulty(b"", status=302), "answers 302"),
    "says a byte less": (Faulty(CONTENT, headers=HEADERS[0]), "49,999 bytes instead of 50,000"),
    "says a byte more": (Faulty(CONTENT, headers=HEADERS[1]), "49,999 bytes"),
    "sends a byte more": (Faulty(CONTENT + b"x"), "50,001 bytes instead of 50,000"),
    "sends without end": (Faulty(CONTENT * 40, headers={"Content-Length": ""}), "50,001 bytes instead of 50,000"),
    "sends other bytes": (Faulty(CONTENT[::-1]), "SHA-256"),
    "sends nothing": (Faulty(b""), "0 bytes instead of 50,000"),
    "compresses unasked": (Faulty(gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"}), "bytes instead of"),
    "is not there": (Faulty(b"", status=404), "answers 404"),
    "is broken": (Faulty(b"", status=500), "answers 500"),
    "speaks in riddles": (Faulty(b"", status=999), "answers 999"),
}


@pytest.mark.parametrize("case", CASES)
def test_server(tmp_path, quick, injected, case):
    faulty, words = CASES[case]
    with serving(faulty) as server:
        said = refused(fetch, source_of(CONTENT, server.url), tmp_path)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > len(CONTENT) + 1]
    fine = not (tmp_path / "some/file.bin").exists() and not kept
    injected(f"a server {case}", "refused, told" if fine else "broken", said)
    assert fine


@pytest.mark.parametrize("headers", HEADERS[2:])
def test_server_with_a_length_that_is_none(tmp_path, quick, injected, headers):
    with serving(Faulty(CONTENT, headers=headers)) as server:
        fetch(source_of(CONTENT, server.url), tmp_path)
    injected("a server has no length", "the same bytes")
    assert (tmp_path / "some/file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", ["ignored", "refused"])
@pytest.mark.parametrize("start", [CONTENT[:999], b"of another", CONTENT[:-1]])
def test_server_that_gives_no_parts(tmp_path, injected, ranges, start):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/.file.bin.part").write_bytes(start)
    with serving(Faulty(CONTENT, ranges=ranges)) as server:
        fetch(source_of(CONTENT, server.url), tmp_path)
    injected(f"parts of a file {ranges}", "the same bytes")
    assert (tmp_path / "some/file.bin").read_bytes() == CONTENT and len(server.RequestHandlerClass.args[0].asked) <= 2


def test_good_server_behind_a_bad_one_is_asked(tmp_path, quick, injected):
    with serving(Faulty(CONTENT, stall=1.0)) as bad, serving(Faulty(CONTENT)) as good:
        started = time.monotonic()
        fetch(source_of(CONTENT, bad.url, good.url), tmp_path)
    injected("a server stalls, another does not", "the same bytes")
    assert (tmp_path / "some/file.bin").read_bytes() == CONTENT and time.monotonic() - started < 10


def member(name="some/file.bin", content=CONTENT, **settings):
    """A member of an archive, and what it holds."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in settings.items():
        setattr(info, key, value)
    return info, content


def link(kind, target, name="some/file.bin"):
    return member(name, b"", type=kind, linkname=target)


ARCHIVES = {
    "a path above": [member("../file.bin")],
    "an absolute path": [member("/srv/file.bin")],
    "a link to a file of the machine": [link(tarfile.SYMTYPE, "/etc/passwd")],
    "a hard link to a file of the machine": [link(tarfile.LNKTYPE, "/etc/passwd")],
    "a link to itself": [link(tarfile.SYMTYPE, "file.bin")],
    "links in a circle": [link(tarfile.SYMTYPE, "b"), link(tarfile.SYMTYPE, "file.bin", "some/b")],
    "a folder in its place": [member(content=b"", type=tarfile.DIRTYPE)],
    "a device in its place": [member(content=b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a pipe in its place": [member(content=b"", type=tarfile.FIFOTYPE)],
    "too much": [member(content=CONTENT * 100)],
    "too little": [member(content=CONTENT[:-1])],
    "other bytes": [member(content=CONTENT[::-1])],
    "nothing": [],
    "a right one before a wrong one": [member(), member(content=CONTENT[::-1])],
}


def packed(members, mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def unpack(archive, folder):
    """Fetch a file that is published in this archive alone; what is there then outside of it."""
    with serving(Faulty(archive)) as server:
        of = source_of(archive, server.url)
        whole = type(of)("archive.tar.gz", of.size, of.sha256, of.urls)
        return fetch(source_of(CONTENT, archive=whole), folder / "data")


@pytest.mark.parametrize("case", ARCHIVES)
def test_archive(tmp_path, injected, case):
    said = refused(unpack, packed(ARCHIVES[case]), tmp_path)
    written = {path.name for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".lock")}
    fine = written <= {"archive.tar.gz", ".file.bin.part", "file.bin.0.refused"} and "archive" in said
    injected(f"an archive with {case}", "refused, told" if fine else "broken", said)
    assert fine, written


@pytest.mark.parametrize("seed", range(8))
def test_broken_archive(tmp_path, injected, seed):
    archive, draw = packed([member("other", b"x" * 5000), member()]), random.Random(seed)
    cut = archive[: draw.randrange(len(archive))] if seed % 2 else draw.randbytes(30_000)
    said = refused(unpack, cut, tmp_path)
    injected("an archive cut or garbled", "refused, told" if "archive.tar.gz" in said else "broken", said)
    assert "archive.tar.gz" in said


def test_archive_of_endless_zeros(tmp_path, injected):
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb") as out:
        info = tarfile.TarInfo("some/file.bin")
        info.size = 300 * 2**20
        out.write(info.tobuf())
        for _ in range(300):
            out.write(bytes(2**20))
    said = refused(unpack, stream.getvalue(), tmp_path)
    most = max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    injected("an archive with 300 MiB of zeros", "refused, told" if most < 2**20 else "broken", said)
    assert most < 2**20
