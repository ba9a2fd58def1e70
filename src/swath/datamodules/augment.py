"""Label codes to class indices, and the eight symmetries of a square, on whole batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from swath.typing import Sample

__all__ = ["dihedral", "encode_labels"]


def encode_labels(mask: Tensor, values: Sequence[int], ignore_index: int) -> Tensor:
    """Codes of label files to class indices; a code that is not in `values` is `ignore_index`.

    Args:
        mask: Integer codes, any shape.
        values: The code of each class, in the order of the classes.
        ignore_index: What unknown codes become.
    """
    codes, order = torch.tensor(list(values), device=mask.device).sort()
    place = torch.searchsorted(codes, mask.contiguous()).clamp(max=len(codes) - 1)
    return torch.where(codes[place] == mask, order[place], ignore_index)


def dihedral(batch: Sample, generator: torch.Generator | None = None) -> Sample:
    """Each sample of a batch flipped and turned at random, image and mask alike.

    From above, north is no direction that a class would know. Patches that are not square are
    flipped and not turned.

    Args:
        batch: ``image`` (B, C, H, W), ``mask`` (B, H, W) and ``valid`` (B, H, W), where present.
        generator: Where the choices come from (on the CPU).
    """
    image: Tensor = batch["image"]
    square = image.shape[-1] == image.shape[-2]
    choices = torch.randint(0, 8 if square else 4, (len(image),), generator=generator)
    turned = dict(batch)
    for key in ("image", "mask", "valid"):
        if key in batch:
            turned[key] = batch[key].clone()
    for choice in set(choices.tolist()):
        which = (choices == choice).nonzero().squeeze(1).to(image.device)
        for key in ("image", "mask", "valid"):
            if key not in batch:
                continue
            part = batch[key][which]
            if choice & 1:
                part = part.flip(-1)
            if choice & 2:
                part = part.flip(-2)
            if choice & 4:
                part = part.transpose(-1, -2)
            turned[key][which] = part
    return turned
