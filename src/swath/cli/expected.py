"""Types of options in a person's words, and whether a value is of them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from swath.cli.layers import Raw

__all__ = ["accepts", "choices", "classes_of", "expected"]

_WORDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "true or false"),
    type(None): ("null", "nulls"),
    dict: ("options by name", "options by name"),
    Any: ("anything", "anything"),
}
_PLAIN = (int, float, str, bool, dict, list, tuple, set, bytes, complex, object, type(None))


def _parts(hint: Any) -> list[Any]:
    """The members of a union; the type itself where it is none."""
    if get_origin(hint) in (Union, types.UnionType):
        return [inner for part in get_args(hint) for inner in _parts(part)]
    return [hint]


def choices(hint: Any) -> list[str]:
    """The names that a type is one of."""
    return [
        str(v) for part in _parts(hint) if get_origin(part) is Literal for v in get_args(part)
    ]  # fmt: skip


def classes_of(hint: Any) -> tuple[type[Any], ...]:
    """The classes of which an object is wanted, alone or in a list."""
    found: list[type[Any]] = []
    for part in _parts(hint):
        inner = [part]
        if get_origin(part) in (list, tuple, set, Sequence, Iterable):
            inner = [p for a in get_args(part) for p in _parts(a)]
        found += [
            p for p in inner if inspect.isclass(p) and get_origin(p) is None and _is_object(p)
        ]
    return tuple(dict.fromkeys(found))


def _is_object(cls: type[Any]) -> bool:
    return cls not in _PLAIN and cls.__module__ not in ("pathlib", "datetime", "os", "enum")


def expected(hint: Any, plural: bool = False) -> str:
    """A type in words: ``a whole number or null``."""
    parts = _parts(hint)
    names = [str(n) for n in choices(hint)]
    said = [_word(part, plural) for part in parts if get_origin(part) is not Literal]
    if type(None) in parts:  # the exception comes last
        said = [w for w in said if w not in ("null", "nulls")] + ["null"]
    if names:
        said = [*names, *said]
    said = list(dict.fromkeys(said))
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"


def _word(part: Any, plural: bool) -> str:
    if part in _WORDS:
        return _WORDS[part][plural]
    origin, inner = get_origin(part), get_args(part)
    if origin in (list, Sequence, Iterable, tuple, set):
        what = expected(inner[0], True) if inner else "values"
        return f"lists of {what}" if plural else f"a list of {what}"
    if origin in (dict, Mapping):
        what = expected(inner[1], True) if len(inner) == 2 and inner[1] is not Any else "options"
        return f"{what} by name"
    name = getattr(part, "__name__", str(part))
    if inspect.isclass(part) and _is_object(part):
        return f"class_path and init_args of a {name}"
    return name


def accepts(hint: Any, value: Any) -> bool:
    """Whether jsonargparse takes `value`, as written or (`Raw`) as typed, for a type."""
    if hint is Any or hint is None:
        return True
    if value is None:  # to jsonargparse, nothing was given
        return any(part in (type(None), Any, object) for part in _parts(hint))
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        if isinstance(value, Raw):
            parser.parse_args([f"--value={value}"])
        else:
            parser.parse_object({"value": value})
    except Exception:  # whatever it is, the value is not taken
        return False
    return True
