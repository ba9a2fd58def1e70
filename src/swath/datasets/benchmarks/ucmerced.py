"""UC Merced Land Use: aerial scenes of 21 kinds."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, File, Glob, Image, Info, Label, Listed

__all__ = ["UCMerced"]

_HOST = "https://hf.co/datasets/torchgeo/ucmerced/resolve/7c5ef3454d9b1cccfa7ccde0c01fc8f00a45909a/"
_IMAGES = "UCMerced_LandUse/Images/{label}/{name}.tif"


class UCMerced(Benchmark):
    """UC Merced Land Use: ``image`` (3, H, W) and ``label`` of 21 scenes, 100 images each.

    From the USGS National Map Urban Area Imagery. Most images are 256 pixels square; 44 are a few
    pixels smaller, and are given as they are.
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
    parts = (Image(_IMAGES, size=(64, 64)), Label())
