"""A chain of transforms for whole batches: images, labels, boxes, series and georeference alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from kornia.augmentation import (
    AugmentationBase2D,
    GeometricAugmentationBase2D,
    IntensityAugmentationBase2D,
    MixAugmentationBaseV2,
)
from torch import Tensor, nn

from swath.errors import ConfigError, UnsupportedDataError
from swath.transforms.slidemix import SatSlideMix
from swath.transforms.warp import Warp, single_size

__all__ = ["Augmentation"]

#: What torchvision's transforms that move pixels have in their names.
_TORCHVISION_GEOMETRY = (
    "Flip", "Rotation", "Affine", "Perspective", "Crop", "Resize", "Pad", "Elastic", "Zoom",
    "ScaleJitter", "ShortestSize",
)  # fmt: skip


class Augmentation(nn.Module):
    """Transforms in a row, on a batch and where the batch is (the GPU).

    Takes what a loader gives: a dict with ``image`` (B, C, H, W) or (B, T, C, H, W) and whatever
    belongs to it; a single sample works as well (a series (T, C, H, W) is told from a batch by
    what belongs to it: a ``mask`` (H, W), ``bounds`` (9,), a single ``label``). Members are

    * Kornia's **geometric** augmentations (flips, rotations, crops, affine, perspective): every
      key takes part. ``image…`` is interpolated, ``mask…``, ``valid`` and whatever else is as high
      and wide as the image take the nearest pixel,
      ``bbox_xyxy`` is moved and cut off (a box of which less than `min_box` pixels remain goes,
      with its ``label`` and instance mask), all dates of a series move alike, and ``transform``
      and ``bounds`` say where the result lies. Geometric members in a row are one resampling.
    * Kornia's **intensity** augmentations and those of `swath.transforms`: images only; dates of a
      series are images of their own.
    * modules with ``on_batch = True``: they get the whole batch (`RandomTemporalDropout`, …).
    * any other module: it gets each image.

    Nodata stays nodata: geometric members never mix pixels that are NaN, or false in ``valid``,
    into others. Members that look at neighbours of their own accord, such as Kornia's blurs, do.

    Args:
        *transforms: In order.
        fill: What comes into an image from outside its frame.
        fill_mask: What comes into ``mask…`` from outside: the class that is not counted. Needed
            only by transforms that bring something in, such as rotations.
        min_box: Area in pixels below which a box that was cut off is dropped.

    Raises:
        ConfigError: Something that is no module.
    """

    def __init__(
        self,
        *transforms: nn.Module,
        fill: float = 0.0,
        fill_mask: int | None = None,
        min_box: float = 1.0,
    ) -> None:
        super().__init__()
        for member in transforms:
            if not isinstance(member, nn.Module):
                raise ConfigError(f"{member!r} is no nn.Module: expected transforms")
            if _bends(member):
                raise ConfigError(
                    f"{type(member).__name__} moves pixels in a way that no matrix describes, so "
                    "labels, boxes and georeference cannot follow: apply it to images yourself"
                )
            hidden = next((m for m in _parts(member) if _moves(m)), None)
            if hidden is not None:
                raise ConfigError(
                    f"{type(hidden).__name__} in {type(member).__name__} would move images and "
                    "leave labels, boxes and georeference behind: pass Kornia's augmentations to "
                    "Augmentation itself, one by one"
                )
        self.transforms = nn.ModuleList(transforms)
        self.fill, self.fill_mask, self.min_box = fill, fill_mask, min_box

    @torch.no_grad()
    def forward(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The transformed batch; what came in is not changed.

        Raises:
            ConfigError: Images of several sizes, or labels that would come from outside without
                `fill_mask`.
        """
        images = list(_images(batch))
        if not images:
            raise ConfigError(f"the batch has no image: its keys are {', '.join(batch)}")
        single = batch[images[0]].ndim == 3 or _one_series(batch, images[0])
        out = _unsqueeze(batch) if single else dict(batch)
        warp: Warp | None = None
        for member in self.transforms:
            if isinstance(member, GeometricAugmentationBase2D) and not isinstance(
                member, SatSlideMix
            ):
                warp = self._plan(member, out, warp)
                continue
            out, warp = self._move(out, warp), None
            if getattr(member, "on_batch", False):
                out = member(out)
                continue
            for key in _images(out):
                out[key] = _on_image(member, out[key])
        out = self._move(out, warp)
        return _squeeze(out) if single else out

    def _plan(self, member: Any, batch: dict[str, Any], warp: Warp | None) -> Warp:
        images = [batch[key] for key in _images(batch)]
        b, device = len(images[0]), images[0].device
        if warp is None:
            warp = Warp.none(b, single_size(images), device)
        # What the member would do to an image, without doing it to every channel
        blank = torch.zeros(b, 1, *warp.after, device=device)
        moved = member(blank)
        matrix = member.transform_matrix
        after = (int(moved.shape[-2]), int(moved.shape[-1]))
        return warp.then(matrix.double().expand(b, 3, 3), after)

    def _move(self, batch: dict[str, Any], warp: Warp | None) -> dict[str, Any]:
        if warp is None or warp.idle:
            return batch
        out = dict(batch)
        valid = batch.get("valid")
        for key in _images(batch):
            out[key] = self._move_image(batch[key], valid, warp)
        for key, value in batch.items():
            if not isinstance(value, Tensor) or value.ndim < 3:
                continue  # the name of a file, a number a date
            if key == "valid" or (key == "mask" and _instances(value, batch)):
                out[key] = _as_layers(value, lambda v: warp.nearest(v, False)[0])
            elif key.startswith("mask") or (
                not key.startswith("image")
                and key not in ("transform", "bounds", "bbox_xyxy")
                and value.shape[-2:] == warp.before
            ):
                out[key] = _as_layers(value, lambda v, key=key: self._move_mask(v, warp, key))
        if isinstance(batch.get("transform"), Tensor):
            bounds = batch.get("bounds")
            out["transform"], moved = warp.places(batch["transform"], bounds)
            if moved is not None:
                out["bounds"] = moved
        if "bbox_xyxy" in batch:
            self._move_boxes(batch, out, warp)
        return out

    def _move_image(self, image: Tensor, valid: Tensor | None, warp: Warp) -> Tensor:
        if not image.is_floating_point():
            return _as_layers(image, lambda v: warp.nearest(v, int(self.fill))[0])
        known = ~image.isnan()
        holes = valid is not None and not bool(valid.all())
        if holes and valid is not None:
            usable = valid if valid.ndim == image.ndim else valid.unsqueeze(-3)
            known = known & (usable.unsqueeze(1) if usable.ndim < image.ndim else usable)
        flat, mask = _layers(image), _layers(known)
        moved, _ = warp.linear(flat, mask, self.fill)
        if holes:
            # a hole keeps the number that it had (the layer's nodata value), not NaN
            moved = torch.where(moved.isnan(), warp.nearest(flat, self.fill)[0], moved)
        return moved.view(*image.shape[:-2], *warp.after)

    def _move_mask(self, mask: Tensor, warp: Warp, key: str) -> Tensor:
        # numbers have one of their own for what is not known
        unknown: Any = torch.nan if mask.is_floating_point() else 0
        moved, inside = warp.nearest(mask, unknown if self.fill_mask is None else self.fill_mask)
        if self.fill_mask is None and not mask.is_floating_point() and not bool(inside.all()):
            raise ConfigError(
                f"a transform brings ground into {key!r} from outside the patch, where no label is "
                "known: say which value such pixels get, Augmentation(…, fill_mask=255), and leave "
                "it out of the loss with ignore_index"
            )
        return moved

    def _move_boxes(self, batch: dict[str, Any], out: dict[str, Any], warp: Warp) -> None:
        boxes = batch["bbox_xyxy"]
        objects = [k for k in ("label", "label_list", "mask", "score") if k in batch]
        keep: list[Tensor] = []
        moved = []
        for row, found in enumerate(boxes):
            new = warp.boxes(found.reshape(-1, 4), row)
            left = (new[:, 2:] - new[:, :2]).prod(1) >= self.min_box if len(new) else new[:, 0] > 0
            keep.append(left)
            moved.append(new[left])
        out["bbox_xyxy"] = _like(boxes, moved)
        for key in objects:
            values = out[key]
            paired = all(
                isinstance(v, Tensor) and v.ndim and len(v) == len(k)
                for v, k in zip(values, keep, strict=True)
            )
            if not paired:
                continue
            if key == "mask" and not isinstance(values, Tensor):
                values = [_row(warp, row).nearest(v[None], 0)[0][0] for row, v in enumerate(values)]
            out[key] = _like(values, [v[k] for v, k in zip(values, keep, strict=True)])


def _bends(member: nn.Module) -> bool:
    """Whether it moves pixels of its own accord, or of several images into one."""
    if isinstance(member, MixAugmentationBaseV2):
        return True
    told = isinstance(member, GeometricAugmentationBase2D | IntensityAugmentationBase2D)
    bent = any(word in type(member).__name__ for word in ("Elastic", "ThinPlate", "Fisheye"))
    return isinstance(member, AugmentationBase2D) and (not told or bent)


def _parts(member: nn.Module) -> Iterator[nn.Module]:
    """What is inside of a member; torchvision's are opaque, and its compositions plain lists."""
    if not isinstance(member, AugmentationBase2D):
        yield member
    inner = getattr(member, "transforms", ())
    for part in [*member.children(), *(inner if isinstance(inner, list | tuple) else ())]:
        if isinstance(part, nn.Module):
            yield part
            yield from _parts(part)


def _moves(member: nn.Module) -> bool:
    """Whether it moves pixels: Kornia's geometry and mixes, torchvision's geometry."""
    if isinstance(member, GeometricAugmentationBase2D | MixAugmentationBaseV2):
        return True
    kind = type(member)
    return kind.__module__.startswith("torchvision.transforms") and any(
        word in kind.__name__ for word in _TORCHVISION_GEOMETRY
    )


def _one_series(batch: dict[str, Any], key: str) -> bool:
    """Whether (N, C, H, W) are the dates of one sample: what belongs to it has no batch axis."""
    if batch[key].ndim != 4:
        return False
    lone = {"mask": 2, "valid": 2, "bounds": 1, "transform": 1, "label": 0}
    return any(
        isinstance(value, Tensor) and value.ndim == axes
        for value, axes in ((batch.get(name), axes) for name, axes in lone.items())
    )


def _row(warp: Warp, row: int) -> Warp:
    return Warp(warp.matrix[row : row + 1], warp.before, warp.after)


def _instances(mask: Tensor, batch: dict[str, Any]) -> bool:
    """Whether the masks (B, N, H, W) are of the N objects of each image."""
    boxes = batch.get("bbox_xyxy")
    return boxes is not None and mask.ndim == 4 and all(len(b) == mask.shape[1] for b in boxes)


def _like(before: Any, values: list[Tensor]) -> Any:
    """A tensor where there was one and the lengths still allow it, else a list."""
    if isinstance(before, Tensor) and len({v.shape for v in values}) == 1:
        return torch.stack(values)
    return values


def _images(batch: dict[str, Any]) -> Iterator[str]:
    """Keys of images: (B, C, H, W) or (B, T, C, H, W)."""
    for key, value in batch.items():
        if key.startswith("image") and isinstance(value, Tensor) and value.ndim >= 3:
            yield key


def _layers(value: Tensor) -> Tensor:
    """(B, …, H, W) as (B, layers, H, W)."""
    return value.reshape(len(value), -1, *value.shape[-2:])


def _as_layers(value: Tensor, move: Any) -> Tensor:
    moved: Tensor = move(_layers(value))
    return moved.view(*value.shape[:-2], *moved.shape[-2:])


def _on_image(member: nn.Module, image: Tensor) -> Tensor:
    """A member that looks at images only; the dates of a series are images of their own."""
    if image.ndim == 5 and isinstance(member, AugmentationBase2D):
        out: Tensor = member(image.flatten(0, 1))
        return out.reshape(*image.shape[:2], *out.shape[1:])
    result = member(image)
    if not isinstance(result, Tensor):
        raise UnsupportedDataError(
            f"{type(member).__name__} turned an image into {type(result).__name__}: a transform of "
            "whole batches needs the attribute on_batch = True"
        )
    return result


def _unsqueeze(sample: dict[str, Any]) -> dict[str, Any]:
    return {k: v[None] if isinstance(v, Tensor) else [v] for k, v in sample.items()}


def _squeeze(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: v[0] for k, v in batch.items()}
