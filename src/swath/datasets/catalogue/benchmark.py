"""A published dataset, described by its class body."""

from __future__ import annotations

import logging
import operator
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from swath.datasets.catalogue.description import MADE_UP, File, Info, applies
from swath.datasets.catalogue.located import Located
from swath.datasets.catalogue.parts import Part, check_bands
from swath.datasets.catalogue.rows import RowSource
from swath.datasets.catalogue.site import Site
from swath.datasets.catalogue.states import obtain_files
from swath.datasets.catalogue.table import Rows
from swath.datasets.nongeo import NonGeoDataset
from swath.errors import ConfigError, DatasetNotFoundError, QueryError, SplitError, nearest
from swath.typing import Path, Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Benchmark", "ByHandBenchmark", "MultispectralBenchmark", "UnsplitBenchmark"]

logger = logging.getLogger(__name__)


class Benchmark(Located, NonGeoDataset):
    """Samples of a published dataset, by number. A subclass describes it and has no code.

    Args:
        root: The dataset's folder.
        split: One of ``splits``.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare what is downloaded or extracted with the published digests.
        bands: Names of the bands that are wanted, in order; all by default.
        choices: Values of ``choices``.

    Raises:
        DatasetNotFoundError: The data are not in `root` and were not to be downloaded.
        SplitError: There is no such split.
        BandError: There is no such band.
        ConfigError: There is no such choice.
        ChecksumError, ArchiveError, DownloadError, DiskSpaceError: As `swath.fetch` does.
    """

    #: What it is.
    info: ClassVar[Info]
    #: What its provider publishes.
    files: ClassVar[tuple[File, ...]] = ()
    #: Names of its splits, if it has any.
    splits: ClassVar[tuple[str, ...]] = ()
    #: Names of splits as paths in the archives have them, where that differs.
    split_names: ClassVar[Mapping[str, str]] = {}
    #: Arguments of the constructor beside the common ones, and their values; the first is the
    #: default. In patterns they are fields.
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: Which samples there are.
    rows: ClassVar[RowSource]
    #: What a sample is made of.
    parts: ClassVar[tuple[Part, ...]]
    #: Names of the classes, by number.
    classes: Sequence[str] = ()
    #: (red, green, blue) of each class, if they are published.
    colours: ClassVar[Sequence[tuple[int, ...]]] = ()
    #: Names of the images' bands, in the files' order.
    all_band_names: ClassVar[tuple[str, ...]] = ("R", "G", "B")
    #: The bands that make a picture.
    rgb_bands: ClassVar[tuple[str, ...]] = ("R", "G", "B")
    #: Named sets of bands.
    BAND_SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: A value of masks that is no class.
    ignore_index: ClassVar[int | None] = None
    #: Mean and standard deviation of each band over the training split, in the files' values.
    mean: ClassVar[Mapping[str, float]] = {}
    std: ClassVar[Mapping[str, float]] = {}

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        *,
        bands: Sequence[str] | None = None,
        **choices: str,
    ) -> None:
        self.root = pathlib.Path(root)
        self.transforms, self.download, self.checksum = transforms, download, checksum
        self.split = self._checked_split(split)
        fields = {"split": self.split_names.get(self.split, self.split)} if self.splits else {}
        fields |= self._checked_choices(choices)
        self.choice = dict(fields)
        self.bands = self.all_band_names
        if bands is not None:
            self.bands = check_bands(type(self).__name__, bands, self.all_band_names)
        self.site = Site(
            self.root.absolute(),
            fields,
            tuple(self.bands),
            self.all_band_names,
            tuple(self.classes),
        )
        self.obtain()
        self.sample_rows = self.find_rows()
        if not len(self.sample_rows):
            raise DatasetNotFoundError(
                f"{type(self).__name__} has no samples of {self._chosen() or 'any kind'} in "
                f"{self.root}: what was extracted there may be incomplete, or be another dataset's "
                "whose archive has the same name. Extract the archives again, into a folder of "
                f"this dataset's own; see {self.info.homepage}"
            )
        self._doubt_count()

    def _checked_split(self, split: str) -> str:
        if self.splits and split not in self.splits:
            raise SplitError(
                f"{type(self).__name__} has no split {split!r}: expected "
                f"{', '.join(map(repr, self.splits))}"
            )
        return split

    def _checked_choices(self, choices: Mapping[str, str]) -> dict[str, str]:
        for name, value in choices.items():
            if name not in self.choices:
                raise ConfigError(
                    f"{type(self).__name__} has no argument {name!r}: "
                    f"{nearest(name, list(self.choices) or ['root', 'split', 'transforms'])}"
                )
            if value not in self.choices[name]:
                raise ConfigError(
                    f"{type(self).__name__} has no {name} {value!r}: expected "
                    f"{', '.join(map(repr, self.choices[name]))}"
                )
        return {name: choices.get(name, values[0]) for name, values in self.choices.items()}

    def _chosen(self) -> str:
        return ", ".join(f"{k} {v!r}" for k, v in self.choice.items())

    def wanted_files(self) -> list[File]:
        """What the provider publishes that this split and these choices need."""
        return [f for f in self.files if applies(f.when, self.site.fields)]

    def obtain(self) -> None:
        """Have the files in `root`."""
        obtain_files(
            type(self).__name__, self.info, self.root, self.wanted_files(),
            fetch=self.download, checksum=self.checksum,
        )  # fmt: skip

    def find_rows(self) -> Rows:
        """Which samples there are."""
        return self.rows.find(self.site)

    def _doubt_count(self) -> None:
        if (self.root / MADE_UP).is_file():
            logger.warning("%s in %s is a made-up miniature: its pixels are noise",
                           type(self).__name__, self.root)  # fmt: skip
            return
        known = self.info.samples
        expected = known.get(self.split) if isinstance(known, Mapping) else (
            known if not self.splits else None
        )  # fmt: skip
        if expected is not None and expected != len(self):
            logger.warning(
                "%s has %d samples in %s where %d were published%s: some may be missing",
                type(self).__name__, len(self), self.root, expected,
                f" ({self._chosen()})" if self.choice else "",
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.sample_rows)

    def number(self, index: int) -> int:
        """An index as a number from 0: negative ones count from the end.

        Raises:
            QueryError: There is no such sample, or it is no whole number.
        """
        try:
            given = operator.index(index)
        except TypeError:
            raise QueryError(
                f"{type(self).__name__} is indexed by a whole number, and not by {index!r}: for "
                "several samples use torch.utils.data.Subset or a DataLoader"
            ) from None
        if not -len(self) <= given < len(self):
            raise QueryError(f"there is no sample {given}: expected 0 to {len(self) - 1}")
        return given % len(self)

    def __getitem__(self, index: int) -> Sample:
        row = self.sample_rows[self.number(index)]
        sample: Sample = {}
        for part in self.parts:
            if part.there(self.site):
                sample |= part.read(self.site, row)
        return sample if self.transforms is None else self.transforms(sample)

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """A sample as a person would look at it, with what was predicted beside the truth.

        Args:
            sample: As the dataset gives it; ``prediction`` beside it is shown too.
            show_titles: Whether the pictures have titles.
            suptitle: Above all.

        Returns:
            A figure made without pyplot.

        Raises:
            RGBBandsMissingError: The bands that make a picture are not among the chosen ones.
        """
        from swath.datasets.catalogue.picture import picture

        return picture(self, sample, show_titles, suptitle)


class MultispectralBenchmark(Benchmark):
    """A `Benchmark` of several bands, which are the third argument; see there."""

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bands: Sequence[str] | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **choices: str,
    ) -> None:
        super().__init__(root, split, transforms, download, checksum, bands=bands, **choices)


class ByHandBenchmark(Benchmark):
    """A `Benchmark` that cannot be downloaded without a browser or an account; see there.

    `download` may be named all the same: it is then an error that says what to do.
    """

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        transforms: Callable[[Sample], Sample] | None = None,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, split, transforms, checksum=checksum, **options)


class UnsplitBenchmark(Benchmark):
    """A `Benchmark` without splits; see there."""

    def __init__(
        self,
        root: Path = "data",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        *,
        bands: Sequence[str] | None = None,
        **choices: str,
    ) -> None:
        super().__init__(
            root, "", transforms=transforms, download=download, checksum=checksum, bands=bands,
            **choices,
        )  # fmt: skip
