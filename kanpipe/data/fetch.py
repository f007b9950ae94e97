"""Files from mirrors: tried in order, resumed after an interruption, and kept only when they are the published ones."""

import logging
import os
import tarfile
import time
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock

from kanpipe.data.sources import Source
from kanpipe.errors import FULL, UserError

log = logging.getLogger("kanpipe")

CHUNK = 2**20  # bytes
TIMEOUT = 30.0  # seconds without a byte
PATIENCE, SLOWEST = 60.0, 1024  # seconds after which so many bytes a second, on average, are too few


class _WebAlone(HTTPRedirectHandler):
    """Follows no redirection to another protocol."""

    def redirect_request(self, request, answer, code, message, headers, address):
        if not address.startswith(("http://", "https://")):
            raise OSError(f"the server sends one on to {address.partition(':')[0]}, which is not followed")
        return super().redirect_request(request, answer, code, message, headers, address)


OPENER = build_opener(_WebAlone)


def configured_mirror(config: Mapping[str, Any]) -> str | None:
    """The folder or URL to look in first: the key `mirror` of `data`, else the environment's KANPIPE_MIRROR."""
    return config["data"].get("mirror") or os.environ.get("KANPIPE_MIRROR")


def fetch(source: Source, folder: Path, mirror: str | None = None) -> Path:
    """Put the file of `source` into `folder`, from the first place that has it: `mirror`, then where it is published.

    A file of another size or SHA-256 is set aside as <name>.<n>.refused and the next place is tried. What an
    interrupted download has brought is gone on from, there or at the next place. Raises UserError, which says what
    each place answered and what to do, when none has the file.
    """
    path = folder / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        fault = _refused(source, path, path, number=0) if path.exists() else "missing"
        if not fault:
            return path
        answers = [] if fault == "missing" else [f"{path}: {fault}"]
        for number, place in enumerate(_places(source, mirror), start=1):
            answer = _try(source, place, path, number)
            if not answer:
                return path
            log.warning("%s: %s", place, answer)
            answers.append(f"{place}: {answer}")
        if source.archive:
            return _unpack(source, fetch(source.archive, folder, mirror), path)
    raise UserError(_advice(source, answers))


def _places(source: Source, mirror: str | None) -> list[str]:
    """Where the file may be; a mirror may have it in the folder of its dataset or at its top."""
    own = [f"{mirror.rstrip('/')}/{name}" for name in (source.name, Path(source.name).name)] if mirror else []
    return [*own, *source.urls]


def _unpack(source: Source, archive: Path, path: Path) -> Path:
    """Bring the file from the archive; of what else is in there, and of its paths, nothing is used."""
    part = path.with_name(f".{path.name}.part")
    try:
        with tarfile.open(archive) as files, open(part, "wb") as out:
            inside = files.extractfile(source.name)
            if inside is None:
                raise KeyError(source.name)
            _copy(inside, out, source.size + 1)
    except (KeyError, tarfile.TarError, EOFError, zlib.error, RecursionError) as error:  # a link to itself: the last
        said = " ".join(str(error).split())
        raise UserError(f"{archive} has no file {source.name} ({said}); delete it and run again") from error
    if fault := _refused(source, part, path, number=0):
        raise UserError(f"{source.name} of {archive}: {fault}; delete the archive and run again")
    os.replace(part, path)
    log.info("%s: from %s", path, archive)
    return path


def _try(source: Source, place: str, path: Path, number: int) -> str:
    """Bring the file from one place; returns what went wrong, nothing when `path` is there."""
    part = path.with_name(f".{path.name}.part")
    try:
        resumed = _bring(place, part, source.size)
        if resumed and source.fault(part):  # the earlier bytes may have been those of another file
            part.unlink()
            _bring(place, part, source.size)
    except (OSError, HTTPException) as error:
        if _is_ours(error, part):
            raise
        return _in_words(error)
    if fault := _refused(source, part, path, number):
        return fault
    os.replace(part, path)
    log.info("%s: from %s", path, place)
    return ""


def _refused(source: Source, found: Path, path: Path, number: int) -> str:
    """Set the file aside when it is not the published one; returns why, nothing when it is."""
    fault = source.fault(found)
    if not fault:
        return ""
    aside = path.with_name(f"{path.name}.{number}.refused")
    os.replace(found, aside)
    return f"refused, {fault} (kept as {aside})"


def _bring(place: str, part: Path, size: int) -> bool:
    """Copy the file into `part`, a byte beyond `size` at most; returns whether earlier bytes were kept."""
    if place.startswith(("http://", "https://")):
        return _download(place, part, size)
    with open(Path(place).expanduser(), "rb") as file, open(part, "wb") as out:
        _copy(file, out, size + 1)
    return False


def _download(url: str, part: Path, size: int) -> bool:
    """As `_bring`; OSError when the connection ends early, with what came kept in `part`."""
    have = part.stat().st_size if part.exists() else 0
    have = have if have < size else 0
    wanted = {"Range": f"bytes={have}-"} if have else {}
    try:
        answer = OPENER.open(Request(url, headers={"User-Agent": "kanpipe", **wanted}), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink()  # a server that gives no parts would refuse this one for ever
        return _download(url, part, size)
    with answer:
        resumed = answer.status == 206
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise OSError("the server sent another part than it was asked for")
        done = have if resumed else 0
        with open(part, "ab" if resumed else "wb") as out:
            done += _copy(answer, out, size + 1 - done)
        if answer.length and done <= size:
            raise ConnectionError(f"the connection ended after {done:,} of {done + answer.length:,} bytes")
    return resumed


def _copy(file: IO[bytes], out: IO[bytes], most: int) -> int:
    """Copy up to `most` bytes; returns how many."""
    done, started = 0, time.monotonic()
    read = getattr(file, "read1", file.read)  # the one that does not wait for all that it is asked for
    while chunk := read(min(CHUNK, most - done)):
        out.write(chunk)
        done += len(chunk)
        seconds = time.monotonic() - started
        if seconds > PATIENCE and done < SLOWEST * seconds:
            raise TimeoutError(f"only {done:,} bytes came in {seconds:.0f} seconds")
    return done


def _is_ours(error: Exception, part: Path) -> bool:
    """Whether the fault lies on this side, so that another place would not help."""
    return isinstance(error, OSError) and (error.errno in FULL or error.filename == str(part))


def _in_words(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the server answers {error.code} {' '.join(str(error.reason).split())}"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _advice(source: Source, answers: list[str]) -> str:
    return (
        f"{source.name} cannot be had. {'. '.join(answers)}. Try again, or get the file ({source.size:,} bytes, "
        f"SHA-256 {source.sha256}) where there is a network, put it into a folder as {source.name}, and name that "
        "folder as `mirror` of `data` in config.yaml or as KANPIPE_MIRROR in the environment"
    )
