"""AgriFieldNet: crops of northern India."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from pyproj import CRS

from swath.datasets.catalogue.description import Folder, Info
from swath.datasets.catalogue.layer_parts import LayerPart, Raster
from swath.datasets.geo import Transform
from swath.datasets.layers.published import LabelledLayer
from swath.datasets.layers.tables import colour_table
from swath.errors import ConfigError, DatasetNotFoundError
from swath.typing import Path

__all__ = ["AgriFieldNet"]

# The numbers and names are those of the labels; the colours are ours.
_TABLE = """
 0 000000 No Data
 1 e6c84b Wheat
 2 ffe600 Mustard
 3 aa5a28 Lentil
 4 beb9aa No Crop/Fallow
 5 78c850 Green Pea
 6 3c8c3c Sugarcane
 8 e1b4dc Garlic
 9 f08c28 Maize
13 8c6e3c Gram
14 50b496 Coriander
15 b43c50 Potato
16 aadc6e Berseem
36 50a0e6 Rice
"""
_NAMES, _COLOURS = colour_table(_TABLE)
_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
_SOURCE = "ref_agrifieldnet_competition_v1_source_"
_LABELS = "ref_agrifieldnet_competition_v1_labels_train_"


class AgriFieldNet(LabelledLayer):
    """AgriFieldNet: one Sentinel-2 mosaic of northern India, and the crops of its fields.

    Patches of 256 x 256 pixels at 10 m, twelve bands, 8 bits, with the crop of each field of the
    training set; patches without labels (the competition's test) are left out. The sample's
    ``mask`` holds places in `classes`: with all of them, 1 is wheat and 13 rice.

    Args:
        paths: As in `RasterDataset`.
        crs: As in `RasterDataset`.
        res: As in `RasterDataset`.
        classes: Codes to tell apart, in the order of their new numbers, 0 first; by default all.
            All other codes become 0.
        bands: Names of the bands that are wanted, in order; all by default.
        transforms: As in `RasterDataset`.
        cache: As in `RasterDataset`.
        download: Refused: the files lie one by one in a container, which its provider's program
            (azcopy) copies.
        time_series: As in `RasterDataset`.
        options: The other arguments of `RasterDataset`.

    Raises:
        DatasetNotFoundError: Images or labels are not there.
        ConfigError: There is no such class.
        BandError: There is no such band.
    """

    info = Info(
        title="AgriFieldNet Competition Dataset",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=None,
        size="256x256",
        resolution="10",
        licence="CC-BY-4.0",
        citation="Radiant Earth Foundation and IDinsight 2022, https://doi.org/10.34911/rdnt.wu92p1",
        homepage="https://source.coop/repositories/radiantearth/agrifieldnet-competition",
        account="Its files lie one by one in "
        "https://radiantearth.blob.core.windows.net/mlhub/ref_agrifieldnet_competition_v1, which "
        "azcopy copies",
    )
    published = (Folder("source"), Folder("train_labels"))
    separate_files = True
    filename_glob = _SOURCE + "*_{}_10m.*"
    filename_regex = rf"^{_SOURCE}(?P<unique_folder_id>[a-z0-9]{{5}})_(?P<band>B[0-9A-Z]{{2}})_10m"
    all_bands = _BANDS
    rgb_bands = ("B04", "B03", "B02")
    classes_by_value = _NAMES
    cmap = _COLOURS
    parts: ClassVar[tuple[LayerPart, ...]] = (
        *(
            Raster(f"source/{_SOURCE}{{id}}/{_SOURCE}{{id}}_{band}_10m.tif", crs="EPSG:32644",
                   res=10.0, origin=(400_000.0, 3_000_000.0))
            for band in _BANDS
        ),
        Raster(f"train_labels/{_LABELS}{{id}}.tif", values=tuple(_NAMES), crs="EPSG:32644",
               res=10.0, origin=(400_000.0, 3_000_000.0)),
        Raster(f"train_labels/{_LABELS}{{id}}_field_ids.tif", "uint16", crs="EPSG:32644",
               res=10.0, origin=(400_000.0, 3_000_000.0)),
    )  # fmt: skip
    examples = ({"id": "32407"}, {"id": "8641e"})

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] | None = None,
        classes: Sequence[int] | None = None,
        bands: Sequence[str] = _BANDS,
        transforms: Transform | None = None,
        cache: bool = True,
        download: bool = False,
        time_series: bool = False,
        **options: Any,
    ) -> None:
        chosen = list(_NAMES if classes is None else classes)
        wrong = [code for code in chosen if code not in _NAMES]
        if wrong or chosen[:1] != [0]:
            raise ConfigError(
                f"classes={chosen}: expected 0 and then some of {', '.join(map(str, _NAMES))}"
            )
        self.classes = chosen
        self.class_map = np.zeros(256, np.int64)
        self.class_map[chosen] = range(len(chosen))
        if download:
            raise ConfigError(f"{type(self).__name__} cannot be downloaded: {self.info.account}")
        super().__init__(
            paths, crs, res, bands, transforms, cache, False, True, time_series, **options
        )

    def _find(self) -> list[str]:
        found = [p for p in super()._find() if os.path.isfile(self.label_files(p)[0])]
        if not found:
            raise DatasetNotFoundError(
                f"{type(self).__name__}: there is no image in {self.paths} whose labels are in the "
                f"folder train_labels beside the folder source; see {self.info.homepage}"
            )
        return found

    def label_files(self, path: str) -> list[str]:
        """The crops of a patch, in ``train_labels`` beside ``source``."""
        found = re.match(self.filename_regex, os.path.basename(path))
        root = os.path.dirname(os.path.dirname(os.path.dirname(path)))
        name = f"{_LABELS}{found['unique_folder_id'] if found else ''}.tif"
        return [os.path.join(root, "train_labels", name)]

    def _class_names(self) -> dict[int, str]:
        return {i: _NAMES[code] for i, code in enumerate(self.classes)}

    def _class_colours(self) -> dict[int, tuple[int, int, int, int]]:
        return {i: _COLOURS[code] for i, code in enumerate(self.classes)}
