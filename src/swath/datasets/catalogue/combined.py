"""Samples that come from several lists, or by lot from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from swath.datasets.catalogue.rows import RowSource
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.table import Rows
from swath.errors import ConfigError

__all__ = ["PerChoice", "PerSplit", "Seeded", "Together"]


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
