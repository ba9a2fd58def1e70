"""Tables that say different things of the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swath.datasets.catalogue.rows import RowSource
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.table import Rows
from swath.errors import UnreadableFileError

__all__ = ["Joined"]


class Joined(RowSource):
    """The samples of one source, with what other sources know of them besides.

    Args:
        on: The field that says which sample a row is of.
        first: Decides which samples there are, and their order.
        *others: What else is known; every sample has to be in each.
    """

    def __init__(self, on: str, first: RowSource, *others: RowSource) -> None:
        self.on, self.sources = on, (first, *others)

    def find(self, site: Site) -> Rows:
        """The samples of the first source.

        Raises:
            UnreadableFileError: Another source does not know one of them.
        """
        rows = list(self.sources[0].find(site))
        for other in self.sources[1:]:
            known = {row[self.on]: row for row in other.find(site)}
            lost = [row[self.on] for row in rows if row[self.on] not in known]
            if lost:
                raise UnreadableFileError(
                    f"{site.root} has {len(lost)} samples that are in one table and not in "
                    f"another, {self.on} {lost[0]!r} among them: fetch the tables again"
                )
            rows = [row | known[row[self.on]] for row in rows]
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Samples, each with what all sources would know."""
        found = self.sources[0].invent(site, count, start)
        for other in self.sources[1:]:
            more = other.invent(site, count, start)
            found = [{**extra, **row} for row, extra in zip(found, more, strict=True)]
        return found

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """Every source's table."""
        for source in self.sources:
            source.write(site, rows)
