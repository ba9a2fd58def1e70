"""A dataset's miniature as the tests of the catalogue have it."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from swath.datasets import Benchmark
from swath.datasets.catalogue import Archive, File, Folder, files_of


@dataclasses.dataclass
class Miniature:
    """A dataset's miniature: extracted, as published, and a class that knows these files."""

    kind: type[Benchmark]
    tree: Path
    packed: Path
    rows: list[dict[str, str]]

    def files(self, url: str = "http://127.0.0.1:9/") -> tuple[File, ...]:
        """The dataset's files with the miniature's digests, at another address."""
        return tuple(self._here(file, url) for file in files_of(self.kind))

    def _here(self, file: File, url: str) -> File:
        if isinstance(file, Folder):
            return file
        data = (self.packed / file.name).read_bytes()
        known: dict[str, Any] = {
            "url": None if file.url is None else url + quote(file.name),
            "md5": hashlib.md5(data).hexdigest(), "sha256": None, "size": len(data), "mirrors": (),
        }  # fmt: skip
        if isinstance(file, Archive):
            known["volumes"] = tuple(self._here(volume, url) for volume in file.volumes)
        return dataclasses.replace(file, **known)

    def served(self, url: str = "http://127.0.0.1:9/") -> type[Benchmark]:
        """The dataset's class, for which the miniature is what was published."""
        return type(self.kind.__name__, (self.kind,), {"files": self.files(url)})

    def names(self) -> list[str]:
        """Every published file, further volumes included."""
        return [
            f.name
            for file in files_of(self.kind)
            if not isinstance(file, Folder)
            for f in (file, *(file.volumes if isinstance(file, Archive) else ()))
        ]

    def copy(self, what: str, to: Path) -> Path:
        """A copy of ``"tree"`` or ``"packed"`` that a test may spoil."""
        shutil.copytree(getattr(self, what), to, dirs_exist_ok=True)
        return to
