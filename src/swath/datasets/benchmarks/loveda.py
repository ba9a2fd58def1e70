"""LoveDA: land cover of towns and villages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swath.datasets.catalogue import Archive, Benchmark, Glob, Image, Info, Mask, Rows
from swath.errors import ConfigError, nearest
from swath.typing import Path, Sample

__all__ = ["LoveDA"]

_FOLDER = "{split}/{scene:Rural|Urban}/"


class LoveDA(Benchmark):
    """LoveDA: ``image`` (3, 1024, 1024) and ``mask`` of seven kinds of land cover.

    0 is no data. ``classes`` are in the order of the mask's numbers; other libraries list the
    class of no data last, which names every class wrongly. Samples of the split ``test`` have no
    ``mask``: their truth is not published.

    Args:
        root: The dataset's folder.
        split: ``"train"``, ``"val"`` or ``"test"``.
        scene: ``"urban"``, ``"rural"`` or both.
        transforms: Called with each sample.
        download: Download what is not in `root`.
        checksum: Compare with the published digests.
        **options: As in `Benchmark`.

    Raises:
        ConfigError: There is no such scene.
    """

    info = Info(
        title="LoveDA",
        tasks=("segmentation",),
        source="Google Earth",
        samples={"train": 2522, "val": 1669, "test": 1796},
        size="1024x1024",
        resolution="0.3",
        licence="CC-BY-NC-SA-4.0",
        citation="Wang et al. 2021, https://arxiv.org/abs/2110.08733",
        homepage="https://github.com/Junjue-Wang/LoveDA",
    )
    splits = ("train", "val", "test")
    split_names = {"train": "Train", "val": "Val", "test": "Test"}  # noqa: RUF012
    scenes = ("urban", "rural")
    files = tuple(
        Archive(
            f"{name}.zip",
            f"https://zenodo.org/records/5706578/files/{name}.zip?download=1",
            md5=digest,
            gives=(f"{name}/Rural/", f"{name}/Urban/"),
            when={"split": name},
        )
        for name, digest in (
            ("Train", "de2b196043ed9b4af1690b3f9a7d558f"),
            ("Val", "84cae2577468ff0b5386758bb386d31d"),
            ("Test", "a489be0090465e01fb067795d24e6b47"),
        )
    )
    classes = (
        "no-data", "background", "building", "road", "water", "barren", "forest", "agriculture",
    )  # fmt: skip
    ignore_index = 0
    rows = Glob(_FOLDER + "images_png/{name}.png")
    parts = (
        Image(_FOLDER + "images_png/{name}.png", size=(64, 64)),
        Mask(_FOLDER + "masks_png/{name}.png", size=(64, 64), when={"split": ("Train", "Val")}),
    )

    def __init__(
        self,
        root: Path = "data",
        split: str = "train",
        scene: Sequence[str] = ("urban", "rural"),
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
        **options: Any,
    ) -> None:
        unknown = [s for s in scene if s not in self.scenes]
        if unknown or not scene or isinstance(scene, str):
            which = nearest(unknown[0], self.scenes) if unknown else "expected a list of scenes"
            raise ConfigError(f"LoveDA has no scene {scene!r}: {which}")
        self.scene = tuple(scene)
        super().__init__(root, split, transforms, download, checksum, **options)

    def find_rows(self) -> Rows:
        """Those of the chosen scenes."""
        rows = super().find_rows()
        return rows.take([i for i, row in enumerate(rows) if row["scene"].lower() in self.scene])
