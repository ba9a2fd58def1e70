"""Datasets of ready-made samples, indexed by number: no map, no query."""

from __future__ import annotations

import abc
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from swath.errors import DatasetNotFoundError, QueryError, SplitError, UnreadableFileError
from swath.typing import Path, Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NonGeoClassificationDataset", "NonGeoDataset", "stratified_split"]

#: Files that are images, by their endings.
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".jp2", ".bmp", ".webp", ".npy")


class NonGeoDataset(Dataset[Sample], abc.ABC):
    """Samples by number: ``ds[0]`` is a dict with ``image`` (C, H, W) and what is known of it."""

    @abc.abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """The sample with a number."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    def __str__(self) -> str:
        return (
            f"{type(self).__name__} Dataset\n    type: {_kind(type(self))}\n    size: {len(self)}"
        )


def _kind(cls: type[Any]) -> str:
    return next(
        c.__name__ for c in cls.__mro__ if c.__module__ == __name__ and c.__name__.startswith("Non")
    )


def read_image(path: Path) -> NDArray[Any]:
    """An image file as (C, H, W) in its own type: TIFF and JPEG 2000 with all bands, others as RGB.

    Raises:
        UnreadableFileError: It is damaged or no image.
    """
    name = os.fspath(path)
    try:
        if name.lower().endswith(".npy"):
            found: NDArray[Any] = np.load(name, allow_pickle=False)
            return found[None] if found.ndim == 2 else found
        if name.lower().endswith((".tif", ".tiff", ".jp2")):
            import warnings

            import rasterio
            from rasterio.errors import NotGeoreferencedWarning

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(name) as source:
                    pixels: NDArray[Any] = source.read()
                    return pixels
        from PIL import Image

        with Image.open(name) as picture:
            grey = picture.mode in ("L", "I;16", "I", "F")
            array = np.asarray(picture if grey else picture.convert("RGB"))
    except Exception as error:  # decoders fail in as many ways as there are formats
        raise UnreadableFileError(
            f"{name} cannot be read as an image: {error}. It may be cut short: fetch it again"
        ) from error
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


class NonGeoClassificationDataset(NonGeoDataset):
    """A folder a class, image files in it: ``root/Forest/Forest_1.jpg``.

    Classes are numbered in the order of their names. A sample has ``image`` float32 (C, H, W), in
    the file's own values, and ``label`` int64 ().

    Args:
        root: The folder of the folders.
        transforms: Called with each sample.
        loader: Reads a file to (C, H, W), or a PIL image.
        is_valid_file: Says which files are images; by their endings if left out.

    Raises:
        DatasetNotFoundError: No folder, no class, or a class without images.
    """

    def __init__(
        self,
        root: Path = "data",
        transforms: Callable[[Sample], Sample] | None = None,
        loader: Callable[[str], Any] = read_image,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = pathlib.Path(root)
        self.transforms, self.loader = transforms, loader
        valid = is_valid_file or (lambda name: name.lower().endswith(SUFFIXES))
        if not self.root.is_dir():
            raise DatasetNotFoundError(
                f"{self.root} is no folder: expected one folder a class in it, each with images"
            )
        self.classes = sorted(
            p.name for p in self.root.iterdir() if p.is_dir() and not p.name.startswith(".")
        )
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        empty = []
        for name, number in self.class_to_idx.items():
            files = sorted(str(p) for p in (self.root / name).rglob("*") if valid(str(p)))
            files = [f for f in files if not os.path.basename(f).startswith(".")]
            self.samples += [(f, number) for f in files]
            if not files:
                empty.append(name)
        if not self.classes or empty:
            what = f"no images in {', '.join(empty[:5])}" if empty else "no folders of classes"
            raise DatasetNotFoundError(
                f"{self.root} has {what}: expected root/CLASS/IMAGE with {', '.join(SUFFIXES)}"
            )

    @property
    def targets(self) -> NDArray[np.int64]:
        """The class number of each sample."""
        return np.array([label for _, label in self.samples], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise QueryError(f"there is no sample {index}: expected 0 to {len(self) - 1}")
        path, label = self.samples[index]
        pixels = self.loader(path)
        if not isinstance(pixels, np.ndarray | torch.Tensor):  # a PIL image of the user's loader
            pixels = np.asarray(pixels.convert("RGB")).transpose(2, 0, 1)
        image = torch.as_tensor(np.ascontiguousarray(pixels) if isinstance(pixels, np.ndarray)
                                else pixels).float()  # fmt: skip
        sample: Sample = {"image": image, "label": torch.tensor(label)}
        return sample if self.transforms is None else self.transforms(sample)

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """The image with its class, and the predicted one if ``prediction`` is there."""
        from swath.plot import labelled_images

        return labelled_images(
            [sample["image"]], [sample["label"]],
            [sample["prediction"]] if "prediction" in sample else None,
            classes=self.classes, titles=show_titles, suptitle=suptitle,
        )  # fmt: skip


def stratified_split(
    targets: Sequence[int] | NDArray[Any], fractions: Sequence[float], seed: int = 0
) -> list[NDArray[np.int64]]:
    """Numbers of samples in parts that hold the same share of each class.

    Args:
        targets: The class number of each sample.
        fractions: Of the parts; they sum to 1.
        seed: Decides who goes where.

    Returns:
        Sorted sample numbers, an array a part. A class is shared out by rounding: one too
        small for its share is missing in some of them.

    Raises:
        SplitError: Fractions that are none, or a part that would be empty.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if len(shares) < 1 or (shares <= 0).any() or not np.isclose(shares.sum(), 1):
        raise SplitError(
            f"the fractions are {list(fractions)}: expected positive ones that sum to 1"
        )
    labels = np.asarray(targets)
    rng = np.random.default_rng(seed)
    parts: list[list[NDArray[np.int64]]] = [[] for _ in shares]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        cuts = np.round(np.cumsum(shares)[:-1] * len(members)).astype(int)
        for part, found in zip(parts, np.split(members, cuts), strict=True):
            part.append(found)
    result = [np.sort(np.concatenate(p)).astype(np.int64) for p in parts]
    if any(len(p) == 0 for p in result):
        raise SplitError(
            f"{len(labels)} samples in parts of {list(fractions)} leave a part empty: use fewer "
            "parts, or larger fractions"
        )
    return result
