"""UC Merced land use."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, File, Glob, Image, Info, Label, Listed

__all__ = ["UCMerced"]

_LISTS = "https://storage.googleapis.com/remote_sensing_representations/"


class UCMerced(Benchmark):
    """x."""

    info = Info(
        title="UC Merced Land Use",
        tasks=("classification",),
        source="aerial",
        samples=2100,
        size="256x256",
        resolution="0.3",
        licence="public domain",
        citation="Yang and Newsam 2010, https://doi.org/10.1145/1869790.1869829",
        homepage="http://weegee.vision.ucmerced.edu/datasets/landuse.html",
    )
    splits = ("train", "val", "test")
    classes = ("agricultural", "airplane")
    files = (
        Archive(
            "UCMerced_LandUse.zip",
            "http://weegee.vision.ucmerced.edu/datasets/UCMerced_LandUse.zip",
            md5="5b7ec56793786b6dc8a908e8854ac0e4",
            gives=("UCMerced_LandUse/",),
        ),
        *(
            File(f"uc_merced-{s}.txt", _LISTS + f"uc_merced-{s}.txt", when={"split": s})
            for s in splits
        ),
    )
    rows = Glob(
        "UCMerced_LandUse/Images/{label}/{name}.tif",
        listed=Listed("uc_merced-{split}.txt", "{name}.tif"),
    )
    parts = (Image("UCMerced_LandUse/Images/{label}/{name}.tif", size=(64, 64)), Label())
