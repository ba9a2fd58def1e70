"""Samples that are rows of a table."""

from __future__ import annotations

import csv
import os
import pathlib
from collections.abc import Mapping, Sequence

from swath.datasets.catalogue.files import need, read_text
from swath.datasets.catalogue.rows import Examples, RowSource, example
from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.table import Rows
from swath.errors import UnreadableFileError

__all__ = ["Table"]


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
