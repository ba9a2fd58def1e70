"""LandCover.ai: buildings, woodland, water and roads of Poland, in tiles."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Image, Info, Listed, Mask
from swath.datasets.catalogue.cutting import cut_listed
from swath.fetch import extract_archive, verify_file

__all__ = ["LandCoverAI", "LandCoverAI100"]

_GIVES = ("output/", "train.txt", "val.txt", "test.txt")
_SCENES = "landcover.ai.v1.zip"
_SCENES_SHA256 = "dd448287ff3a76291f2b159084b8a265f2ba4559bb80b0551fc8c6c0eb149a4b"
_SCENES_URL = "https://landcover.ai.linuxpolska.com/download/landcover.ai.v1.zip"
_SIDE = 512


class LandCoverAI(Benchmark):
    """LandCover.ai: ``image`` (3, 512, 512) and ``mask`` of five classes, in the published tiles.

    Tiles come cut, from ``output.zip``. Where the folder has the whole scenes instead
    (``landcover.ai.v1.zip``, or its ``images`` and ``masks``), they are cut as its authors cut
    them: 512 by 512 pixels without overlap, row by row, tiles that would leave the scene left out.
    JPEG is lossy, so that such tiles differ from the published ones in the last few values. The
    script in that archive is never run.
    """

    info = Info(
        title="LandCover.ai",
        tasks=("segmentation",),
        source="aerial",
        samples={"train": 7_470, "val": 1_602, "test": 1_602},
        size="512x512",
        resolution="0.25-0.5",
        licence="CC-BY-NC-SA-4.0",
        citation="Boguszewski et al. 2021, https://doi.org/10.1109/CVPRW53098.2021.00121",
        homepage="https://landcover.ai.linuxpolska.com/",
    )
    splits = ("train", "val", "test")
    classes = ("Background", "Building", "Woodland", "Water", "Road")
    files = (
        Archive(
            "output.zip",
            "https://hf.co/datasets/dragon7/LandCover.ai/resolve/"
            "262c75fbbf77d107f0a8335e9eef1f6234481d08/output.zip",
            sha256="0edd6b7049d089519e63450e371037890b5e9552b1df056dbbddcc88770fd0da",
            gives=_GIVES,
        ),
    )
    rows = Listed(
        "{split}.txt", "{scene:[^_]+}_{number:[0-9]+}", examples={"scene": ("M-33-20-D-c-4-2",)}
    )
    parts = (
        Image("output/{scene}_{number}.jpg", size=(64, 64)),
        Mask("output/{scene}_{number}_m.png", size=(64, 64)),
    )

    def obtain(self) -> None:
        """Have the tiles in `root`, cut from whole scenes if these are what is there."""
        tiles, archive = self.root / "output", self.root / _SCENES
        there = (self.root / self.files[0].name).is_file() or tiles.is_dir()
        scenes = (self.root / "images").is_dir() and (self.root / "masks").is_dir()
        if not there and (archive.is_file() or scenes):
            if archive.is_file():
                if self.checksum:
                    verify_file(archive, sha256=_SCENES_SHA256, source=_SCENES_URL)
                extract_archive(archive, self.root)
            cut_listed(
                self.root / "images", self.root / "masks", tiles, _SIDE,
                [self.root / f"{split}.txt" for split in self.splits],
            )  # fmt: skip
        super().obtain()


class LandCoverAI100(LandCoverAI):
    """A hundred tiles of `LandCoverAI`, to try things out."""

    info = Info(
        title="LandCover.ai, 100 tiles of it",
        tasks=("segmentation",),
        source="aerial",
        samples={"train": 70, "val": 15, "test": 15},
        size="512x512",
        resolution="0.25-0.5",
        licence="CC-BY-NC-SA-4.0",
        citation="Boguszewski et al. 2021, https://doi.org/10.1109/CVPRW53098.2021.00121",
        homepage="https://landcover.ai.linuxpolska.com/",
    )
    files = (
        Archive(
            "landcoverai100.zip",
            "https://hf.co/datasets/isaaccorley/landcoverai/resolve/"
            "5cdf9299bd6c1232506cf79373df01f6e6596b50/landcoverai100.zip",
            sha256="bfe5bcf501a54cfd8ebf985346da50be5e8b751d3491812cd0c226b5a3abff41",
            gives=_GIVES,
        ),
    )

    def obtain(self) -> None:
        """Have the tiles in `root`."""
        Benchmark.obtain(self)
