"""Which samples there are: files that fit a pattern, lines of a list, rows of a table or an array.

Each kind can also be turned round, which makes miniatures: `invent` thinks up samples and `write`
puts down the list or table that names them.
"""

from __future__ import annotations

import abc
import csv
import logging
import os
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.table import Rows
from swath.errors import ConfigError, FileMissingError, UnreadableFileError

__all__ = ["Glob", "Listed", "PerChoice", "PerSplit", "RowSource", "Seeded", "Table", "Together"]

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


class Table(RowSource):
    """Rows of a CSV or Parquet table.

    Args:
        file: Pattern of the file's path; ``.csv`` (comma), ``.tsv`` or ``.parquet``.
        columns: Field -> column, as in the table's head; or the field's names in order where the
            table has no head.
        where: Column -> pattern of the values that are wanted (``{"split": "{split}"}``).
        examples: Of fields, for miniatures; others get their name and a number.
        lists: Columns of a Parquet table that hold several texts; in a sample they are one, with
            ``;`` between them.
    """

    def __init__(
        self,
        file: str,
        columns: Mapping[str, str] | Sequence[str],
        where: Mapping[str, str] | None = None,
        examples: Examples | None = None,
        lists: Sequence[str] = (),
    ) -> None:
        self.file, self.where, self.lists = file, dict(where or {}), tuple(lists)
        self.head = isinstance(columns, Mapping)
        self.columns = dict(columns) if isinstance(columns, Mapping) else {n: n for n in columns}
        self.examples = dict(examples or {})

    def find(self, site: Site) -> Rows:
        """The rows that are wanted, in the table's order."""
        path = site.path(self.file)
        names, lines = self._read(path)
        lost = [c for c in [*self.columns.values(), *self.where] if c not in names]
        if lost:
            raise UnreadableFileError(
                f"{path} has no column {', '.join(lost)}: expected it beside {', '.join(names)}"
            )
        wanted = {names.index(c): pattern(v).format(site.fields) for c, v in self.where.items()}
        places = {field: names.index(c) for field, c in self.columns.items()}
        return Rows(
            {field: line[at] for field, at in places.items()}
            for line in lines
            if all(line[at] == value for at, value in wanted.items())
        )

    def _read(self, path: str) -> tuple[list[str], list[list[str]]]:
        if path.endswith(".parquet"):
            import pandas as pd

            need(path)
            try:
                frame = pd.read_parquet(path)
            except (OSError, ValueError) as error:
                raise UnreadableFileError(
                    f"{path} cannot be read as a Parquet table: {error}. It may be cut short: "
                    "fetch it again"
                ) from error
            for column in self.lists:
                if column in frame:
                    frame[column] = [";".join(values) for values in frame[column]]
            frame = frame.astype(str)
            return list(frame.columns), frame.to_numpy().tolist()
        comma = "\t" if path.endswith(".tsv") else ","
        table = csv.reader(read_text(path).splitlines(), delimiter=comma)
        lines = [[cell.strip() for cell in line] for line in table if line]
        if self.head:
            names = lines[0] if lines else []
            lines = lines[1:]
        else:
            names = list(self.columns)
        for number, line in enumerate(lines, 1 + self.head):
            if len(line) < len(names):
                raise UnreadableFileError(
                    f"{path}, line {number}: {len(line)} values where {len(names)} are expected; "
                    "it may be cut short: fetch it again"
                )
        return names, lines

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Rows that would be in it."""
        text = "/".join(f"{{{field}}}" for field in self.columns)
        return example(site, text, count, start, self.examples)

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """The table; what other splits have written to it stays."""
        import pandas as pd

        path = site.path(self.file)
        frame = pd.DataFrame(
            [
                {c: row[f] for f, c in self.columns.items()}
                | {c: pattern(v).format(site.fields) for c, v in self.where.items()}
                for row in rows
            ]
        )
        if os.path.exists(path):
            names, lines = self._read(path)
            frame = pd.concat([pd.DataFrame(lines, columns=names), frame]).drop_duplicates()
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".parquet"):
            for column in self.lists:
                frame[column] = frame[column].str.split(";")
            frame.to_parquet(path, index=False)
        else:
            sep = "\t" if path.endswith(".tsv") else ","
            frame.to_csv(path, index=False, header=self.head, sep=sep)


class PerChoice(RowSource):
    """Another source for each value of a choice: ``PerChoice("version", {"1": …, "2": …})``.

    Args:
        field: The choice's name, or ``"split"``.
        sources: Value -> source. In miniatures a value without one has no samples.
    """

    def __init__(self, field: str, sources: Mapping[str, RowSource]) -> None:
        self.field, self.sources = field, dict(sources)

    def find(self, site: Site) -> Rows:
        """The samples of the value that was chosen."""
        return self.sources[site.fields[self.field]].find(site)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Samples as that source would have."""
        source = self.sources.get(site.fields[self.field])
        return source.invent(site, count, start) if source is not None else []

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """What that source is read from."""
        source = self.sources.get(site.fields[self.field])
        if source is not None:
            source.write(site, rows)


class PerSplit(PerChoice):
    """Another source for each split: ``PerSplit(train=Listed(...), test=Glob(...))``."""

    def __init__(self, **sources: RowSource) -> None:
        super().__init__("split", sources)


class Together(RowSource):
    """The samples of several sources, one after the other; all have the same fields."""

    def __init__(self, *sources: RowSource) -> None:
        self.sources = sources

    def find(self, site: Site) -> Rows:
        """All of them."""
        return Rows([row for source in self.sources for row in source.find(site)])

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Some of each."""
        return [row for s in self.sources for row in s.invent(site, count, start)]

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """Each writes its share."""
        share = -(-len(rows) // len(self.sources))
        for i, source in enumerate(self.sources):
            source.write(site, rows[i * share : (i + 1) * share])


class Seeded(RowSource):
    """A split by lot, for datasets that publish none.

    Args:
        source: All the samples.
        fractions: Of each split; they sum to 1.
        seed: Decides; the same samples and seed give the same split on any machine.
    """

    def __init__(self, source: RowSource, fractions: Mapping[str, float], seed: int = 0) -> None:
        if abs(sum(fractions.values()) - 1) > 1e-9:
            raise ConfigError(f"the fractions are {dict(fractions)}: expected a sum of 1")
        self.source, self.fractions, self.seed = source, dict(fractions), seed

    def find(self, site: Site) -> Rows:
        """The split's share."""
        rows = self.source.find(site)
        order = np.random.default_rng(self.seed).permutation(len(rows))
        names, shares = list(self.fractions), np.cumsum(list(self.fractions.values()))
        cuts = [0, *np.round(shares * len(rows)).astype(int)]
        at = names.index(site.fields["split"])
        return rows.take(np.sort(order[cuts[at] : cuts[at + 1]]))

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Samples of any split."""
        return self.source.invent(site, count, start)

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """What all are read from."""
        self.source.write(site, rows)


def need(path: str) -> None:
    """Raises: FileMissingError: There is no such file."""
    if not os.path.isfile(path):
        raise FileMissingError(
            f"{path} is missing from the dataset: fetch it again (download=True fetches what is "
            "not there)"
        )


def read_text(path: str) -> str:
    """A text file.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is not UTF-8.
    """
    need(path)
    try:
        return pathlib.Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path} is not UTF-8 text ({error}): fetch it again") from error


def write_text(path: str, text: str) -> None:
    """A text file, with the folders that it needs."""
    place = pathlib.Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
