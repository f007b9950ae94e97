"""Servers on this machine that give what they have in every wrong way."""

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from jobs import WANTED

from kanpipe.data.sources import SOURCES, Source

STEP = 4096  # bytes at once


@dataclass
class Faulty:
    """What a server does: it sends `body`, in steps with pauses, under the status and the headers that it is given."""

    body: bytes
    pause: float = 0.0  # seconds after each step
    stall: float = 0.0  # seconds before the first byte of the body
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)  # beside or in place of those that are true
    ranges: str = "honoured"  # honoured, ignored or refused
    asked: list[str | None] = field(default_factory=list)  # the Range header of each request


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as a `Faulty` says."""

    def __init__(self, faulty: Faulty, *arguments: object) -> None:
        self.faulty = faulty
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        faulty, wanted = self.faulty, self.headers.get("Range")
        faulty.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and faulty.ranges != "ignored" else 0
        if wanted and faulty.ranges == "refused":
            return self.send_error(416)
        self.send_response(206 if start else faulty.status)
        body = faulty.body[start:]
        true = {"Content-Length": str(len(body))}
        true |= {"Content-Range": f"bytes {start}-{len(faulty.body) - 1}/{len(faulty.body)}"} if start else {}
        for name, value in (true | faulty.headers).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        time.sleep(faulty.stall)
        try:
            for place in range(0, len(body), STEP):
                self.wfile.write(body[place : place + STEP])
                time.sleep(faulty.pause)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has had enough
        return None

    def log_message(self, *arguments: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """On a free port of this machine."""

    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


@contextmanager
def serving(faulty: Faulty) -> Iterator[Server]:
    """Serve while the block lasts."""
    with Server(("127.0.0.1", 0), partial(Handler, faulty)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def source_of(content: bytes, *urls: str, archive: Source | None = None) -> Source:
    """The content as if it were published there."""
    return Source(WANTED, len(content), hashlib.sha256(content).hexdigest(), urls, archive)


def _publish(source: Source) -> None:
    SOURCES["wanted"] = (source,)


def published(content: bytes, *urls: str) -> partial:
    """What makes a job believe that the content is published there."""
    return partial(_publish, source_of(content, *urls))
