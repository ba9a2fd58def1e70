"""UC Merced Land Use: aerial scenes of 21 kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.nn.functional import interpolate

from swath.datasets.catalogue import Archive, Benchmark, File, Glob, Image, Info, Label, Listed
from swath.datasets.catalogue.site import Site

__all__ = ["UCMerced"]

_HOST = "https://hf.co/datasets/torchgeo/ucmerced/resolve/7c5ef3454d9b1cccfa7ccde0c01fc8f00a45909a/"
_IMAGES = "UCMerced_LandUse/Images/{label}/{name}.tif"


_SIDE = 256


class _Square(Image):
    def read(self, site: Site, row: Mapping[str, str]) -> dict[str, Any]:
        """The image, 256 pixels square."""
        found = super().read(site, row)
        image = found[self.key]
        if image.shape[-2:] != (_SIDE, _SIDE):
            found[self.key] = interpolate(
                image[None], (_SIDE, _SIDE), mode="bilinear", align_corners=False, antialias=True
            )[0]
        return found


class UCMerced(Benchmark):
    """UC Merced Land Use: ``image`` (3, 256, 256) and ``label`` of 21 scenes, 100 images each.

    From the USGS National Map Urban Area Imagery. A few images are some pixels smaller than 256
    and are brought to it.
    """

    info = Info(
        title="UC Merced Land Use",
        tasks=("classification",),
        source="aerial",
        samples={"train": 1260, "val": 420, "test": 420},
        size="256x256",
        resolution="0.3",
        licence="public domain",
        citation="Yang and Newsam 2010, https://doi.org/10.1145/1869790.1869829",
        homepage="http://weegee.vision.ucmerced.edu/datasets/landuse.html",
    )
    splits = ("train", "val", "test")
    files = (
        Archive(
            "UCMerced_LandUse.zip",
            _HOST + "UCMerced_LandUse.zip",
            sha256="06c539ef28703a58fb07bd2837991ac7c48b813b00bb12ac197efd813a18daeb",
            gives=("UCMerced_LandUse/Images/",),
        ),
        *(
            File(f"uc_merced-{split}.txt", _HOST + f"uc_merced-{split}.txt", sha256=digest,
                 when={"split": split})
            for split, digest in (
                ("train", "d625ea884cb2870e007774c1d64e904e9ae71ba3e7b4b92a9e8aa6065e2cd8cc"),
                ("val", "4459da518e2c1486471b4ea57734950c9c7c449611fe3468c0d1ca34a4bd3a56"),
                ("test", "0d3b64706fd2a9f9faaa1d7dade934ec8b4fd258a9853f037983b1f2db239220"),
            )
        ),
    )  # fmt: skip
    classes = (
        "agricultural", "airplane", "baseballdiamond", "beach", "buildings", "chaparral",
        "denseresidential", "forest", "freeway", "golfcourse", "harbor", "intersection",
        "mediumresidential", "mobilehomepark", "overpass", "parkinglot", "river", "runway",
        "sparseresidential", "storagetanks", "tenniscourt",
    )  # fmt: skip
    rows = Glob(_IMAGES, listed=Listed("uc_merced-{split}.txt", "{name}.tif"))
    parts = (_Square(_IMAGES, size=(64, 60)), Label())
