"""Sound that belongs to a sample."""

from __future__ import annotations

import pathlib
import wave
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue.description import When
from swath.datasets.catalogue.files import need
from swath.datasets.catalogue.parts import Part, Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError

__all__ = ["Audio"]

_TYPES = {1: "u1", 2: "<i2", 4: "<i4"}


class Audio(Part):
    """A WAV file of whole numbers (PCM): (channels, samples) in the file's own type.

    Args:
        file: Pattern of its path.
        key: Its name in the sample.
        rate: Samples a second, channels and number of samples: how miniatures are made.
        length: See `rate`.
        when: As in `Part`.
    """

    def __init__(
        self,
        file: str,
        key: str = "audio",
        *,
        rate: int = 22_050,
        length: int = 64,
        when: When | None = None,
    ) -> None:
        super().__init__(key, when)
        self.file, self.rate, self.length = file, rate, length

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        """The sound."""
        path = self.files(site, row)[0]
        need(path)
        try:
            with wave.open(path, "rb") as sound:
                wide, channels = sound.getsampwidth(), sound.getnchannels()
                data = sound.readframes(sound.getnframes())
            values = np.frombuffer(data, _TYPES[wide])
            values = values.astype(values.dtype.newbyteorder("="))  # ours to write to
        except (wave.Error, EOFError, KeyError, ValueError) as error:
            raise UnreadableFileError(
                f"{path} cannot be read as a WAV file of 8, 16 or 32 bits: {error!r}. It may be "
                "cut short: fetch it again"
            ) from error
        count = len(values) // channels * channels
        return {self.key: torch.from_numpy(values[:count].reshape(-1, channels).T.copy())}

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Noise, one channel of 16 bits."""
        path = self.files(site, row)[0]
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with wave.open(path, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(self.rate)
            sound.writeframes(rng.integers(-9000, 9000, self.length).astype("<i2").tobytes())
