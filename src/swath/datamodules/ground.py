"""Data modules of published layers: one ground, cut so that none of it is on two sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from shapely.geometry import box

from swath.datamodules.geo import GeoDataModule
from swath.datasets import (
    CDL,
    NAIP,
    GeoDataset,
    L7Irish,
    L8Biome,
    Landsat8,
    Sentinel2,
    layers,
    random_bbox_assignment,
    random_grid_cell_assignment,
    roi_split,
)
from swath.datasets.folder import NO_LABEL
from swath.errors import ConfigError, nearest
from swath.typing import Sample

__all__ = [
    "AgriFieldNetDataModule",
    "CellsDataModule",
    "L7IrishDataModule",
    "L8BiomeDataModule",
    "LandsatCDLDataModule",
    "NAIPChesapeakeDataModule",
    "PairDataModule",
    "Sentinel2CDLDataModule",
    "Sentinel2NCCMDataModule",
    "Sentinel2SouthAmericaSoybeanDataModule",
]


class CellsDataModule(GeoDataModule):
    """A layer whose ground is cut into cells, which are given to train, val and test at random.

    Rows that share ground (scenes of several dates) have one grid of cells together, so that no
    ground is in two parts. Training patches are flipped and turned at random.

    Args:
        batch_size: Patches in a batch.
        patch_size: Side of a patch in pixels: one number or (height, width).
        length: Patches in an epoch of training; by default as many as cover the ground once.
        num_workers: Processes that read.
        **kwargs: Arguments of the layer: ``paths``, ``download``, ``bands``, …
    """

    #: What it is a data module of.
    layer: ClassVar[type[Any]]
    #: Shares of train, val and test, cells a side of each scene, and the seed that gives them out.
    shares: ClassVar[tuple[float, float, float]] = (0.6, 0.2, 0.2)
    cells: ClassVar[int] = 8
    seed: ClassVar[int] = 0
    #: What is subtracted from and divides every band.
    mean: ClassVar[float] = 0.0
    std: ClassVar[float] = 255.0

    def __init__(
        self,
        batch_size: int = 1,
        patch_size: int | tuple[int, int] = 224,
        length: int | None = None,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(self.layer, batch_size, patch_size, length, num_workers, **kwargs)
        self.train_aug = _flips()
        self.dataset: GeoDataset | None = None

    def open(self) -> GeoDataset:
        """The whole layer."""
        found: GeoDataset = self.dataset_class(**self.kwargs)
        return found

    def cut(self, dataset: GeoDataset) -> Sequence[GeoDataset]:
        """Its parts: train, val, test."""
        generator = torch.Generator().manual_seed(self.seed)
        return random_grid_cell_assignment(dataset, self.shares, self.cells, generator)

    def prepare_data(self) -> None:
        """Download where that was asked for: once, in one process."""
        if any(k == "download" or k.endswith("_download") for k, v in self.kwargs.items() if v):
            self.open()

    def setup(self, stage: str) -> None:
        """Open the layer and cut it, once; `predict` reads all of it."""
        if self.dataset is None:
            self.dataset = self.open()
            self.train_dataset, self.val_dataset, self.test_dataset = self.cut(self.dataset)
        self.predict_dataset = self.dataset

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """What lies beyond a part's edge becomes class 0: fill, background, no data."""
        if "mask" in batch:
            mask = batch["mask"]
            batch = {**batch, "mask": mask.masked_fill(mask == NO_LABEL, 0)}
        return super().on_after_batch_transfer(batch, dataloader_idx)

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, by number."""
        return self._names(self.layer, self.kwargs.get("classes"))

    @property
    def colours(self) -> Sequence[tuple[int, ...]]:
        """(red, green, blue) of each class, if they are published."""
        return self._colours(self.layer, self.kwargs.get("classes"))

    @staticmethod
    def _names(kind: type[Any], chosen: Sequence[int] | None) -> Sequence[str]:
        """Of the codes that the layer was told to keep, or of all."""
        if chosen is None:
            return tuple(kind.classes)
        return tuple(kind.classes_by_value[code] for code in chosen)

    @staticmethod
    def _colours(kind: type[Any], chosen: Sequence[int] | None) -> Sequence[tuple[int, ...]]:
        return tuple(kind.colours if chosen is None else (kind.cmap[c][:3] for c in chosen))

    def channels(self) -> int:
        """Of the images."""
        return len(self.kwargs.get("bands") or self.layer.all_band_names)

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each band, in the files' values."""
        return [self.mean] * self.channels(), [self.std] * self.channels()


class L7IrishDataModule(CellsDataModule):
    """`L7Irish`: 60 % of the cells of an 8 x 8 grid over each scene to train, 20 % to validate.

    The remaining 20 % are the test. Bands are divided by 255.
    """

    layer = L7Irish


class L8BiomeDataModule(CellsDataModule):
    """`L8Biome`: 60 % of the cells of an 8 x 8 grid over each scene to train, 20 % to validate.

    The remaining 20 % are the test. Bands are divided by 255.
    """

    layer = L8Biome


class AgriFieldNetDataModule(CellsDataModule):
    """`AgriFieldNet`: 80 % of its patches of ground to train, 10 % to validate, 10 % to test.

    Bands are divided by 255.
    """

    layer = layers.AgriFieldNet
    shares = (0.8, 0.1, 0.1)

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: int | tuple[int, int] = 256,
        length: int | None = None,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, length, num_workers, **kwargs)

    def cut(self, dataset: GeoDataset) -> Sequence[GeoDataset]:
        """Its parts: train, val, test."""
        generator = torch.Generator().manual_seed(self.seed)
        return random_bbox_assignment(dataset, self.shares, generator)


class PairDataModule(CellsDataModule):
    """Images of one layer with the labels of another, where they share ground and time.

    Arguments of the two layers begin with their names: ``sentinel2_paths=…, cdl_years=[2023]``.
    """

    #: What the arguments begin with, and the layer; images first.
    pair: ClassVar[Mapping[str, type[Any]]]
    shares = (0.8, 0.1, 0.1)

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: int | tuple[int, int] = 64,
        length: int | None = None,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        names = list(self.pair)
        for key in kwargs:
            if not key.startswith(tuple(f"{name}_" for name in names)):
                raise ConfigError(
                    f"{type(self).__name__} has no argument {key!r}: "
                    f"{nearest(key, [f'{n}_{a}' for n in names for a in ('paths', 'download')])}; "
                    f"arguments of its layers begin with {' or '.join(f'{n}_' for n in names)}"
                )
        super().__init__(batch_size, patch_size, length, num_workers, **kwargs)

    def own(self, name: str) -> dict[str, Any]:
        """The arguments of one of the layers."""
        start = f"{name}_"
        return {k.removeprefix(start): v for k, v in self.kwargs.items() if k.startswith(start)}

    def kind(self, name: str) -> type[Any]:
        """The class of one of the layers."""
        return self.pair[name]

    def open(self) -> GeoDataset:
        """Both layers where they meet, in the CRS and resolution of the images."""
        images, labels = (self.kind(name)(**self.own(name)) for name in self.pair)
        self.images, self.labels = images, labels
        both: GeoDataset = images & labels
        return both

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, by number."""
        _, name = self.pair
        return self._names(self.kind(name), self.own(name).get("classes"))

    @property
    def colours(self) -> Sequence[tuple[int, ...]]:
        """(red, green, blue) of each class, if they are published."""
        _, name = self.pair
        return self._colours(self.kind(name), self.own(name).get("classes"))

    def channels(self) -> int:
        """Of the images."""
        name, _ = self.pair
        kind = self.kind(name)
        return len(self.own(name).get("bands") or kind.default_bands or kind.all_bands)


class Sentinel2CDLDataModule(PairDataModule):
    """`Sentinel2` with `CDL`: ``sentinel2_paths``, ``cdl_paths``, ``cdl_classes`` and so on.

    Cells of an 8 x 8 grid over each scene: 80 % to train, 10 % to validate, 10 % to test. Bands
    are divided by 10,000, which makes reflectances of them (the field: by 255).
    """

    pair: ClassVar[Mapping[str, type[Any]]] = {"sentinel2": Sentinel2, "cdl": CDL}
    layer = Sentinel2
    std = 10_000.0


class Sentinel2NCCMDataModule(PairDataModule):
    """`Sentinel2` with `NCCM`: ``sentinel2_paths``, ``nccm_paths``, ``nccm_years`` and so on.

    Cells and bands as in `Sentinel2CDLDataModule`.
    """

    pair: ClassVar[Mapping[str, type[Any]]] = {"sentinel2": Sentinel2, "nccm": layers.NCCM}
    layer = Sentinel2
    std = 10_000.0


class Sentinel2SouthAmericaSoybeanDataModule(PairDataModule):
    """`Sentinel2` with `SouthAmericaSoybean`: ``sentinel2_…``, ``south_america_soybean_…``.

    Cells and bands as in `Sentinel2CDLDataModule`.
    """

    pair: ClassVar[Mapping[str, type[Any]]] = {
        "sentinel2": Sentinel2,
        "south_america_soybean": layers.SouthAmericaSoybean,
    }
    layer = Sentinel2
    std = 10_000.0


class LandsatCDLDataModule(PairDataModule):
    """Landsat with `CDL`: ``landsat_paths``, ``cdl_paths``, ``cdl_classes`` and so on.

    ``landsat_satellite`` is the name of a layer, ``"Landsat8"`` by default. Cells of an 8 x 8 grid
    over each scene: 80 % to train, 10 % to validate, 10 % to test. Bands are left as the layer
    gives them.
    """

    pair: ClassVar[Mapping[str, type[Any]]] = {"landsat": Landsat8, "cdl": CDL}
    layer = Landsat8
    std = 1.0

    def kind(self, name: str) -> type[Any]:
        """The class of one of the layers."""
        satellite = self.kwargs.get("landsat_satellite", "Landsat8")
        return _named(satellite, "Landsat") if name == "landsat" else super().kind(name)

    def own(self, name: str) -> dict[str, Any]:
        """The arguments of one of the layers."""
        return {k: v for k, v in super().own(name).items() if k != "satellite"}


class NAIPChesapeakeDataModule(PairDataModule):
    """`NAIP` with Chesapeake land use: ``naip_paths``, ``chesapeake_paths`` and so on.

    ``chesapeake_state`` says which state's land use, ``"DC"`` by default. The western half of what
    both cover is to train, of the eastern half the north to validate and the south to test.
    """

    pair: ClassVar[Mapping[str, type[Any]]] = {"naip": NAIP, "chesapeake": layers.ChesapeakeDC}
    layer = NAIP

    def __init__(
        self,
        batch_size: int = 64,
        patch_size: int | tuple[int, int] = 256,
        length: int | None = None,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(batch_size, patch_size, length, num_workers, **kwargs)

    def kind(self, name: str) -> type[Any]:
        """The class of one of the layers."""
        state = str(self.kwargs.get("chesapeake_state", "DC")).upper()
        known = _named(f"Chesapeake{state}", "Chesapeake")
        return known if name == "chesapeake" else super().kind(name)

    def own(self, name: str) -> dict[str, Any]:
        """The arguments of one of the layers."""
        return {k: v for k, v in super().own(name).items() if k != "state"}

    def cut(self, dataset: GeoDataset) -> Sequence[GeoDataset]:
        """Its parts: west, north-east, south-east."""
        x, y, _ = dataset.bounds
        middle, level = (x.start + x.stop) / 2, (y.start + y.stop) / 2
        west = box(x.start, y.start, middle, y.stop)
        return roi_split(
            dataset,
            [west, box(middle, level, x.stop, y.stop), box(middle, y.start, x.stop, level)],
        )


def _named(name: str, start: str) -> type[Any]:
    known = [
        n for n in layers.__all__ if n.startswith(start) and n not in (start, "ChesapeakeCVPR")
    ]
    if name not in known:
        raise ConfigError(f"there is no layer {name!r}: {nearest(name, known)}")
    found: type[Any] = getattr(layers, name)
    return found


def _flips() -> Any:
    from kornia.augmentation import RandomHorizontalFlip, RandomVerticalFlip

    from swath.transforms import Augmentation

    return Augmentation(RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5))
