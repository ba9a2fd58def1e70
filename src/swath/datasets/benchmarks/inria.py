"""Inria Aerial Image Labeling: buildings of ten cities."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, ByHandBenchmark, Glob, Image, Info, Mask, PerSplit

__all__ = ["InriaAerialImageLabeling"]

_FOLDER = "AerialImageDataset/"
_TRAIN = _FOLDER + "train/images/{city}{tile}.tif"
_TEST = _FOLDER + "test/images/{city}{tile}.tif"
_CITIES = ("austin", "chicago", "kitsap", "tyrol-w", "vienna")
_TRAINING = _FOLDER + "train/images/{city:[a-z-]+}{tile:[6-9]|[1-9][0-9]+}.tif"
_VALIDATION = _FOLDER + "train/images/{city:[a-z-]+}{tile:[1-5]}.tif"


class InriaAerialImageLabeling(ByHandBenchmark):
    """Inria Aerial Image Labeling: ``image`` (3, 5000, 5000) and ``mask`` of buildings.

    0 is no building, 1 a building. Of 36 tiles of each of five cities the first five are for
    validation and the others for training, as in the paper; the tiles of the split ``test`` are
    of five other cities and have no ``mask``: their truth is not published. Tiles keep their place
    (``bounds``, ``transform``).
    """

    info = Info(
        title="Inria Aerial Image Labeling",
        tasks=("segmentation",),
        source="aerial",
        samples={"train": 155, "val": 25, "test": 180},
        size="5000x5000",
        resolution="0.3",
        licence="-",
        citation="Maggiori et al. 2017, https://doi.org/10.1109/IGARSS.2017.8127684",
        homepage="https://project.inria.fr/aerialimagelabeling/",
    )
    splits = ("train", "val", "test")
    classes = ("background", "building")
    colours = ((0, 0, 0), (255, 255, 255))
    files = (
        Archive(
            "NEW2-AerialImageDataset.zip",
            md5="4b1acfe84ae9961edc1a6049f940380f",
            gives=(_FOLDER + "train/", _FOLDER + "test/"),
        ),
    )
    rows = PerSplit(
        train=Glob(_TRAINING, examples={"city": _CITIES, "tile": ("6", "10", "36")}),
        val=Glob(_VALIDATION, examples={"city": _CITIES, "tile": ("1", "2", "5")}),
        test=Glob(
            _FOLDER + "test/images/{city:[a-z-]+}{tile:[0-9]+}.tif",
            examples={"city": ("bellingham", "bloomington", "innsbruck", "sfo", "tyrol-e")},
        ),
    )
    parts = (
        Image(_TRAIN, located=True, size=(64, 64), crs="EPSG:26914",
              when={"split": ("train", "val")}),
        Image(_TEST, located=True, size=(64, 64), crs="EPSG:26910", when={"split": "test"}),
        Mask(
            _FOLDER + "train/gt/{city}{tile}.tif", values={0: 0, 255: 1}, size=(64, 64),
            crs="EPSG:26914", when={"split": ("train", "val")},
        ),
    )  # fmt: skip
