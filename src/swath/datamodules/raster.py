"""From folders of scenes and labels to batches, with no class to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from swath.datamodules.augment import dihedral, encode_labels
from swath.datamodules.geo import GeoDataModule
from swath.datamodules.split import split_ground
from swath.datasets import GeoDataset, IntersectionDataset
from swath.datasets.discover import ImageLayout, discover_images, discover_labels
from swath.datasets.folder import LabelFolder, SceneFolder
from swath.errors import ConfigError
from swath.typing import Sample

__all__ = ["RasterDataModule"]


class RasterDataModule(GeoDataModule):
    """Imagery and labels from folders or files, in any CRSs and resolutions.

    The layout of the files (one a band, or all bands in one; where the dates are) is found by
    looking. The mask holds class indices; where the image or the label has no data, it holds
    `ignore_index`.

    Args:
        images: Folders, files or glob patterns of imagery.
        labels: A label raster, a vector file, or a folder of either.
        bands: Names of the bands; all by default.
        classes: Names of the classes.
        values: What each class is called in the labels: a code of the raster, or an entry of
            the column `label_name`.
        label_name: The column of a vector file that holds the class.
        background: Ground outside of all polygons: ``"ignore"`` (nobody looked at it), or
            ``"class"`` (it is the first class of `classes`, and has no entry in `values`).
        layer: Of a vector file with several.
        crs: In which batches are read; by default the one that most scenes have.
        res: Pixel size, in units of `crs`; by default the finest of the bands.
        match: ``"space"``: labels hold for scenes of any date. ``"time"``: a scene goes with
            labels of its own date only.
        patch_size: Side of a patch in pixels.
        batch_size: Patches in a batch.
        length: Patches in an epoch; by default as many as cover the ground once.
        num_workers: Processes that read.
        split: ``{"method": "blocks", "fractions": [train, val, test], "block_size": …, "buffer":
            …, "seed": …}`` (in metres; no ground on two sides), ``{"method": "rois",
            "train": FILE, "val": FILE, "test": FILE}`` (polygons), or ``{"method": "time",
            "val": DATE, "test": DATE}`` (what is later goes to the later part).
        augment: Flip and turn training patches at random.
        ignore_index: What a pixel without label is in the mask.
        seed: Of patches and augmentation.

    Raises:
        ConfigError: Options that contradict each other, or the model.
        NoOverlapError: Images and labels share no ground.
    """

    def __init__(
        self,
        images: str | list[str],
        labels: str | list[str],
        bands: list[str] | None = None,
        classes: list[str] | None = None,
        values: list[int] | list[str] | None = None,
        label_name: str | None = None,
        background: Literal["ignore", "class"] = "ignore",
        layer: str | int | None = None,
        crs: str | None = None,
        res: float | list[float] | None = None,
        match: Literal["space", "time"] = "space",
        patch_size: int = 128,
        batch_size: int = 16,
        length: int | None = None,
        num_workers: int = 0,
        split: dict[str, Any] | None = None,
        augment: bool = True,
        ignore_index: int = 255,
        seed: int = 0,
    ) -> None:
        super().__init__(GeoDataset, batch_size, patch_size, length, num_workers)
        # not to the logger: `values` means the map's codes in the task
        self.save_hyperparameters(logger=False)
        if classes is None or values is None:
            raise ConfigError(
                "classes and values are needed (names, and what the labels call them): "
                "swath init --images … --labels … finds them and writes them down"
            )
        if len(classes) != len(values) + (background == "class"):
            raise ConfigError(
                f"{len(classes)} classes have {len(values)} values: expected one value a class"
                + (", and none for the first, the background" if background == "class" else "")
            )
        self.images, self.labels = images, labels
        self.bands, self.classes, self.values = bands, classes, values
        self.label_name, self.background, self.layer = label_name, background, layer
        self.crs, self.res, self.match = crs, res, match
        self.split = split or {"method": "blocks"}
        self.augment, self.ignore_index, self.seed = augment, ignore_index, seed
        self.generator = torch.Generator().manual_seed(seed)
        self._turns = torch.Generator().manual_seed(seed + 1)
        self._parts: dict[str, GeoDataset] = {}

    def setup(self, stage: str) -> None:
        """Open the files and split the ground, once; `predict` reads all of the imagery."""
        self._agree_with_model()
        if stage == "predict":
            self.predict_dataset = self.predict_dataset or self.open_images()
            return
        if not self._parts:
            both = self.open_pairs()
            self._parts = split_ground(both, self.split, self.seed)
        self.train_dataset = self._parts["train"]
        self.val_dataset = self._parts["val"]
        self.test_dataset = self._parts["test"]

    def open_images(self) -> SceneFolder:
        """The imagery as a layer."""
        layout = self._layout()
        res = tuple(self.res) if isinstance(self.res, list | tuple) else self.res
        dataset = SceneFolder(layout, self.bands, self.crs, res)  # type: ignore[arg-type]
        dataset.valid_mask = True
        return dataset

    def open_pairs(self) -> IntersectionDataset:
        """Imagery and labels where both are; ``valid`` says where the imagery has data.

        Raises:
            NoOverlapError: They share no ground.
        """
        images = self.open_images()
        layout = discover_labels(self.labels)
        labels: GeoDataset
        if layout.kind == "raster":
            labels = LabelFolder(layout, images.crs, images.res)
        else:
            from swath.datasets.polygons import LabelPolygons

            labels = LabelPolygons(
                layout, images.crs, images.res, self.label_name, self.values or (), self.layer
            )
        return IntersectionDataset(images, labels, spatial_only=self.match == "space")

    def _layout(self) -> ImageLayout:
        return discover_images(self.images, exclude=self.labels)

    @property
    def codes(self) -> list[int]:
        """What each class is in the masks that the label layer gives."""
        values: Sequence[Any] = self.values or ()
        if all(isinstance(v, int) for v in values) and self.label_name is None:
            return [int(v) for v in values]
        polygons = list(range(1, len(values) + 1))
        return [0, *polygons] if self.background == "class" else polygons

    def encode(self, batch: Sample) -> Sample:
        """A batch whose mask holds class indices, and `ignore_index` where there is no data."""
        mask = encode_labels(batch["mask"], self.codes, self.ignore_index)
        if "valid" in batch:
            mask = mask.masked_fill(~batch["valid"], self.ignore_index)
        return {**batch, "mask": mask}

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Class indices; in training, flips and turns; then the stage's own augmentation."""
        if "mask" in batch:
            batch = self.encode(batch)
        if self.augment and self.trainer is not None and self.trainer.training:
            batch = dihedral(batch, self._turns)
        return super().on_after_batch_transfer(batch, dataloader_idx)

    def state_dict(self) -> dict[str, Any]:
        """The generators, so that a run that goes on does not see the first patches again."""
        generator = self.generator or torch.Generator()
        return {"patches": generator.get_state(), "turns": self._turns.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was."""
        if self.generator is not None:
            self.generator.set_state(state_dict["patches"].cpu())
        self._turns.set_state(state_dict["turns"].cpu())

    def _agree_with_model(self) -> None:
        """The model carries bands and classes of its own; both must mean the same."""
        module = getattr(self.trainer, "lightning_module", None)
        if module is None:
            return
        for name, own in (("bands", self.bands), ("classes", self.classes)):
            theirs = module.hparams.get(name)
            if own is not None and theirs is not None and list(own) != list(theirs):
                raise ConfigError(
                    f"the data's {name} are {list(own)} and the model's {list(theirs)}: set "
                    f"data.init_args.{name} and model.init_args.{name} to the same"
                )
        theirs = module.hparams.get("ignore_index")
        if theirs is not None and theirs != self.ignore_index:
            raise ConfigError(
                f"ignore_index is {self.ignore_index} in the data and {theirs} in the model: "
                "set both to the same"
            )
