"""A published layer, described by its class body: georeferenced rasters or features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from swath.datasets.catalogue.description import File, Info, applies
from swath.datasets.catalogue.layer_files import obtain_layer
from swath.datasets.catalogue.layer_parts import LayerPart
from swath.errors import SplitError, nearest
from swath.typing import Path, Sample

__all__ = ["OfClass", "PublishedLayer"]


class OfClass:
    """A class attribute that is worked out from others of the class when it is asked for."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        return self.make(owner)


class PublishedLayer:
    """What a `GeoDataset` adds to its class body when its files are published.

    Written in front of the layer's own base: ``class Esri2020(PublishedLayer, Product)``. Files
    may lie at any depth below any of `paths`; archives are extracted and downloads put into
    `paths` where that is one folder.
    """

    #: What it is.
    info: ClassVar[Info]
    #: What its provider publishes.
    published: ClassVar[Sequence[File]] = ()
    #: Names of its splits, if it has any.
    splits: ClassVar[Sequence[str]] = ()
    split_names: ClassVar[Mapping[str, str]] = {}
    #: Arguments of the constructor that choose among the files, and their values.
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: What a miniature is made of, for each of `examples`: values of the fields in their paths.
    parts: ClassVar[tuple[LayerPart, ...]] = ()
    examples: ClassVar[tuple[Mapping[str, str], ...]] = ({},)

    #: Whether all the files that were chosen are needed, and not just one of them.
    whole: bool = True
    #: Shell pattern of the layer's own files, as its base has it.
    filename_glob: str

    #: Names of the classes, in order of their values, which are given where they are not 0, 1, …
    classes: Any = ()
    class_values: ClassVar[Sequence[int]] = ()
    colours: ClassVar[Sequence[tuple[int, ...]]] = ()
    all_band_names: ClassVar[tuple[str, ...]] = ()
    BAND_SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    ignore_index: ClassVar[int | None] = None
    #: Mean and standard deviation of each band, where they are published.
    mean: ClassVar[Mapping[str, float]] = {}
    std: ClassVar[Mapping[str, float]] = {}

    paths: Path | Iterable[Path]
    download: bool
    checksum: bool

    # The info's words under the names that layers of sensors have them by.
    title: ClassVar[str] = ""
    product_page: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        info = cls.__dict__.get("info")
        if isinstance(info, Info):
            cls.title, cls.product_page = info.title, info.homepage
            cls.citation, cls.licence = info.citation, info.licence
        names: Mapping[int, str] = getattr(cls, "classes_by_value", {})
        if names and not cls.__dict__.get("classes"):
            cls.classes = tuple(names.values())
        if names and list(names) != list(range(len(names))):
            cls.class_values = tuple(names)
        colours: Mapping[int, tuple[int, ...]] = getattr(cls, "cmap", {})
        if names and set(names) <= set(colours):
            cls.colours = tuple(tuple(colours[value][:3]) for value in names)
        if getattr(cls, "is_image", False):
            cls.all_band_names = tuple(getattr(cls, "all_bands", ()))

    def selections(self) -> Iterable[Mapping[str, str]]:
        """Fields and values of what was chosen, as `File.when` has them; any will do."""
        return ({},)

    def wanted_files(self) -> list[File]:
        """What the provider publishes that the layer's choices need."""
        chosen = list(self.selections())
        return [f for f in self.published if any(applies(f.when, fields) for fields in chosen)]

    def obtain(self) -> None:
        """Have the files that the choices need below `paths`.

        Raises:
            DatasetNotFoundError: Something is missing and was not to be downloaded.
            ChecksumError, ArchiveError, DownloadError: As `swath.fetch` does.
        """
        self.have(self.wanted_files(), fetch=self.download, required=self.whole)

    def have(self, files: Sequence[File], *, fetch: bool, required: bool) -> None:
        """Have some files below `paths`: all of them if `required`, else at least something."""
        obtain_layer(
            self.paths, files, info=self.info, name=type(self).__name__, fetch=fetch,
            checksum=self.checksum, required=required,
            fits="" if required else self.filename_glob,
        )  # fmt: skip

    def sample_at(self, number: int, size: int = 256) -> Sample:
        """A sample from the middle of a row of the index, at most `size` pixels wide and high."""
        layer: Any = self
        where, times = layer.index.geometry.iloc[number], layer.index.index[number]
        middle, (x, y) = where.representative_point(), layer.res
        west, south, east, north = where.bounds
        if west == east:  # a point
            west, east = west - size * x / 2, east + size * x / 2
            south, north = south - size * y / 2, north + size * y / 2
        wide, high = min(size * x, east - west) / 2, min(size * y, north - south) / 2
        left = min(max(middle.x - wide, west), east - 2 * wide)
        lower = min(max(middle.y - high, south), north - 2 * high)
        # From the row's own corner in whole pixels: what is read is then not resampled.
        left, lower = west + round((left - west) / x) * x, north - round((north - lower) / y) * y
        query = slice(left, left + 2 * wide), slice(lower, lower + 2 * high)
        sample: Sample = layer[(*query, slice(times.left, times.right))]
        return sample

    @classmethod
    def check_splits(cls, splits: Iterable[str]) -> list[str]:
        """The splits, if there are such.

        Raises:
            SplitError: None is given, or there is no such split.
        """
        given = list(splits)
        for split in given:
            if split not in cls.splits:
                raise SplitError(
                    f"{cls.__name__} has no split {split!r}: {nearest(split, list(cls.splits))}"
                )
        if not given:
            raise SplitError(f"{cls.__name__} needs a split, such as {cls.splits[0]!r}")
        return given
