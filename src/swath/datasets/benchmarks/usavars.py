"""USAVars: what a square kilometre of the United States is like, seen from the air."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swath.datasets.catalogue import (
    Archive,
    Benchmark,
    File,
    Image,
    Info,
    Joined,
    Listed,
    Numbers,
    Rows,
    Table,
)
from swath.errors import ConfigError, nearest
from swath.typing import Path, Sample

__all__ = ["USAVars"]

_HOST = "https://hf.co/datasets/torchgeo/usavars/resolve/01377abfaf50c0cc8548aaafb79533666bbf288f/"
_LISTED = Listed("{split}_split.txt", "tile_{tile}.tif", examples={"tile": ("0,0", "0,1", "1,0")})
_VALUES = ("0.25", "12.5", "801")


def _table(label: str) -> Table:
    return Table(
        f"{label}.csv",
        {"tile": "ID", "lon": "lon", "lat": "lat", label: label},
        examples={"lon": ("-98.5",), "lat": ("39.5",), label: _VALUES},
    )


class USAVars(Benchmark):
    """USAVars: ``image`` (4, 256, 256) of NAIP and ``labels`` (L,), numbers about the place.

    ``labels`` are in the order in which they are asked for; a number that is not known is NaN.
    Where a tile lies is in ``centroid_lat`` and ``centroid_lon``.

    Args:
        root: The dataset's folder.
        split: ``"train"``, ``"val"`` or ``"test"``.
        labels: Some of ``ALL_LABELS``.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: As in `Benchmark`.

    Raises:
        ConfigError: There is no such label.
    """

    info = Info(
        title="USAVars",
        tasks=("regression",),
        source="NAIP",
        samples={"train": 68_513, "val": 19_575, "test": 9_788},
        size="256x256",
        resolution="4",
        licence="CC-BY-4.0",
        citation="Rolf et al. 2021, https://doi.org/10.1038/s41467-021-24638-z",
        homepage="https://huggingface.co/datasets/torchgeo/usavars",
        bytes=17_100_000_000,
    )
    splits = ("train", "val", "test")
    ALL_LABELS = (
        "treecover", "elevation", "population", "nightlights", "income", "roads", "housing",
    )  # fmt: skip
    files = (
        Archive(
            "uar.zip",
            _HOST + "uar.zip",
            sha256="a202ed19a720bccc0cb313bb43145ef5b546a6c2a5cbf54955e1e9506a5f3b0b",
            gives=("uar/",),
        ),
        *(File(f"{label}.csv", f"{_HOST}{label}.csv") for label in ALL_LABELS),
        *(
            File(f"{split}_split.txt", f"{_HOST}{split}_split.txt", sha256=digest,
                 when={"split": split})
            for split, digest in (
                ("train", "d1a7a3be2b9328e03affd62d23347eb7e76e786079c012107ad65cb652d97d93"),
                ("val", "edec887529ce83b3ae1fb9b549621b6d16df356fb9e83a4134f073761d147660"),
                ("test", "364f7ae1de7803a026e41a8624b540bfab756dcc2fe87a04f036b4def27d93fb"),
            )
        ),
    )  # fmt: skip
    all_band_names = ("R", "G", "B", "NIR")
    rows = Joined("tile", _LISTED, *map(_table, ALL_LABELS))
    parts = (
        Numbers(ALL_LABELS),
        Image("uar/tile_{tile}.tif", located=True, size=(64, 64), crs="EPSG:4326"),
        Numbers(("lat",), "centroid_lat"),
        Numbers(("lon",), "centroid_lon"),
    )

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        labels: Sequence[str] = ("treecover", "elevation", "population"),
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        unknown = [label for label in labels if label not in self.ALL_LABELS]
        if unknown or not labels or isinstance(labels, str):
            which = nearest(unknown[0], self.ALL_LABELS) if unknown else "expected a list of labels"
            raise ConfigError(f"USAVars has no labels {labels!r}: {which}")
        self.labels = tuple(labels)
        super().__init__(root, split, transforms, download, checksum, **options)

    def wanted_files(self) -> list[File]:
        """The images, the split's list, and the tables of the chosen labels."""
        others = {f"{label}.csv" for label in self.ALL_LABELS if label not in self.labels}
        return [file for file in super().wanted_files() if file.name not in others]

    def find_rows(self) -> Rows:
        """The split's tiles, with the chosen numbers."""
        return Joined("tile", _LISTED, *map(_table, self.labels)).find(self.site)
