"""So2Sat LCZ42: local climate zones of 42 cities in radar and optical images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from swath.datasets.catalogue import File, Info, MultispectralBenchmark, PerChoice, PerSplit
from swath.datasets.catalogue.arrays import ArrayImage, ArrayLabel, ArrayRows
from swath.datasets.catalogue.rows import RowSource
from swath.errors import SplitError
from swath.typing import Path, Sample

__all__ = ["So2Sat"]

_S1 = tuple(f"S1_B{i}" for i in range(1, 9))
_S2 = tuple(f"S2_B{i}" for i in ("02", "03", "04", "05", "06", "07", "08", "8A", "11", "12"))
_FILES = {
    "2": "{split}.h5",
    "3_random": "random/{split}.h5",
    "3_block": "block/{split}.h5",
    "3_culture_10": "culture_10/{split}.h5",
}
_MD5S = {
    ("2", "training"): "702bc6a9368ebff4542d791e53469244",
    ("2", "validation"): "71cfa6795de3e22207229d06d6f8775d",
    ("2", "testing"): "e81426102b488623a723beab52b31a8a",
    ("3_random", "training"): "94e2e2e667b406c2adf61e113b42204e",
    ("3_random", "testing"): "1e15c425585ce816342d1cd779d453d8",
    ("3_block", "training"): "a91d6150e8b059dac86105853f377a11",
    ("3_block", "testing"): "6414af1ec33ace417e879f9c88066d47",
    ("3_culture_10", "training"): "702bc6a9368ebff4542d791e53469244",
    ("3_culture_10", "testing"): "58335ce34ca3a18424e19da84f2832fc",
}


def _rows(version: str) -> RowSource:
    rows = ArrayRows(_FILES[version], "label")
    return rows if version == "2" else PerSplit(training=rows, testing=rows)


class So2Sat(MultispectralBenchmark):
    """So2Sat LCZ42: ``image`` (bands, 32, 32) and ``label`` of 17 local climate zones.

    Eight bands of Sentinel-1 (real and imaginary parts of VH and VV, their Lee-filtered
    intensities and covariance) and ten of Sentinel-2. ``bands`` are names, and `BAND_SETS` has
    those of ``"s1"``, ``"s2"``, ``"rgb"`` and ``"all"``; they come in the order asked for.

    Needs h5py (``pip install 'swath[hdf5]'``).

    Args:
        root: The folder with the files.
        version: ``"2"`` (ten other cities for validation and testing), or of version 3
            ``"3_random"``, ``"3_block"`` (parts of each city) and ``"3_culture_10"``
            (https://mediatum.ub.tum.de/1613658), which have no validation split.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        bands: Names of the bands.
        transforms: Called with each sample.
        checksum: Compare the files with the published digests.
        download: The files cannot be downloaded from here: the error says where they are.

    Raises:
        SplitError: The version has no such split.
        DependencyNotFoundError: h5py is not installed.
    """

    info = Info(
        title="So2Sat LCZ42",
        tasks=("classification",),
        source="Sentinel-1, Sentinel-2",
        samples=400_673,
        size="32x32",
        resolution="10",
        licence="CC-BY-4.0",
        citation="Zhu et al. 2020, https://doi.org/10.1109/MGRS.2020.2964708",
        homepage="https://mediatum.ub.tum.de/1483140",
        account="mediaTUM gives it by FTP and rsync",
    )
    splits = ("train", "validation", "test")
    split_names = {  # noqa: RUF012
        "train": "training", "validation": "validation", "test": "testing",
    }  # fmt: skip
    choices = {"version": tuple(_FILES)}  # noqa: RUF012
    files = tuple(
        File(_FILES[version].format(split=split), md5=md5,
             when={"version": version, "split": split})
        for (version, split), md5 in _MD5S.items()
    )  # fmt: skip
    classes = (
        "Compact high rise", "Compact mid rise", "Compact low rise", "Open high rise",
        "Open mid rise", "Open low rise", "Lightweight low rise", "Large low rise",
        "Sparsely built", "Heavy industry", "Dense trees", "Scattered trees", "Bush, scrub",
        "Low plants", "Bare rock or paved", "Bare soil or sand", "Water",
    )  # fmt: skip
    all_s1_band_names = _S1
    all_s2_band_names = _S2
    all_band_names = _S1 + _S2
    rgb_bands = ("S2_B04", "S2_B03", "S2_B02")
    BAND_SETS = {"all": _S1 + _S2, "s1": _S1, "s2": _S2, "rgb": rgb_bands}  # noqa: RUF012
    rows = PerChoice("version", {version: _rows(version) for version in _FILES})
    parts = tuple(
        part
        for version, file in _FILES.items()
        for part in (
            ArrayImage(file, {"sen1": _S1, "sen2": _S2}, dtype="float64",
                       when={"version": version}),
            ArrayLabel(file, dtype="float64", when={"version": version}),
        )
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        version: str = "2",
        split: str = "train",
        bands: Sequence[str] = _S1 + _S2,
        transforms: Callable[[Sample], Sample] | None = None,
        checksum: bool = True,
        download: bool = False,
    ) -> None:
        if split == "validation" and version != "2" and version in _FILES:
            raise SplitError(
                f"So2Sat {version!r} has no split 'validation': expected 'train' or 'test'; hold "
                "back a part of the training samples"
            )
        super().__init__(root, split, bands, transforms, download, checksum, version=version)
