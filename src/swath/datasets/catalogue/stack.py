"""Several files in one image or mask: dates, sensors, polarisations, kinds of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.images import Image
from swath.datasets.catalogue.masks import Mask
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.site import Site
from swath.errors import ConfigError, UnreadableFileError

__all__ = ["Dates", "MaskStack", "Sensors"]


class _Several(Part):
    """Parts of one kind under one key."""

    def __init__(self, key: str, parts: Sequence[Image | Mask], when: When | None = None) -> None:
        super().__init__(key, when)
        self.parts = tuple(parts)

    def files(self, site: Site, row: Row) -> list[str]:
        """The files that it is read from."""
        return [f for p in self.parts if p.there(site) for f in p.files(site, row)]

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Each part writes its own."""
        for part in self.parts:
            if part.there(site):
                part.write(site, row, rng)

    def _read(self, site: Site, row: Row, parts: Sequence[Image | Mask]) -> dict[str, Any]:
        """What all parts say; under their keys, lists of what each says."""
        found: dict[str, Any] = {}
        pieces = []
        for part in parts:
            said = part.read(site, row)
            pieces.append(said.pop(part.key))
            found = said | found  # where an image lies: as the first one says
        shapes = {tuple(p.shape[-2:]) for p in pieces}
        if len(shapes) > 1:
            raise UnreadableFileError(
                f"{', '.join(self.files(site, row))} are {sorted(shapes)} pixels: expected the "
                "same; fetch the dataset again"
            )
        return found | {self.key: pieces}


class Dates(_Several):
    """Images of the same ground at several dates: float32 (T, C, H, W).

    Args:
        images: One a date, in order.
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(
        self, images: Sequence[Image], key: str = "image", when: When | None = None
    ) -> None:
        super().__init__(key, images, when)

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The images."""
        found = self._read(site, row, [p for p in self.parts if p.there(site)])
        found[self.key] = torch.stack(found[self.key])
        return found


class Sensors(_Several):
    """Images of the same ground and pixels with different bands: float32 (C, H, W).

    Files of which no band is wanted are not opened. Bands come in the order in which they are
    asked for, whichever file each is in.

    Args:
        images: Each with the names of its own bands (``Image(bands=...)``).
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(
        self, images: Sequence[Image], key: str = "image", when: When | None = None
    ) -> None:
        super().__init__(key, images, when)

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The image."""
        wanted = [p for p in self.parts if p.there(site) and _bands(p, site)]
        found = self._read(site, row, wanted)
        image: Tensor = torch.cat(found[self.key])
        names = [band for part in wanted for band in _bands(part, site)]
        if names != list(site.bands):
            image = image[[names.index(band) for band in site.bands]]
        found[self.key] = image
        return found

    def wanted(self, site: Site) -> list[Image]:
        """The images of which bands are wanted, whose bands one after the other are `site`'s.

        Raises:
            ConfigError: They are not: bands of one sensor are asked for between another's.
        """
        images = [p for p in self.parts if isinstance(p, Image) and _bands(p, site)]
        images.sort(key=lambda p: site.bands.index(_bands(p, site)[0]))
        names = [band for image in images for band in _bands(image, site)]
        if names != list(site.bands):
            raise ConfigError(
                f"bands are {', '.join(site.bands)}: for a layer those of one sensor have to "
                f"follow one another, as in {', '.join(names)}"
            )
        return images


class MaskStack(_Several):
    """Several masks of the same pixels: int64 (N, H, W).

    Args:
        masks: One a layer, in order.
        key: Its name in the sample.
        when: As in `Part`.
    """

    def __init__(self, masks: Sequence[Mask], key: str = "mask", when: When | None = None) -> None:
        super().__init__(key, masks, when)

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The masks."""
        found = self._read(site, row, [p for p in self.parts if p.there(site)])
        found[self.key] = torch.stack(found[self.key])
        return found


def _bands(part: Image | Mask, site: Site) -> list[str]:
    own = getattr(part, "own_bands", None) or site.all_bands
    return [band for band in site.bands if band in own]
