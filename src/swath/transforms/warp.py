"""One geometric step for everything in a batch: pixels, labels, boxes, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import ConfigError

__all__ = ["Warp"]

#: A matrix this near to whole numbers moves pixels onto pixels: nothing is interpolated.
_WHOLE = 1e-3


@dataclass(frozen=True)
class Warp:
    """Where each pixel of a batch goes.

    Attributes:
        matrix: (B, 3, 3) float64, from pixel (x, y) before to after; (0, 0) is the centre of the
            first pixel.
        before: (height, width) of the images.
        after: (height, width) of what comes out.
    """

    matrix: Tensor
    before: tuple[int, int]
    after: tuple[int, int]

    @classmethod
    def none(cls, batch: int, size: tuple[int, int], device: torch.device | None = None) -> Warp:
        """Everything stays where it is."""
        eye = torch.eye(3, dtype=torch.float64, device=device).expand(batch, 3, 3)
        return cls(eye, size, size)

    def then(self, matrix: Tensor, after: tuple[int, int]) -> Warp:
        """The two steps as one, `matrix` being the second: pixels are resampled once."""
        return Warp(matrix.to(self.matrix) @ self.matrix, self.before, after)

    @property
    def idle(self) -> bool:
        """Whether nothing moves."""
        eye = torch.eye(3, dtype=torch.float64, device=self.matrix.device)
        return self.before == self.after and bool(((self.matrix - eye).abs() < 1e-9).all())

    def _grid(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 2) pixel positions before, and whether they are whole numbers (N,)."""
        back = torch.linalg.inv(self.matrix[rows])
        h, w = self.after
        y, x = torch.meshgrid(
            torch.arange(h, dtype=torch.float64, device=back.device),
            torch.arange(w, dtype=torch.float64, device=back.device),
            indexing="ij",
        )
        points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3)
        moved = points @ back.transpose(1, 2)
        moved = moved[..., :2] / moved[..., 2:]
        whole = (moved - moved.round()).abs().flatten(1).amax(1) < _WHOLE
        return moved.view(len(rows), h, w, 2), whole

    def nearest(self, image: Tensor, fill: Any) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) of any dtype moved without mixing values, and what is from inside (B, H, W).

        Pixels that come from outside get `fill`.

        Raises:
            ConfigError: Pixels of another size than the images'.
        """
        if tuple(image.shape[-2:]) != self.before:
            raise ConfigError(
                f"labels of {tuple(image.shape[-2:])} and images of {self.before} pixels: "
                "geometric transforms need one size"
            )
        rows = torch.arange(len(image), device=self.matrix.device)
        index, inside = _index(self._grid(rows)[0], self.before)
        return _gather(image, index, inside, fill), inside

    def linear(self, image: Tensor, known: Tensor, fill: float) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) moved with bilinear interpolation that never touches unknown pixels.

        Args:
            image: Finite numbers where `known`.
            known: (B, C, H, W) or (B, 1, H, W) bool.
            fill: For pixels that come from outside the image.

        Returns:
            The image, NaN where the nearest pixel is unknown and `fill` outside; and `known` moved.
        """
        b, _, _, _ = image.shape
        rows = torch.arange(b, device=self.matrix.device)
        grid, whole = self._grid(rows)
        index, inside = _index(grid, self.before)
        there = _gather(known, index, inside, False)
        out = _gather(image, index, inside, fill)
        mixed = (~whole).nonzero()[:, 0]
        if len(mixed):
            h, w = self.before
            scale = torch.tensor([max(w - 1, 1), max(h - 1, 1)], device=grid.device)
            # positions from -1 to 1, the centres of the outermost pixels at the ends
            # half precision knows no positions to the pixel
            kind = torch.promote_types(image.dtype, torch.float32)
            unit = (grid[mixed] / scale * 2 - 1).to(kind)
            seen, value = known[mixed], image[mixed]
            complete = bool(seen.all())  # as most images are: nothing to weigh
            value = value if complete else torch.where(seen, value, 0)
            smooth = F.grid_sample(value.to(kind), unit, padding_mode="border", align_corners=True)
            if not complete:
                weight = F.grid_sample(
                    seen.to(kind), unit, padding_mode="border", align_corners=True
                )
                smooth = smooth / weight.clamp_min(1e-6)
            smooth = smooth.to(image.dtype)
            keep = inside[mixed, None] & there[mixed]
            out = out.index_copy(0, mixed, torch.where(keep, smooth, out[mixed]))
        lost = inside[:, None] & ~there
        return torch.where(lost.expand_as(out), torch.nan, out), there

    def boxes(self, boxes: Tensor, row: int) -> Tensor:
        """(N, 4) boxes of image `row` (xmin, ymin, xmax, ymax; 0 is the image's edge), moved.

        A turned box becomes the upright box around it, cut off at the image's border.
        """
        if not len(boxes):
            return boxes
        x0, y0, x1, y1 = boxes.double().unbind(1)
        corners = torch.stack(
            [torch.stack([x0, x1, x1, x0], 1), torch.stack([y0, y0, y1, y1], 1)], -1
        )
        moved = self._edges(corners, row)
        limit = torch.tensor([self.after[1], self.after[0]], device=moved.device)
        low = moved.amin(1).clamp_min(0).minimum(limit)
        high = moved.amax(1).clamp_min(0).minimum(limit)
        return torch.cat([low, high], 1).to(boxes.dtype)

    def _edges(self, points: Tensor, row: int) -> Tensor:
        """Points (…, 2) measured from the image's edge, where a pixel's centre is at one half."""
        matrix = self.matrix[row].to(points.device)
        ones = torch.ones_like(points[..., :1])
        moved = torch.cat([points - 0.5, ones], -1) @ matrix.T
        return moved[..., :2] / moved[..., 2:] + 0.5

    def places(self, transform: Tensor, bounds: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Affine transforms (B, 9) and bounds (B, 9) of the images that come out.

        A perspective has no affine transform: it becomes NaN, as do its bounds.
        """
        half = torch.eye(3, dtype=torch.float64, device=self.matrix.device)
        half[:2, 2] = 0.5
        edges = half @ self.matrix @ torch.linalg.inv(half)
        world = transform.to(self.matrix).view(-1, 3, 3) @ torch.linalg.inv(edges)
        bent = (world[:, 2, :2].abs() > 1e-9).any(1)
        world = world / world[:, 2:, 2:]
        world[bent] = torch.nan
        if bounds is None:
            return world.view(-1, 9).to(transform), None
        h, w = self.after
        corners = torch.tensor(
            [[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]], dtype=torch.float64, device=world.device
        )
        ground = corners @ world.transpose(1, 2)
        new = bounds.clone().to(torch.float64)
        new[:, 0], new[:, 1] = ground[..., 0].amin(1), ground[..., 0].amax(1)
        new[:, 3], new[:, 4] = ground[..., 1].amin(1), ground[..., 1].amax(1)
        new[:, 2] = world[:, :2, 0].norm(dim=1)
        new[:, 5] = world[:, :2, 1].norm(dim=1)
        return world.view(-1, 9).to(transform), new.to(bounds)


def _index(grid: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Nearest pixel of each position as (B, H, W) row-major numbers, and whether it is inside."""
    h, w = size
    # half a pixel beyond the centre is still the pixel; the last digit is rounding
    nearest = (grid + 1e-6).round().long()
    x, y = nearest[..., 0], nearest[..., 1]
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    return y.clamp(0, h - 1) * w + x.clamp(0, w - 1), inside


def _gather(image: Tensor, index: Tensor, inside: Tensor, fill: Any) -> Tensor:
    b, c, _, _ = image.shape
    h, w = index.shape[1:]
    flat = image.reshape(b, c, -1)
    found = flat.gather(2, index.view(b, 1, -1).to(image.device).expand(b, c, h * w))
    found = found.view(b, c, h, w)
    return torch.where(inside[:, None].to(image.device), found, torch.as_tensor(fill).to(found))


def single_size(images: Sequence[Tensor]) -> tuple[int, int]:
    """(height, width) that all images share.

    Raises:
        ConfigError: They do not.
    """
    sizes = {tuple(image.shape[-2:]) for image in images}
    if len(sizes) != 1:
        raise ConfigError(
            f"the images of a batch have the sizes {sorted(sizes)}: geometric transforms need one "
            "size, which a sampler or a crop gives"
        )
    height, width = sizes.pop()
    return int(height), int(width)
