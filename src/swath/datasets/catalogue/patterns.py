"""Paths with named fields: ``Images/{label}/{name}.tif`` finds files and names them."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator, Mapping

from swath.errors import ConfigError

__all__ = ["Pattern"]

_FIELD = re.compile(r"\{(\w+)(?::([^{}]+))?\}")


def hidden(name: str) -> bool:
    """Whether a file or folder is what systems and archivers leave behind, and no data."""
    return name.startswith(".") or name == "__MACOSX"


class Pattern:
    """A path below a dataset's root, with ``/`` between folders and fields in braces.

    A field stands for one or more characters of one folder's or file's name; ``{tile:\\d+}`` says
    by a regular expression (without braces) which. A field that comes twice is the same twice.

    Args:
        text: The pattern.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        #: Names of the fields, in order.
        self.fields: tuple[str, ...] = tuple(dict.fromkeys(f for f, _ in _FIELD.findall(text)))
        #: What a field may be, where the pattern says so.
        self.allowed: dict[str, str] = {f: r for f, r in _FIELD.findall(text) if r}

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def format(self, fields: Mapping[str, str]) -> str:
        """The path with every field filled in.

        Raises:
            ConfigError: A field has no value.
        """
        missing = [f for f in self.fields if f not in fields]
        if missing:
            raise ConfigError(
                f"the pattern {self.text!r} needs {', '.join(missing)}, and what is known is "
                f"{', '.join(fields) or 'nothing'}"
            )
        return _FIELD.sub(lambda m: str(fields[m[1]]), self.text)

    @property
    def regex(self) -> str:
        """What it is as a regular expression, without groups for the ends."""
        return _regex(self.text, {})

    def match(self, text: str, known: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """The fields of a whole text that fits, or None."""
        found = self._compiled(self.text, known or {}).fullmatch(text)
        return None if found is None else found.groupdict()

    def find(self, root: pathlib.Path, known: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The fields of every file below `root` that fits, sorted by path.

        Args:
            root: The folder.
            known: Fields that are given; they are in the results where the pattern has them.
        """
        given = {f: known[f] for f in self.fields if f in known}
        yield from self._below(str(root), self.text.split("/"), given)

    def _below(
        self, folder: str, parts: list[str], known: dict[str, str]
    ) -> Iterator[dict[str, str]]:
        head, rest = parts[0], parts[1:]
        if all(field in known for field, _ in _FIELD.findall(head)):
            name = _FIELD.sub(lambda m: known[m[1]], head)
            place = os.path.join(folder, name)
            if rest:
                if os.path.isdir(place):
                    yield from self._below(place, rest, known)
            elif os.path.isfile(place):
                yield dict(known)
            return
        try:
            with os.scandir(folder) as entries:
                names = sorted((e.name, e.is_dir()) for e in entries if not hidden(e.name))
        except (FileNotFoundError, NotADirectoryError):
            return
        compiled = self._compiled(head, known)
        for name, is_folder in names:
            if is_folder != bool(rest):
                continue
            found = compiled.fullmatch(name)
            if found is None:
                continue
            fields = {**known, **found.groupdict()}
            if rest:
                yield from self._below(os.path.join(folder, name), rest, fields)
            else:
                yield fields

    @staticmethod
    def _compiled(text: str, known: Mapping[str, str]) -> re.Pattern[str]:
        key = (text, tuple(sorted((k, v) for k, v in known.items() if "{" + k in text)))
        compiled = _cache.get(key)
        if compiled is None:
            if len(_cache) > 4096:
                _cache.clear()
            compiled = _cache[key] = re.compile(_regex(text, known))
        return compiled


_cache: dict[tuple[str, tuple[tuple[str, str], ...]], re.Pattern[str]] = {}


def _regex(text: str, known: Mapping[str, str]) -> str:
    out, at, seen = [], 0, set()
    for found in _FIELD.finditer(text):
        out.append(re.escape(text[at : found.start()]))
        name, allowed = found[1], found[2]
        if name in known:
            out.append(re.escape(known[name]))
        elif name in seen:
            out.append(f"(?P={name})")
        else:
            out.append(f"(?P<{name}>{allowed or '[^/]+'})")
            seen.add(name)
        at = found.end()
    return "".join([*out, re.escape(text[at:])])
