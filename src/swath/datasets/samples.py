"""Samples together: stacked to a batch, concatenated by channel, merged on the same ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from swath.datasets.batch import SampleBatch
from swath.datasets.shared import WorkerBatch
from swath.errors import BandError, ConfigError
from swath.typing import Sample

__all__ = ["concat_samples", "merge_samples", "stack_samples", "unbind_samples"]

# What says where a sample lies: the same for all samples that are put together.
_PLACE = ("bounds", "transform")
_LISTS = ("bbox_xyxy", "label", "label_list")


def _gather(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    gathered: dict[str, list[Any]] = {}
    for sample in samples:
        for key, value in sample.items():
            gathered.setdefault(key, []).append(value)
    return gathered


def stack_samples(samples: Iterable[Sample]) -> Sample:
    """Stack samples along a new first axis: the `collate_fn` of a `DataLoader`.

    Tensors of one shape are stacked to (B, …). Tensors of different shapes (boxes and masks of
    objects) stay a list, one entry a sample, and so does whatever is not a tensor. A batch that a
    dataset read as one is handed through without a copy.

    Args:
        samples: Samples with the same keys.

    Returns:
        One sample whose tensors have a batch axis.
    """
    if isinstance(samples, SampleBatch):
        batch = samples.batch
        if batch is not None:
            in_worker = torch.utils.data.get_worker_info() is not None
            return WorkerBatch(batch) if in_worker else batch
    out: Sample = {}
    for key, values in _gather(list(samples)).items():
        if all(isinstance(v, Tensor) for v in values) and len({v.shape for v in values}) == 1:
            out[key] = torch.stack(values)
        else:
            out[key] = values
    return out


def concat_samples(samples: Iterable[Sample]) -> Sample:
    """Concatenate the samples of several layers over the same ground: what `&` does.

    Images are concatenated by channel: (C1, H, W) and (C2, H, W) give (C1+C2, H, W); with a time
    axis, (T, C1, H, W) and (T, C2, H, W) give (T, C1+C2, H, W). Masks (H, W) of several layers
    are stacked to (2, H, W). `bounds` and `transform` are those of the query and stay single.
    `valid` is true where all layers are. Everything else comes from the first sample that has it.

    Raises:
        ConfigError: Time series with different numbers of dates.
    """
    out: Sample = {}
    for key, values in _gather(list(samples)).items():
        if len(values) == 1 or key.startswith(_PLACE) or not isinstance(values[0], Tensor):
            out[key] = values[0]
        elif key.startswith("valid"):
            out[key] = torch.stack(values).all(dim=0)
        elif key == "mask" and values[0].dtype == torch.uint8:
            out[key] = torch.cat(values)  # instances (N, H, W)
        elif key == "mask":
            out[key] = torch.cat([v[None] if v.ndim == 2 else v for v in values], dim=-3)
        elif len({v.shape[:-3] for v in values}) > 1:
            dates = " and ".join(str(v.shape[0]) if v.ndim == 4 else "no" for v in values)
            raise ConfigError(
                f"{key!r} has {dates} dates: layers with a time axis are concatenated where they "
                "have the same dates; ask for a shorter time, or pass a collate_fn that keeps them "
                "apart"
            )
        elif values[0].ndim >= 3:
            out[key] = torch.cat(values, dim=-3)
        else:
            out[key] = torch.cat([v.reshape(1) if v.ndim == 0 else v for v in values])
    return out


def merge_samples(samples: Iterable[Sample]) -> Sample:
    """Merge samples of layers that show the same thing: what `|` does.

    The first sample is on top. The next one fills in where the first has nothing: where its
    `valid` is false or, if it has none, where its numbers are 0. Objects (boxes, labels, instance
    masks), of which samples may hold different numbers, are listed one after the other.

    Raises:
        BandError: Pictures of different shape.
    """
    out: Sample = {}
    samples = list(samples)
    gathered = _gather(samples)
    for key, values in gathered.items():
        first = values[0]
        if len(values) == 1 or key.startswith(_PLACE) or not isinstance(first, Tensor):
            out[key] = first
        elif key.startswith("valid"):
            out[key] = torch.stack(values).any(dim=0)
        elif key in _LISTS or first.ndim < 2 or first.dtype == torch.uint8:
            out[key] = torch.cat(values)
        elif any(v.shape != first.shape for v in values):
            shapes = " and ".join(str(tuple(v.shape)) for v in values)
            raise BandError(
                f"samples whose {key!r} is {shapes} cannot be merged; choose the same bands for "
                "all layers of a union (bands=…), or give it another collate_fn"
            )
        else:
            suffix = key.removeprefix("image").removeprefix("mask")
            valid = [s.get("valid" + suffix) for s in samples if key in s]
            out[key] = _merged(values, valid)
    return out


def _merged(values: list[Tensor], valid: list[Any]) -> Tensor:
    """The first tensor, its holes filled by the others in turn."""
    result = values[0].clone()
    hole = _holes(result, valid[0])
    for value, own in zip(values[1:], valid[1:], strict=True):
        fill = hole & ~_holes(value, own)
        result = torch.where(fill, value, result)
        hole = hole & ~fill
    return result


def _holes(value: Tensor, valid: Any) -> Tensor:
    if isinstance(valid, Tensor) and valid.shape[-2:] == value.shape[-2:]:
        lead = valid.unsqueeze(-3) if valid.ndim < value.ndim else valid
        return (~lead).expand(value.shape)
    return value == 0


def unbind_samples(sample: Sample) -> list[Sample]:
    """The inverse of `stack_samples`: a batch of B becomes a list of B samples."""
    sizes = {len(v) for v in sample.values() if isinstance(v, Tensor | list | tuple)}
    if len(sizes) > 1:
        raise ValueError(f"the entries of a batch have different lengths: {sorted(sizes)}")
    count = sizes.pop() if sizes else 0
    return [
        {k: v[i] if isinstance(v, Tensor | list | tuple) else v for k, v in sample.items()}
        for i in range(count)
    ]
