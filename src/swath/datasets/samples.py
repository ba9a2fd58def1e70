"""Samples together: stacked to a batch, concatenated by channel, merged on the same ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from swath.datasets.batch import SampleBatch
from swath.typing import Sample

__all__ = ["concat_samples", "merge_samples", "stack_samples", "unbind_samples"]

# What says where a sample lies: the same for all samples that are put together.
_PLACE = ("bounds", "transform")
_LISTS = ("bbox_xyxy", "label_list")


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
            return batch
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
    """
    out: Sample = {}
    for key, values in _gather(list(samples)).items():
        if len(values) == 1 or key in _PLACE or not isinstance(values[0], Tensor):
            out[key] = values[0]
        elif key == "valid":
            out[key] = torch.stack(values).all(dim=0)
        elif key == "mask" and values[0].dtype == torch.uint8:
            out[key] = torch.cat(values)  # instances (N, H, W)
        elif key == "mask":
            out[key] = torch.cat([v[None] if v.ndim == 2 else v for v in values], dim=-3)
        elif values[0].ndim >= 3:
            out[key] = torch.cat(values, dim=-3)
        else:
            out[key] = torch.cat([v.reshape(1) if v.ndim == 0 else v for v in values])
    return out


def merge_samples(samples: Iterable[Sample]) -> Sample:
    """Merge samples of layers that show the same thing: what `|` does.

    Where the first sample is 0 (nothing was read), the next one fills in. Objects (boxes, labels,
    instance masks), of which samples may hold different numbers, are listed one after the other.
    """
    out: Sample = {}
    for key, values in _gather(list(samples)).items():
        first = values[0]
        if len(values) == 1 or key in _PLACE or not isinstance(first, Tensor):
            out[key] = first
        elif key == "valid":
            out[key] = torch.stack(values).any(dim=0)
        elif any(v.shape != first.shape for v in values) or key in _LISTS or first.ndim < 2:
            out[key] = torch.cat(values)
        else:
            merged = first.clone()
            for other in values[1:]:
                merged = torch.where(merged == 0, other, merged)
            out[key] = merged
    return out


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
