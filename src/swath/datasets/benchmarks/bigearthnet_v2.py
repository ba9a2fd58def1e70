"""BigEarthNet v2 (reBEN): its patches made anew, with a map of land cover each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from swath.datasets.benchmarks.bigearthnet import BAND_SETS, CLASSES_19, S1, S2, Patches
from swath.datasets.catalogue import Archive, Benchmark, File, Info, Labels, Mask, Rows, Table
from swath.datasets.catalogue.rows import example
from swath.datasets.catalogue.site import Site, pattern
from swath.errors import UnreadableFileError
from swath.typing import Path, Sample

__all__ = ["BigEarthNetV2"]

#: CORINE's codes -> class; what is not in it has no class.
_CODES = {
    111: 0, 112: 0, 121: 1, 211: 2, 212: 2, 213: 2, 221: 3, 222: 3, 223: 3, 231: 4, 241: 3,
    242: 5, 243: 6, 244: 7, 311: 8, 312: 9, 313: 10, 321: 11, 322: 12, 323: 12, 324: 13, 331: 14,
    333: 11, 411: 15, 412: 15, 421: 16, 422: 16, 511: 17, 512: 17, 521: 18, 522: 18, 523: 18,
}  # fmt: skip
_COLOURS = (
    0xE6004D, 0xCC4DF2, 0xFFFFA8, 0xE68000, 0xE6E64D, 0xFFE64D, 0xE6CC4D, 0xF2CCA6, 0x80FF00,
    0x00A600, 0x4DFF00, 0xCCF24D, 0xA6FF80, 0xA6F200, 0xE6E6E6, 0xA6A6FF, 0xCCCCFF, 0x80F2E6,
    0xE6F2FF,
)  # fmt: skip
_IGNORE = 255
_HOST = (
    "https://hf.co/datasets/torchgeo/bigearthnet/resolve/"
    "3cf3a5910a5302d449fdb8e570e5b78de24fe07f/V2/"
)
# A patch's name is its scene's and its place in it: kept apart, a million rows stay small.
_S2_NAME, _S1_NAME = "{s2:.+}_{at:[^_]+_[^_]+}", "{s1:.+}_{s1_at:[^_]+_[^_]+_[^_]+}"
_PATCH = "{s2}/{s2}_{at}/{s2}_{at}_"
_EXAMPLES = {
    "s2": ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP",),
    "s1": ("S1A_IW_GRDH_1SDV_20170613T165043",),
    "split": ("train",),
}


class _Metadata(Table):
    """The rows of ``metadata.parquet``, the names of patches taken apart, classes as numbers."""

    def find(self, site: Site) -> Rows:
        numbers = {name: str(i) for i, name in enumerate(CLASSES_19)}
        rows = []
        for row in super().find(site):
            patch = pattern(_S2_NAME).match(row["patch"])
            radar = pattern(_S1_NAME).match(row["radar"])
            lost = [n for n in row["labels"].split(";") if n not in numbers]
            if patch is None or radar is None or lost:
                raise UnreadableFileError(
                    f"{site.path(self.file)} has a patch {row['patch']!r} with {row['radar']!r} "
                    f"and classes {row['labels']!r}, which are not what was published"
                )
            labels = ";".join(numbers[n] for n in row["labels"].split(";"))
            rows.append({**patch, **radar, "labels": labels})
        return Rows(rows)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        rows = example(site, "{s2}|{s1}", count, start, _EXAMPLES)
        for i, row in enumerate(rows, start):
            row |= {"at": f"26_{i}", "s1_at": f"33UUP_26_{i}", "labels": f"{i % 19};{(i + 7) % 19}"}
        return rows

    def write(self, site: Site, rows: Sequence[Mapping[str, str]]) -> None:
        named = [
            {
                "patch": pattern(_S2_NAME).format(row),
                "radar": pattern(_S1_NAME).format(row),
                "labels": ";".join(CLASSES_19[int(n)] for n in row["labels"].split(";")),
            }
            for row in rows
        ]
        super().write(site, named)


def _volumes(name: str, begin: str, *digests: str, bands: tuple[str, ...]) -> Archive:
    files = [
        File(f"{name}{end}", f"{_HOST}{name}{end}", sha256=digest)
        for end, digest in zip(("aa", "ab"), digests, strict=True)
    ]
    return Archive(files[0].name, files[0].url, sha256=files[0].sha256, gives=(begin,),
                   volumes=tuple(files[1:]), when={"bands": bands})  # fmt: skip


class BigEarthNetV2(Benchmark):
    """BigEarthNet v2: a map of land cover ``mask`` (120, 120) and ``label`` (19,) of 0 and 1.

    With ``bands="s1"`` or ``"s2"`` the image is ``image`` (2 or 12, 120, 120); with ``"all"`` there
    are ``image_s1`` and ``image_s2``. Bands are as in `BigEarthNet`, Sentinel-2 from a later
    processing baseline; the splits are apart in space.

    Where the map shows ground of no class, ``mask`` is 255, `ignore_index`; elsewhere in the field
    CORINE's own code is left there, which is no class number, and the mask is (1, 120, 120).

    Args:
        root: The folder of the data.
        split: ``"train"``, ``"val"`` or ``"test"``.
        bands: ``"all"``, ``"s1"`` or ``"s2"``.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare what is downloaded or extracted with the published digests.
    """

    info = Info(
        title="BigEarthNet v2 (reBEN)",
        tasks=("multi-label classification", "segmentation", "multi-modal"),
        source="Sentinel-1, Sentinel-2",
        samples={"train": 237_871, "val": 122_342, "test": 119_825},
        size="120x120",
        resolution="10",
        licence="CDLA-Permissive-1.0",
        citation="Clasen et al. 2025, https://arxiv.org/abs/2407.03653",
        homepage="https://bigearth.net",
    )
    splits = ("train", "val", "test")
    split_names = {"train": "train", "val": "validation", "test": "test"}  # noqa: RUF012
    choices = {"bands": ("all", "s1", "s2")}  # noqa: RUF012
    files = (
        _volumes("BigEarthNet-S1.tar.gz", "BigEarthNet-S1/",
                 "073255325113a90cc03a68b81adeea66e27c2ad6ad986f5926935c5639386a69",
                 "0b5a53fec6cd77bb7375b46370b6608bbee10d65a20bb0d26dd89765b4bf951c",
                 bands=("all", "s1")),
        _volumes("BigEarthNet-S2.tar.gz", "BigEarthNet-S2/",
                 "a44e4c9d8dde1affd7107640dd0070b811ca848205363f8dd8f75bebccea0ed3",
                 "e0bfe57038e07ff09add42e5bff108d221da10a6e45533fd2eb4ac05e6d90dc2",
                 bands=("all", "s2")),
        Archive("Reference_Maps.tar.gzaa", _HOST + "Reference_Maps.tar.gzaa",
                md5="b0cd1f0a31b49fcbfd61d80f963e759d", gives=("Reference_Maps/",)),
        File("metadata.parquet", _HOST + "metadata.parquet",
             md5="55687065e77b6d0b0f1ff604a6e7b49c"),
    )  # fmt: skip
    classes = CLASSES_19
    colours = tuple((c >> 16, c >> 8 & 255, c & 255) for c in _COLOURS)
    all_band_names = S1 + S2
    rgb_bands = ("B04", "B03", "B02")
    BAND_SETS = BAND_SETS
    ignore_index = _IGNORE
    rows = _Metadata(
        "metadata.parquet",
        {"patch": "patch_id", "radar": "s1_name", "labels": "labels"},
        where={"split": "{split}"},
        lists=("labels",),
    )
    parts = (
        *(
            Patches("BigEarthNet-S1/{s1}/{s1}_{s1_at}/{s1}_{s1_at}_{band}.tif",
                    f"BigEarthNet-S2/{_PATCH}{{band}}.tif", "int16", key=key, bands=bands,
                    crs=("EPSG:32633", "EPSG:32629"), when={"bands": chosen})
            for key, bands, chosen in (
                ("image_s1", S1, "all"), ("image_s2", S2, "all"), ("image", S1, "s1"),
                ("image", S2, "s2"),
            )
        ),
        Mask(f"Reference_Maps/{_PATCH}reference_map.tif", values=_CODES, ignore=_IGNORE,
             size=(120, 120), dtype="uint16", crs=("EPSG:32633", "EPSG:32629")),
        Labels(),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        bands: str = "all",
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
    ) -> None:
        self._asked = {"bands": bands}
        super().__init__(root, split, transforms, download, checksum,
                         bands=BAND_SETS.get(str(bands)))  # fmt: skip

    def _checked_choices(self, choices: Mapping[str, str]) -> dict[str, str]:
        return super()._checked_choices(self._asked)
