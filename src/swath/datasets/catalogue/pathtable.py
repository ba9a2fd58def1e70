"""A table of the paths that belong to each sample."""

from __future__ import annotations

from collections.abc import Mapping

from swath.datasets.catalogue.site import Site, pattern
from swath.datasets.catalogue.tabular import Table

__all__ = ["PathTable"]


class PathTable(Table):
    """Rows of a CSV table whose columns are paths below the root.

    Args:
        file: Pattern of the table's path.
        paths: Field -> its column, and a pattern of paths with ``{number}`` for miniatures.
        where: Column -> pattern of the values that are wanted.
    """

    def __init__(
        self,
        file: str,
        paths: Mapping[str, tuple[str, str]],
        where: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(file, {field: column for field, (column, _) in paths.items()}, where)
        self.patterns = {field: text for field, (_, text) in paths.items()}

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        """Paths as the table would have them."""
        return [
            {
                field: pattern(text).format({**site.fields, "number": f"{start + i:05d}"})
                for field, text in self.patterns.items()
            }
            for i in range(count)
        ]
