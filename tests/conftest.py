"""Fixtures that several folders of tests share."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

# Small tensors gain nothing from threads, and the threads of several workers stand in each other's
# way. Read when torch and NumPy are first
# imported, by the workers and by the processes that tests start, too.
for _library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")


@dataclass
class Page:
    """What the loopback server gives at one path, and how it misbehaves while doing so."""

    body: bytes
    etag: str | None = ""
    ranges: bool = True
    cut: list[int] = field(default_factory=list)  # bytes after which a request is cut, in turn
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered before
    location: str | None = None
    length: int | None = None  # a lie
    slow: float = 0.0  # seconds between pieces of 64 KiB
    chunked: bool = False
    kind: str = "application/octet-stream"
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.etag == "":
            self.etag = f'"{hashlib.md5(self.body).hexdigest()}"'


@dataclass
class Loopback:
    """An HTTP server on this machine: put a `Page` at a path, read back who asked for what."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def put(self, path: str, body: bytes, **how: object) -> str:
        self.pages[path] = Page(body, **how)  # type: ignore[arg-type]
        return self.url + path


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            loopback.requests.append((self.path, dict(self.headers.items())))
            page = loopback.pages.get(path)
            if page is None:
                self.send_error(404)
                return
            if page.statuses:
                status, headers = page.statuses.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if page.location:
                self.send_response(302)
                self.send_header("Location", page.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._body(page)

        def _body(self, page: Page) -> None:
            body, start = page.body, 0
            asked = self.headers.get("Range")
            condition = self.headers.get("If-Range")
            if asked and page.ranges and condition in (None, page.etag):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            body = body[start:]
            self.send_header("Content-Type", page.kind)
            if page.etag:
                self.send_header("ETag", page.etag)
            if page.encoding:
                self.send_header("Content-Encoding", page.encoding)
            if page.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(page.length or len(body)))
            self.end_headers()
            cut = page.cut.pop(0) if page.cut else None
            try:
                self._send(body if cut is None else body[:cut], page)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if cut is not None or page.length:
                self.close_connection = True

        def _send(self, body: bytes, page: Page) -> None:
            for at in range(0, len(body), 1 << 16):
                piece = body[at : at + (1 << 16)]
                if page.chunked:
                    piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
                self.wfile.write(piece)
                if page.slow:
                    self.wfile.flush()
                    time.sleep(page.slow)
            if page.chunked:
                self.wfile.write(b"0\r\n\r\n")

    return Handler


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A fresh server on a free port; proxies of the environment don't come between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Loopback("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for something that another process does, at most 20 seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "waited 20 s in vain"
            time.sleep(0.01)

    return wait
