"""Land cover published once a year, its codes made consecutive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pyproj import CRS

from swath.datasets.catalogue.description import Archive
from swath.datasets.catalogue.layer import OfClass, PublishedLayer
from swath.datasets.geo import Transform
from swath.datasets.layers.product import Product
from swath.errors import ConfigError, DatasetNotFoundError
from swath.typing import Path

__all__ = ["YearlyClasses"]


class YearlyClasses(PublishedLayer, Product):
    """A yearly product of class codes (CDL, NLCD), given as consecutive class numbers.

    The sample's ``mask`` holds places in `classes`: with ``classes=[0, 1, 5]`` of CDL, 1 is corn
    and 2 soybeans. All other codes, and ground without data, become the background class.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        years: Years to read. By default all that are there; with `download`, the default year if
            none is.
        classes: Codes to tell apart, in the order of their new numbers; the background's must be
            among them. By default all.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Download the years that are missing.
        checksum: Compare the digests of archives with the published ones.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: A year is not there, and was not to be downloaded.
        ConfigError: A year or class that the product does not have.
    """

    #: ``{}`` is the year.
    url: ClassVar[str] = ""
    md5s: ClassVar[dict[int, str]] = {}
    #: Names of the archive and of the raster in it; ``{}`` is the year.
    archive_name: ClassVar[str] = ""
    raster_name: ClassVar[str] = ""
    default_year: ClassVar[int] = 0
    valid_classes: ClassVar[tuple[int, ...]] = ()
    #: Code of what is no class.
    background: ClassVar[int] = 0

    published = OfClass(  # type: ignore[assignment]
        lambda cls: tuple(cls.archive_of(year) for year in cls.md5s)
    )
    is_image = False
    date_format = "%Y"

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        years: Sequence[int] | None = None,
        classes: Sequence[int] | None = None,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        checksum: bool = True,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        kind = type(self).__name__
        self.classes = list(self.valid_classes if classes is None else classes)
        wrong = [code for code in self.classes if code not in self.valid_classes]
        if wrong:
            raise ConfigError(
                f"{kind} has no class {', '.join(map(str, wrong))}; see {kind}.valid_classes"
            )
        if self.background not in self.classes or len(set(self.classes)) < len(self.classes):
            raise ConfigError(
                f"classes={self.classes}: each code is there once, and the background's, "
                f"{self.background}, is among them; put it where the number of all that is none "
                "of your classes shall be"
            )
        self._asked = years
        self.years = list(years) if years is not None else [self.default_year]
        rest = self.classes.index(self.background)
        self.class_map = np.full(256, rest, np.int64)
        self.class_map[self.classes] = np.arange(len(self.classes))
        self.paths = options["root"] if options.get("root") is not None else paths
        self.download, self.checksum = download, checksum
        if options.get("index") is None:
            self.obtain()
        # Without a nodata tag, background is what there is no data in
        options.setdefault("fill_value", rest)
        super().__init__(paths, crs, res, None, transforms, cache, time_series, **options)
        if years is not None:
            self._keep(set(years))

    @property
    def ordinal_map(self) -> torch.Tensor:
        """New number of each code, int64 (256,)."""
        return torch.from_numpy(np.asarray(self.class_map))

    @property
    def inverse_map(self) -> torch.Tensor:
        """Code of each new number, int64 (number of classes,)."""
        return torch.tensor(self.classes)

    @classmethod
    def archive_of(cls, year: int) -> Archive:
        """The archive of a year."""
        return Archive(
            cls.archive_name.format(year), cls.url.format(year), md5=cls.md5s.get(year),
            gives=(cls.raster_name.replace("{}", str(year)),), when={"year": str(year)},
        )  # fmt: skip

    def selections(self) -> list[dict[str, str]]:
        """The years."""
        return [{"year": str(year)} for year in self.years]

    def obtain(self) -> None:
        """Have the years that were asked for; if none were, any will do."""
        known = {str(f.when["year"]): f for f in self.published}
        if self._asked is None:
            try:
                self.have(list(known.values()), fetch=False, required=False)
            except DatasetNotFoundError:
                if not self.download:
                    raise
                latest = str(self.default_year)
                self.have([known.get(latest, list(known.values())[-1])], fetch=True, required=True)
            return
        asked = [str(year) for year in self._asked]
        self.have([known[y] for y in asked if y in known], fetch=self.download, required=True)
        # a year that came out after this list was made can be read, and not downloaded
        for year in sorted(set(asked) - set(known)):
            try:
                self.have([self.archive_of(int(year))], fetch=False, required=True)
            except DatasetNotFoundError as error:
                raise ConfigError(
                    f"{type(self).__name__} has no year {year} that could be downloaded "
                    f"(expected {min(known)} to {max(known)}), and none is there: {error}"
                ) from error

    def _keep(self, years: set[int]) -> None:
        frame = self.index
        self.index = frame[[left.year in years for left in frame.index.left]]

    def _class_names(self) -> dict[int, str]:
        return {i: self.classes_by_value[code] for i, code in enumerate(self.classes)}

    def _class_colours(self) -> dict[int, tuple[int, int, int, int]]:
        return {i: self.cmap[code] for i, code in enumerate(self.classes)}
