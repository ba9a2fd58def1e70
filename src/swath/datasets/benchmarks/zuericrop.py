"""ZueriCrop: fields and their crops in series of Sentinel-2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue import File, Info, UnsplitBenchmark
from swath.datasets.catalogue.arrays import ArrayImage, ArrayRows, append_array, array_row
from swath.datasets.catalogue.files import write_text
from swath.datasets.catalogue.parts import Part
from swath.datasets.catalogue.site import Site
from swath.typing import Path, Sample

__all__ = ["ZueriCrop"]

_HOST = (
    "https://hf.co/datasets/isaaccorley/zuericrop/resolve/8ac0f416fbaab032d8670cc55f984b9f079e86b2/"
)
_FILE = "ZueriCrop.hdf5"
_BANDS = ("NIR", "B03", "B02", "B04", "B05", "B06", "B07", "B11", "B12")


class _Rows(ArrayRows):
    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        """The table of crops that is published beside the arrays; nothing is read from it."""
        write_text(site.path("labels.csv"), "")


class Fields(Part):
    """The fields of an image, from an array of their numbers and one of what grows there."""

    def __init__(self) -> None:
        super().__init__("mask")

    def read(self, site: Site, row: Mapping[str, str]) -> dict[str, Any]:
        """``mask`` uint8 (N, H, W), ``bbox_xyxy`` float32 (N, 4), ``label`` int64 (N,)."""
        path, number = site.path(_FILE), int(row["number"])
        fields = array_row(path, "gt_instance", number)[..., 0]
        crops = array_row(path, "gt", number)[..., 0]
        masks, boxes, labels = [], [], []
        for field in np.unique(fields):
            if field == 0:
                continue
            inside = fields == field
            y, x = np.nonzero(inside)
            masks.append(inside.astype(np.uint8))
            boxes.append((x.min(), y.min(), x.max() + 1, y.max() + 1))
            values, counts = np.unique(crops[inside], return_counts=True)
            labels.append(int(values[counts.argmax()]))
        shape = (len(masks), *fields.shape)
        return {
            "mask": torch.from_numpy(np.array(masks, np.uint8).reshape(shape)),
            "bbox_xyxy": torch.from_numpy(np.array(boxes, np.float32).reshape(-1, 4)),
            "label": torch.tensor(labels, dtype=torch.int64),
        }

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        """Two fields."""
        number = int(row["number"])
        fields, crops = np.zeros((24, 24, 1), np.int32), np.zeros((24, 24, 1), np.int16)
        for i in (1, 2):
            top, left = (int(v) for v in rng.integers(0, (16, 5)))
            left += 12 * (i - 1)
            ground = np.s_[top : top + 8, left : left + 7]
            fields[ground], crops[ground] = 10 * number + i, rng.integers(1, 49)
        append_array(site.path(_FILE), "gt_instance", number, fields)
        append_array(site.path(_FILE), "gt", number, crops)


class ZueriCrop(UnsplitBenchmark):
    """ZueriCrop: ``image`` (T, 9, 24, 24), and of N fields ``mask``, ``bbox_xyxy`` and ``label``.

    A year of Sentinel-2 over the cantons of Zurich and Thurgau, bottom-of-atmosphere reflectance.
    ``mask`` is uint8 (N, 24, 24), 1 inside a field; ``label`` int64 (N,), the crop's number as in
    ``labels.csv``.

    Boxes reach to the far edge of their last pixels, so that a field one pixel wide has a box of
    width 1; elsewhere in the field it is 0, which detection models refuse.

    Needs h5py (``pip install 'swath[hdf5]'``).

    Args:
        root: The folder with the files.
        bands: Names of the bands, in the order in which they are wanted.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare what is downloaded with the published digests.

    Raises:
        DependencyNotFoundError: h5py is not installed.
    """

    info = Info(
        title="ZueriCrop",
        tasks=("instance segmentation", "time series"),
        source="Sentinel-2",
        samples=None,
        size="24x24",
        resolution="10",
        licence="CC-BY-NC-4.0",
        citation="Turkoglu et al. 2021, https://doi.org/10.1016/j.rse.2021.112603",
        homepage="https://github.com/0zgur0/ms-convSTAR",
    )
    files = (
        File(_FILE, _HOST + _FILE,
             sha256="738536d3a28154e9a47ab8431b325a0213e80e7b75e8df9f7f42cc815b322fde"),
        File("labels.csv", _HOST + "labels.csv",
             sha256="9bd634d09075e5a196a6b32ed81cb75dba50aa926644f1deb2a0a27f27af82ad"),
    )  # fmt: skip
    all_band_names = _BANDS
    band_names = _BANDS
    rgb_bands = ("B04", "B03", "B02")
    rows = _Rows(_FILE, "data")
    parts = (ArrayImage(_FILE, {"data": _BANDS}, size=(4, 24, 24)), Fields())

    def __init__(
        self,
        root: Path = "data",
        bands: Sequence[str] = _BANDS,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
    ) -> None:
        super().__init__(root, transforms, download, checksum, bands=bands)
