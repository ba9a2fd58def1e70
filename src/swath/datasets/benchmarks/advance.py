"""ADVANCE: aerial scenes with the sound of the place."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Audio, Glob, Image, Info, Label, UnsplitBenchmark

__all__ = ["ADVANCE"]

_HOST = "https://zenodo.org/records/3828124/files/"
_IMAGES = "vision/{label}/{name}.jpg"


class ADVANCE(UnsplitBenchmark):
    """ADVANCE: ``image`` (3, 512, 512), ``audio`` (1, samples) and ``label`` of 13 scenes.

    Images from Google Earth, ten seconds of sound from FreeSound recorded there, as int16. It has
    no splits. A recording of two channels is (2, samples), and not (1, samples, 2) as elsewhere
    in the field.
    """

    info = Info(
        title="AuDio Visual Aerial sceNe reCognition datasEt",
        tasks=("classification", "multi-modal"),
        source="Google Earth",
        samples=5_075,
        size="512x512",
        resolution="0.5",
        licence="-",
        citation="Hu et al. 2020, https://doi.org/10.1007/978-3-030-58586-0_5",
        homepage="https://akchen.github.io/ADVANCE-DATASET/",
    )
    files = (
        Archive("ADVANCE_vision.zip", _HOST + "ADVANCE_vision.zip?download=1",
                md5="a9e8748219ef5864d3b5a8979a67b471", gives=("vision/",)),
        Archive("ADVANCE_sound.zip", _HOST + "ADVANCE_sound.zip?download=1",
                md5="a2d12f2d2a64f5c3d3a9d8c09aaf1c31", gives=("sound/",)),
    )  # fmt: skip
    classes = (
        "airport", "beach", "bridge", "farmland", "forest", "grassland", "harbour", "lake",
        "orchard", "residential", "sparse shrub land", "sports land", "train station",
    )  # fmt: skip
    rows = Glob(_IMAGES)
    parts = (Image(_IMAGES, size=(64, 64)), Audio("sound/{label}/{name}.wav"), Label())
