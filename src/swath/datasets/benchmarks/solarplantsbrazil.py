"""Solar plants of Brazil in four bands of Sentinel-2."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Benchmark, Glob, Image, Info, Mask

__all__ = ["SolarPlantsBrazil"]


class SolarPlantsBrazil(Benchmark):
    """Solar Plants Brazil: ``image`` (4, 256, 256) and ``mask`` of photovoltaic plants.

    0 is no plant, 1 a plant. Images keep their place (``bounds``, ``transform``).
    """

    info = Info(
        title="Solar Plants Brazil",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=272,
        size="256x256",
        resolution="10",
        licence="–",
        citation="https://huggingface.co/datasets/FederCO23/solar-plants-brazil",
        homepage="https://huggingface.co/datasets/FederCO23/solar-plants-brazil",
    )
    splits = ("train", "val", "test")
    files = (
        Archive(
            "solarplantsbrazil.zip",
            "https://huggingface.co/datasets/FederCO23/solar-plants-brazil/resolve/"
            "1dc13a453ef6acabf08a1781c523fd1db3d9bcc5/solarplantsbrazil.zip",
            md5="dfa0d3efdef4143a33b0e7ba834eaafa",
            gives=("train/", "val/", "test/"),
        ),
    )
    classes = ("background", "solar plant")
    all_band_names = ("Red", "Green", "Blue", "NIR")
    rgb_bands = ("Red", "Green", "Blue")
    rows = Glob(
        "{split}/input/img({number:[0-9]+}).tif",
        examples={"number": [str(i) for i in range(1, 99)]},
    )
    parts = (
        Image("{split}/input/img({number}).tif", located=True, size=(64, 64), dtype="float32",
              crs="EPSG:4326"),
        Mask("{split}/labels/target({number}).tif", threshold=0, size=(64, 64), crs="EPSG:4326"),
    )  # fmt: skip
