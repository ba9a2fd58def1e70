"""One header as a row of plain values, read here or by helper processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from swath import errors
from swath.errors import SwathError, UnreadableFileError
from swath.raster.source import read_info

__all__ = ["Helpers", "Row", "read_chunk", "serve"]

#: CRS text or None, transform, width, height, count, dtype, nodata of band 1.
Row = tuple[str | None, tuple[float, ...], int, int, int, str, float | None]


def read_chunk(paths: Sequence[str]) -> list[Row | SwathError]:
    """The row of each file, or the error that it gave."""
    found: list[Row | SwathError] = []
    for path in paths:
        try:
            info = read_info(path)
        except SwathError as error:
            found.append(error)
            continue
        text = None if info.crs is None else info.crs.srs
        found.append(
            (
                text,
                tuple(info.transform)[:6],
                info.width,
                info.height,
                info.count,
                info.dtype.name,
                info.nodata[0],
            )
        )
    return found


class Helpers:
    """Processes that read headers, one a thread; without them, the threads read themselves.

    They are started as commands: unlike multiprocessing's, they neither inherit the locks of
    this process nor run the user's script a second time.
    """

    def __init__(self, processes: bool) -> None:
        self._processes = processes
        self._own = threading.local()
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()

    def read(self, paths: Sequence[str]) -> list[Row | SwathError]:
        """Rows of one chunk; read here if the helper fails (killed for memory, say)."""
        if not self._processes:
            return read_chunk(paths)
        process: Any = getattr(self._own, "process", None)
        try:
            if process is None:
                process = self._own.process = _start()
                self._started.append(process)
            process.stdin.write(json.dumps(list(paths)) + "\n")
            process.stdin.flush()
            return [_from_json(row) for row in json.loads(process.stdout.readline())]
        except (OSError, ValueError):
            return read_chunk(paths)


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from swath.raster.headerjobs import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
    )


def serve() -> None:
    """Answer lists of paths on standard input with rows on standard output, until it closes.

    Both are JSON, a line each; an error is its class name and its message.
    """
    target = os.fdopen(os.dup(1), "w", encoding="ascii")
    # Whatever a library prints must not get between the answers.
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        for line in sys.stdin:
            rows = [
                {"error": type(row).__name__, "message": str(row)}
                if isinstance(row, SwathError)
                else row
                for row in read_chunk(json.loads(line))
            ]
            target.write(json.dumps(rows) + "\n")
            target.flush()


def _from_json(row: Any) -> Row | SwathError:
    if isinstance(row, dict):
        kind = getattr(errors, row["error"], UnreadableFileError)
        error: SwathError = kind(row["message"])
        return error
    text, transform, *rest = row
    return (text, tuple(transform), *rest)
