"""HySpecNet-11k: hyperspectral images without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swath.datasets.catalogue import Archive, Benchmark, Image, Info, Listed
from swath.typing import Path, Sample

__all__ = ["HySpecNet11k"]

_HOST = (
    "https://hf.co/datasets/torchgeo/hyspecnet/resolve/13e110422a6925cbac0f11edff610219b9399227/"
)
_ALL = tuple(f"B{i}" for i in range(1, 225))
#: Where the air lets next to nothing through.
_ABSORBED = {f"B{i}" for i in (*range(127, 142), *range(161, 168))}
_NAME = "ENMAP01-____L2A-DT0000004950_20221103T162438Z_001_V010110_20221118T145147Z-Y0146027{}_X05"


class HySpecNet11k(Benchmark):
    """HySpecNet-11k: ``image`` (202, 128, 128) of EnMAP, without labels.

    Reflectance of level 2A times 10,000. Of 224 bands the 22 in which the air absorbs what the
    ground sends are left out, unless ``bands`` asks for them. Images keep their place (``bounds``,
    ``transform``); centre, time and wavelengths, which other libraries add, are not in a sample.

    Args:
        root: The dataset's folder.
        split: ``"train"``, ``"val"`` or ``"test"``.
        strategy: ``"easy"``: images of one scene can be in several splits; ``"hard"``: they are
            all in one.
        bands: Names of bands; ``default_bands`` by default.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: As in `Benchmark`.
    """

    info = Info(
        title="HySpecNet-11k",
        tasks=("self-supervised",),
        source="EnMAP",
        samples=11_483,
        size="128x128",
        resolution="30",
        licence="–",
        citation="Fuchs and Demir 2023, https://arxiv.org/abs/2306.00385",
        homepage="https://hyspecnet.rsim.berlin/",
    )
    splits = ("train", "val", "test")
    choices = {"strategy": ("easy", "hard")}  # noqa: RUF012
    files = (
        *(
            Archive(f"hyspecnet-11k-{i:02d}.tar.gz", f"{_HOST}hyspecnet-11k-{i:02d}.tar.gz",
                    sha256=digest, gives=("hyspecnet-11k/patches/",))
            for i, digest in enumerate((
                "bd551f2b16d02ec6154b83dd75bc8640fdc4ef75b03680610d5cfec07d2e4d1d",
                "245afe0be3b6bd5ac8783c6351390ffb16c1c2320db48f09adbcb4bedbf79844",
                "31223d9b7ce1ebeb51138ab885658c0aeefa908df9fee4c2ca35605fc8a8c4ac",
                "9283deea3188705d6b3d4a5239e792c43d30498cc8c7615eb859b55b72e1084e",
                "c5eb190d0336fe459273cff5e87c597430771f273f0a5226388e7efe6fd0c263",
                "8f9af9fcb4c22cc86066a6c60f876a65f4dc114d4c4be8e1d997e6a701c1ae6e",
                "39a8b75e56451a5590a3ae378d14f15edfb3326bbad5dd664cc2ca07cf4edeb1",
                "c45d379b047d0e685e465a534550e1f144e83303a98d980493858d5513add656",
                "01d70d41f37f70e52ad562c5d7b3232784c8f3ec0ac8fdac9f7f4e44a7e8a7f8",
                "643248dd6d0e9c5bd297c040e16aaa67aacc6e7c2162824009aea74b4e440bcf",
            ), 1)
        ),
        Archive(
            "hyspecnet-11k-splits.tar.gz", _HOST + "hyspecnet-11k-splits.tar.gz",
            sha256="12d809d1e13ae4b2cf76b9eca2855e0bbab143372ebe728440eab383364cfb8b",
            gives=("hyspecnet-11k/splits/",),
        ),
    )  # fmt: skip
    all_band_names = _ALL
    default_bands = tuple(b for b in _ALL if b not in _ABSORBED)
    rgb_bands = ("B48", "B30", "B16")
    BAND_SETS = {"all": _ALL, "default": default_bands, "rgb": rgb_bands}  # noqa: RUF012
    rows = Listed(
        "hyspecnet-11k/splits/{strategy}/{split}.csv", "{name:.+}-DATA.npy",
        examples={"name": [_NAME.format(i) for i in range(9)]},
    )  # fmt: skip
    parts = (
        Image("hyspecnet-11k/patches/{name}-SPECTRAL_IMAGE.TIF", located=True, size=(32, 32),
              dtype="int16", crs="EPSG:32618"),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        strategy: str = "easy",
        bands: Sequence[str] | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(
            root, split, transforms, download, checksum, strategy=strategy,
            bands=self.default_bands if bands is None else bands, **options,
        )  # fmt: skip
