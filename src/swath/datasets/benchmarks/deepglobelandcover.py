"""DeepGlobe: land cover at half a metre."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, ByHandBenchmark, Glob, Image, Info, Mask

__all__ = ["DeepGlobeLandCover"]

_FOLDER = "data/{split}/"


class DeepGlobeLandCover(ByHandBenchmark):
    """DeepGlobe Land Cover: ``image`` (3, 2448, 2448) and ``mask`` of seven classes.

    The 803 images whose truth is published, in a split for training and testing that was made
    later: that of the challenge has no truth for validation and testing.
    """

    info = Info(
        title="DeepGlobe Land Cover Classification",
        tasks=("segmentation",),
        source="DigitalGlobe Vivid+",
        samples=803,
        size="2448x2448",
        resolution="0.5",
        licence="–",
        citation="Demir et al. 2018, https://doi.org/10.1109/CVPRW.2018.00031",
        homepage="https://www.kaggle.com/datasets/geoap96/"
        "deepglobe2018-landcover-segmentation-traindataset",
        account="It is given out by Kaggle, where an account is needed",
    )
    splits = ("train", "test")
    split_names = {"train": "training_data", "test": "test_data"}  # noqa: RUF012
    files = (
        Archive("data.zip", md5="f32684b0b2bf6f8d604cd359a399c061",
                gives=("data/training_data/", "data/test_data/")),
    )  # fmt: skip
    classes = (
        "Urban land", "Agriculture land", "Rangeland", "Forest land", "Water", "Barren land",
        "Unknown",
    )  # fmt: skip
    colours = (
        (0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255, 255, 255),
        (0, 0, 0),
    )  # fmt: skip
    rows = Glob(_FOLDER + "images/{name}_sat.jpg")
    parts = (
        Image(_FOLDER + "images/{name}_sat.jpg", size=(64, 64)),
        Mask(
            _FOLDER + "masks/{name}_mask.png",
            colours={colour: number for number, colour in enumerate(colours)},
            size=(64, 64),
        ),
    )
