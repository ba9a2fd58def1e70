"""Which samples there are: files that fit a pattern, lines of a list, rows of a table or an array.

Each kind can also be turned round, which makes miniatures: `invent` thinks up samples and `write`
puts down the list or table that names them.
"""

from __future__ import annotations

import abc
import logging
import re
from collections.abc import Mapping, Sequence

from swath.datasets.catalogue.files import read_text, write_text
from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.table import Rows
from swath.errors import ConfigError, UnreadableFileError

__all__ = ["Examples", "Glob", "Listed", "RowSource", "example"]

logger = logging.getLogger(__name__)

Examples = Mapping[str, Sequence[str]]


class RowSource(abc.ABC):
    """Says which samples a split has, and what is known of each."""

    @abc.abstractmethod
    def find(self, site: Site) -> Rows:
        """The samples, in an order that depends on nothing but the files' names and contents."""

    @abc.abstractmethod
    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """`count` samples for a miniature, numbered from `start` where numbers tell them apart."""

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:  # noqa: B027
        """Write what names these samples, if anything does; called once a split."""


def example(
    site: Site, text: str, count: int, start: int, examples: Examples
) -> list[dict[str, str]]:
    """Values for the fields of a pattern that the site does not give."""
    shape = pattern(text)
    rows = []
    for i in range(count):
        row = {}
        for name in shape.fields:
            if name in site.fields:
                continue
            allowed = shape.allowed.get(name, "")
            if name in examples:
                row[name] = examples[name][i % len(examples[name])]
            elif name == "label" and site.classes:
                row[name] = site.classes[i % len(site.classes)]
            elif re.fullmatch(r"[\w -]+(\|[\w -]+)*", allowed):
                row[name] = allowed.split("|")[i % len(allowed.split("|"))]
            elif allowed in (r"\d+", "[0-9]+"):
                row[name] = str(start + i)
            else:
                row[name] = f"{name}{start + i}"
        if shape.match(shape.format({**site.fields, **row}), site.fields) is None:
            raise ConfigError(
                f"an invented file {row} does not fit {text!r}: give examples of its fields"
            )
        rows.append(row)
    return rows


class Glob(RowSource):
    """Files that fit a pattern, sorted by path; what its fields stand for is known of a sample.

    Args:
        text: The pattern (`swath.datasets.catalogue.Pattern`).
        listed: Only those whose fields this list or table has too (the list of a split).
        examples: Of fields, for miniatures: needed where a regular expression restricts them.
    """

    def __init__(
        self, text: str, listed: RowSource | None = None, examples: Examples | None = None
    ) -> None:
        self.text, self.listed, self.examples = text, listed, dict(examples or {})

    def find(self, site: Site) -> Rows:
        """The files that fit."""
        found = pattern(self.text).find(site.root, site.fields)
        rows = [{k: v for k, v in row.items() if k not in site.fields} for row in found]
        if self.listed is None:
            return Rows(rows)
        listed = list(self.listed.find(site))
        shared = [name for name in (listed[0] if listed else {}) if rows and name in rows[0]]
        wanted = {tuple(row[name] for name in shared): row for row in listed}
        chosen = [row for row in rows if tuple(row[name] for name in shared) in wanted]
        lost = wanted.keys() - {tuple(row[name] for name in shared) for row in chosen}
        if lost and chosen:
            logger.warning(
                "%d of %d samples that are listed are not in %s (%s, say): they are left out",
                len(lost), len(wanted), site.root, min(lost)[-1],
            )  # fmt: skip
        return Rows(chosen)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Files that would fit."""
        return example(site, self.text, count, start, self.examples)

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """The list, if there is one."""
        if self.listed is not None:
            self.listed.write(site, rows)


class Listed(RowSource):
    """Lines of a text file.

    Args:
        file: Pattern of the file's path.
        line: Pattern of a line (without the space around it); all that is known of a sample.
        examples: Of fields, for miniatures.
    """

    def __init__(self, file: str, line: str, examples: Examples | None = None) -> None:
        self.file, self.line, self.examples = file, line, dict(examples or {})

    def find(self, site: Site) -> Rows:
        """A sample a line that is not empty."""
        path = site.path(self.file)
        shape = pattern(self.line)
        rows = []
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not line.strip():
                continue
            fields = shape.match(line.strip())
            if fields is None:
                raise UnreadableFileError(
                    f"{path}, line {number}: {line.strip()[:80]!r} is not like {self.line!r}; "
                    "fetch the list again"
                )
            rows.append(fields)
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Lines that would fit."""
        return example(site, self.line, count, start, self.examples)

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """The list."""
        # What a line has beside the fields of a sample (a file's ending, say) is as in examples.
        known = {field: values[0] for field, values in self.examples.items()}
        lines = [pattern(self.line).format({**known, **row}) + "\n" for row in rows]
        write_text(site.path(self.file), "".join(dict.fromkeys(lines)))
