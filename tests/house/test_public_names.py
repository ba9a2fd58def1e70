"""The public API is each subpackage's ``__all__``, and it changes on purpose or not at all."""

from __future__ import annotations

import importlib
import json
from functools import cache

from freeze import API, public_names


@cache
def now() -> dict[str, list[str]]:
    return public_names()


def test_public_names_are_frozen() -> None:
    frozen = json.loads(API.read_text(encoding="utf-8"))
    lines = []
    for package in sorted(frozen.keys() | now().keys()):
        before, after = set(frozen.get(package, [])), set(now().get(package, []))
        lines += [f"  - {package}.{name} is gone" for name in sorted(before - after)]
        lines += [f"  + {package}.{name} is new" for name in sorted(after - before)]
    assert not lines, (
        "the public names are not the frozen ones:\n" + "\n".join(lines) + "\n"
        "If that is meant, run `make api`, commit tests/house/api.json with the change, and say "
        "it in CHANGELOG.md."
    )


def test_public_names_exist_once() -> None:
    for package, names in now().items():
        module = importlib.import_module(package)
        missing = [name for name in names if not hasattr(module, name)]
        assert not missing, f"{package}.__all__ names what is not there: {missing}"
        assert len(names) == len(set(names)), f"{package}.__all__ names something twice"
