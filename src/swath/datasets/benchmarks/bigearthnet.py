"""BigEarthNet: land cover of ten European countries, several kinds in each image."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue import Archive, BandFiles, Benchmark, File, Info, Table
from swath.datasets.catalogue.files import read_text
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError
from swath.typing import Path, Sample

__all__ = ["BAND_SETS", "CLASSES_19", "CLASSES_43", "BigEarthNet", "Patches"]

S1 = ("VH", "VV")
S2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
#: The bands of each set; files of both sensors are found by their names.
BAND_SETS = {"all": S1 + S2, "s1": S1, "s2": S2}
#: The nomenclature of Sumbul et al. 2020 (https://arxiv.org/abs/2001.06372).
CLASSES_19 = (
    "Urban fabric", "Industrial or commercial units", "Arable land", "Permanent crops", "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas", "Broad-leaved forest", "Coniferous forest", "Mixed forest",
    "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation", "Transitional woodland, shrub",
    "Beaches, dunes, sands", "Inland wetlands", "Coastal wetlands", "Inland waters",
    "Marine waters",
)  # fmt: skip
#: CORINE's third level, as far as it occurs.
CLASSES_43 = (
    "Continuous urban fabric", "Discontinuous urban fabric", "Industrial or commercial units",
    "Road and rail networks and associated land", "Port areas", "Airports",
    "Mineral extraction sites", "Dump sites", "Construction sites", "Green urban areas",
    "Sport and leisure facilities", "Non-irrigated arable land", "Permanently irrigated land",
    "Rice fields", "Vineyards", "Fruit trees and berry plantations", "Olive groves", "Pastures",
    "Annual crops associated with permanent crops", "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas", "Broad-leaved forest", "Coniferous forest", "Mixed forest",
    "Natural grassland", "Moors and heathland", "Sclerophyllous vegetation",
    "Transitional woodland/shrub", "Beaches, dunes, sands", "Bare rock",
    "Sparsely vegetated areas", "Burnt areas", "Inland marshes", "Peatbogs", "Salt marshes",
    "Salines", "Intertidal flats", "Water courses", "Water bodies", "Coastal lagoons", "Estuaries",
    "Sea and ocean",
)  # fmt: skip
#: Of the 43 classes, the number among the 19; those that are not in it were dropped.
_TO_19 = {
    0: 0, 1: 0, 2: 1, 11: 2, 12: 2, 13: 2, 14: 3, 15: 3, 16: 3, 17: 4, 18: 3, 19: 5, 20: 6, 21: 7,
    22: 8, 23: 9, 24: 10, 25: 11, 26: 12, 27: 12, 28: 13, 29: 14, 31: 11, 33: 15, 34: 15, 35: 16,
    36: 16, 38: 17, 39: 17, 40: 18, 41: 18, 42: 18,
}  # fmt: skip


class Patches(BandFiles):
    """The bands of a patch, from folders of Sentinel-1 and of Sentinel-2.

    Args:
        s1: Pattern of Sentinel-1's files.
        s2: Pattern of Sentinel-2's files.
        s2_dtype: Of Sentinel-2's files, in miniatures.
        options: Of `BandFiles`.
    """

    def __init__(self, s1: str, s2: str, s2_dtype: str = "uint16", **options: Any) -> None:
        sizes = {"B01": (20, 20), "B09": (20, 20)}
        sizes |= dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), (60, 60))
        super().__init__(s2, located=True, size=(120, 120), sizes=sizes, **options)
        self.s1, self.dtypes = s1, {b: "float32" if b in S1 else s2_dtype for b in S1 + S2}

    def path(self, site: Site, row: Row, band: str) -> str:
        """The file of a band."""
        return site.path(self.s1 if band in S1 else self.file, {**row, "band": band})


class PatchLabels(Part):
    """Classes from the JSON file of a patch: int64 (classes,) of 0 and 1."""

    def __init__(self, s1: str, s2: str) -> None:
        super().__init__("label")
        self.s1, self.s2 = s1, s2

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.s1 if site.fields["bands"] == "s1" else self.s2, row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The classes, 43 or those of them that the 19 know."""
        path = self.files(site, row)[0]
        text = read_text(path)
        try:
            numbers = [CLASSES_43.index(name) for name in json.loads(text)["labels"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableFileError(
                f"{path} does not say which classes there are: {error!r}. Extract it again"
            ) from error
        if site.fields["num_classes"] == "19":
            numbers = [_TO_19[n] for n in numbers if n in _TO_19]
        found = torch.zeros(int(site.fields["num_classes"]), dtype=torch.int64)
        found[numbers] = 1
        return {self.key: found}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """A few classes, in the files of both sensors."""
        names = [CLASSES_43[n] for n in sorted(rng.choice(43, 3, replace=False))]
        wanted = site.fields["bands"]
        for sensor, file in (("s1", self.s1), ("s2", self.s2)):
            if wanted in ("all", sensor):
                path = pathlib.Path(site.path(file, row))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps({"labels": names}))


_S1_PATCH = "BigEarthNet-S1-v1.0/{s1}/{s1}_"
_S2_PATCH = "BigEarthNet-v1.0/{s2}/{s2}_"
_HOST = "https://zenodo.org/records/12687186/files/"
_LISTS = (
    "https://git.tu-berlin.de/rsim/BigEarthNet-MM_19-classes_models/-/raw/"
    "9a5be07346ab0884b2d9517475c27ef9db9b5104/splits/"
)


class BigEarthNet(Benchmark):
    """BigEarthNet: ``image`` (bands, 120, 120), and ``label`` int64 (classes,) of 0 and 1.

    Bands come in the order VH, VV (decibels), B01 to B12 (level 2A of Sentinel-2, reflectance times
    10,000); those of 20 and 60 m are brought to 10 m bilinearly. Nothing is rounded: elsewhere in
    the field all bands are, decibels to whole ones. ``bounds`` and ``transform`` say where a patch
    lies, in its own UTM zone. Patches with snow or clouds are in none of the splits.

    Args:
        root: The folder of the data.
        split: ``"train"``, ``"val"`` or ``"test"``.
        bands: ``"all"``, ``"s1"`` or ``"s2"``.
        num_classes: 19 or 43.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare what is downloaded or extracted with the published digests.
    """

    info = Info(
        title="BigEarthNet",
        tasks=("multi-label classification", "multi-modal"),
        source="Sentinel-1, Sentinel-2",
        samples={"train": 269_695, "val": 123_723, "test": 125_866},
        size="120x120",
        resolution="10",
        licence="CDLA-Permissive-1.0",
        citation="Sumbul et al. 2021, https://doi.org/10.1109/MGRS.2021.3089174",
        homepage="https://bigearth.net",
    )
    splits = ("train", "val", "test")
    choices = {"bands": ("all", "s1", "s2"), "num_classes": ("19", "43")}  # noqa: RUF012
    files = (
        Archive("BigEarthNet-S1-v1.0.tar.gz", _HOST + "BigEarthNet-S1-v1.0.tar.gz",
                md5="94ced73440dea8c7b9645ee738c5a172", gives=("BigEarthNet-S1-v1.0/",),
                when={"bands": ("all", "s1")}),
        Archive("BigEarthNet-S2-v1.0.tar.gz", _HOST + "BigEarthNet-S2-v1.0.tar.gz",
                md5="5a64e9ce38deb036a435a7b59494924c", gives=("BigEarthNet-v1.0/",),
                when={"bands": ("all", "s2")}),
        *(
            File(f"bigearthnet-{split}.csv", f"{_LISTS}{split}.csv?inline=false", md5=md5,
                 when={"split": split})
            for split, md5 in (
                ("train", "623e501b38ab7b12fe44f0083c00986d"),
                ("val", "22efe8ed9cbd71fa10742ff7df2b7978"),
                ("test", "697fb90677e30571b9ac7699b7e5b432"),
            )
        ),
    )  # fmt: skip
    classes: Sequence[str] = CLASSES_19
    class_sets = {19: CLASSES_19, 43: CLASSES_43}  # noqa: RUF012
    all_band_names = S1 + S2
    rgb_bands = ("B04", "B03", "B02")
    BAND_SETS = BAND_SETS
    rows = Table("bigearthnet-{split}.csv", ("s2", "s1"))
    parts = (
        Patches(_S1_PATCH + "{band}.tif", _S2_PATCH + "{band}.tif",
                crs=("EPSG:32633", "EPSG:32629")),
        PatchLabels(_S1_PATCH + "labels_metadata.json", _S2_PATCH + "labels_metadata.json"),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bands: str = "all",
        num_classes: int = 19,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
    ) -> None:
        self._asked = {"bands": bands, "num_classes": str(num_classes)}
        self.classes = CLASSES_43 if str(num_classes) == "43" else CLASSES_19
        super().__init__(root, split, transforms, download, checksum,
                         bands=BAND_SETS.get(str(bands)))  # fmt: skip

    def _checked_choices(self, choices: Mapping[str, str]) -> dict[str, str]:
        # `bands` names a set here, and single bands in the class below.
        return super()._checked_choices(self._asked)
