"""A download under way: the bytes so far, and what they are the beginning of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
from dataclasses import asdict, dataclass

__all__ = ["Origin", "Partial"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What identifies the bytes of a `.part` file.

    Attributes:
        url: SHA-256 of the URL: a signed URL is a secret, and is not written to disk.
        validator: Strong ETag or Last-Modified date of the answer, None where it had neither.
        total: Size of the whole file in bytes, None where the server did not say.
        mixed: The bytes come from more than one answer without a validator that ties them.
    """

    url: str
    validator: str | None = None
    total: int | None = None
    mixed: bool = False

    @staticmethod
    def key(url: str) -> str:
        """How a URL is written down."""
        return hashlib.sha256(url.encode()).hexdigest()


class Partial:
    """``NAME.part`` with the bytes and ``NAME.part.json`` with their `Origin`."""

    def __init__(self, destination: pathlib.Path) -> None:
        self.path = destination.with_name(destination.name + ".part")
        self._note = destination.with_name(destination.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def origin(self) -> Origin | None:
        """Where the bytes come from; None when nobody knows, and then they are of no use."""
        try:
            note = json.loads(self._note.read_text())
            return Origin(**note)
        except (OSError, ValueError, TypeError):
            return None

    def note(self, origin: Origin) -> None:
        """Write down where the bytes come from, before the first of them."""
        temporary = self._note.with_name(self._note.name + ".tmp")
        temporary.write_text(json.dumps(asdict(origin)))
        os.replace(temporary, self._note)

    def discard(self) -> None:
        """Forget the bytes."""
        # the note goes first: bytes without one are never resumed
        for path in (self._note, self.path):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def publish(self, destination: pathlib.Path) -> None:
        """Put the whole file in its place, in one step."""
        os.replace(self.path, destination)
        with contextlib.suppress(FileNotFoundError):
            self._note.unlink()
