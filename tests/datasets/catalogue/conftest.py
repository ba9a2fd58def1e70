"""Miniatures of every dataset of the catalogue, made once and served from loopback."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from served import Miniature

from swath.datasets import Benchmark
from swath.datasets.catalogue import files_of, make_miniature, pack_miniature


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Callable[[type[Benchmark]], Miniature]:
    """Makes the miniature of a class, once."""
    made: dict[type[Benchmark], Miniature] = {}

    def make(kind: type[Benchmark]) -> Miniature:
        if kind not in made:
            place = tmp_path_factory.mktemp(kind.__name__)
            rows = make_miniature(kind, place / "tree")
            pack_miniature(files_of(kind), place / "tree", place / "packed")
            made[kind] = Miniature(kind, place / "tree", place / "packed", rows)
        return made[kind]

    return make
