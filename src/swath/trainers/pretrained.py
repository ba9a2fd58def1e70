"""What a task needs to know of published weights: which they are, and how the image fits them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from swath.errors import BandError, ConfigError, FileMissingError

if TYPE_CHECKING:
    from swath.models.inputs import InputFit

__all__ = ["Pretrained", "load_encoder", "weights_source"]

logger = logging.getLogger("swath.trainers")

_FULL_NAME = re.compile(r"\w+_Weights\.\w+")
#: What files hold beside the encoder: heads, and the second network of some pre-training.
_BESIDE = (
    r"(^|\.)(fc|head|heads|projector|projection_head|predictor|classifier)\.",
    r"(^|\.)(encoder_k|momentum_encoder|teacher)\.",
    r"(^|\.)queue(_ptr)?$",
    r"(^|\.)(decoder\w*\.|mask_token$)",
)


@dataclass(frozen=True)
class Pretrained:
    """A task's `weights`, looked up and fitted to its bands.

    Attributes:
        weights: A member of a weights enum, a path, True (ImageNet's) or None.
        channels: Of the image.
        fit: How the image fits the member; None for everything else.
        bands: The user's, for models that are told them; None if nobody said.
        sensor: Whose bands they are, where that is not plain.
    """

    weights: Any
    channels: int
    fit: InputFit | None = None
    bands: tuple[str | float, ...] | None = None
    sensor: str | None = None

    @classmethod
    def of(
        cls,
        weights: Any,
        bands: Sequence[str] | None = None,
        in_channels: int | None = None,
        sensor: str | None = None,
        units: str | None = None,
    ) -> Pretrained:
        """Resolve a task's arguments.

        Raises:
            ConfigError: There are no such weights, or the units cannot become theirs.
            BandError: The bands do not fit, or contradict `in_channels`.
        """
        if isinstance(weights, str) and _FULL_NAME.fullmatch(weights):
            from swath.models import get_weight

            weights = get_weight(weights)
        if bands is not None and in_channels not in (None, len(bands)):
            raise BandError(f"bands has {len(bands)} entries where in_channels is {in_channels}")
        count = len(bands) if bands is not None else in_channels
        told: dict[str, Any] = {"bands": None if bands is None else tuple(bands), "sensor": sensor}
        if not hasattr(weights, "bands"):
            # without weights they have nothing to say: so it is when a checkpoint is read again
            if weights and (sensor is not None or units is not None):
                raise ConfigError(
                    f"sensor={sensor!r} and units={units!r} go with published weights, such as "
                    f"'ResNet18_Weights.SENTINEL2_ALL_MOCO'; weights is {weights!r}"
                )
            return cls(weights or None, 3 if count is None else count, **told)
        own = weights.in_channels
        if bands is None or not weights.bands:
            if count is not None and own not in (None, count):
                raise BandError(
                    f"in_channels is {count} and {weights!r} was trained on {own} bands "
                    f"({', '.join(weights.bands)}): name yours with bands=[…] and the first layer "
                    "is fitted to them"
                )
            count = own if count is None else count
        if not weights.bands:
            return cls(weights, 3 if count is None else count, **told)
        from swath.models.inputs import check_input

        fit = check_input(weights, bands, sensor=sensor, units=units)
        return cls(weights, len(fit.fit.target), fit, **told)

    @property
    def name(self) -> str | bool | None:
        """As a checkpoint's hyperparameters keep it: plain."""
        if self.weights is None or isinstance(self.weights, bool):
            return self.weights
        return repr(self.weights) if hasattr(self.weights, "get_state_dict") else os.fspath(
            self.weights)  # fmt: skip

    def normalisation(
        self, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> dict[str, Any]:
        """mean, std, clip and then as plain lists: the user's if there are any, else the weights'.

        Raises:
            ConfigError: The weights' cannot be expressed so (pixels must be converted before).
        """
        preset = self.fit.preset if self.fit is not None else None
        given: dict[str, Any] = {
            "mean": list(mean) if mean is not None else [0.0] * self.channels,
            "std": list(std) if std is not None else [1.0] * self.channels,
            "clip": None, "then": None,
        }  # fmt: skip
        if preset is None:
            return given
        if mean is not None or std is not None:
            logger.warning(
                "mean and std are given: %r was trained with another normalisation (%s), which is "
                "not used; leave them out to use it", self.weights, preset.extra_repr(),
            )  # fmt: skip
            return given

        def each(numbers: Sequence[float]) -> list[float]:
            return list(numbers) * (self.channels if len(numbers) == 1 else 1)

        return {
            "mean": each(preset.mean), "std": each(preset.std),
            "clip": None if preset.clip is None else [float(c) for c in preset.clip],
            "then": None if preset.then is None else [each(n) for n in preset.then],
        }  # fmt: skip

    def look_at(self, image: Tensor) -> None:
        """Warn if raw pixels (B, C, H, W) can hardly be in the units that they have to be in."""
        units = None if self.fit is None else self.fit.units or self.fit.fit.units
        if units is None:
            return
        from swath.models.inputs import check_values

        doubt = check_values(image, units)
        if doubt is not None:
            logger.warning(
                "do these pixels fit the weights %r? %s. Say what they are with units=…, a name of "
                "swath.sensors.UNITS", self.weights, doubt,
            )  # fmt: skip


def weights_source(pretrained: Pretrained) -> Any:
    """A member of an enum, an URL, or a file that is there.

    Raises:
        FileMissingError: There is no such file.
    """
    weights = pretrained.weights
    if hasattr(weights, "get_state_dict"):
        return weights
    weights = os.fspath(weights)
    if not weights.startswith(("http://", "https://")) and not os.path.exists(weights):
        raise FileMissingError(
            f"the weights {weights} do not exist: expected a file or URL of a state dict, or a "
            "name such as ResNet18_Weights.SENTINEL2_ALL_MOCO (swath models list)"
        )
    return weights


def load_encoder(
    encoder: nn.Module,
    pretrained: Pretrained,
    absent: Sequence[str] = (),
    unused: Sequence[str] = (),
    fitted: bool = True,
) -> None:
    """Load an encoder's weights, its first layer fitted to the bands.

    Names are found under whatever prefix the file has them; heads are passed over, and nothing
    else.

    Args:
        encoder: The network.
        pretrained: Its weights, and the image's channels.
        absent: Patterns of layers that the file need not have: the task's own head.
        unused: Patterns of what the file may have beside the encoder and heads.
        fitted: Whether there is a first layer to fit: models that are told their bands have none.

    Raises:
        ConfigError: The weights are of another architecture.
        FileMissingError: There is no such file.
    """
    from swath.models.loading import load_weights
    from swath.models.prefixes import align_names

    weights = weights_source(pretrained)
    fit = pretrained.fit.fit if pretrained.fit is not None else None
    own = encoder.state_dict()
    try:
        load_weights(
            encoder, weights, fit=None if fit is None or fit.unchanged else fit,
            stem=_stem(encoder, pretrained.channels) if fitted else None,
            unused=(*_BESIDE, *unused), absent=absent,
            prepare=lambda tensors: align_names(tensors, own),
        )  # fmt: skip
    except ConfigError as error:
        raise ConfigError(f"{pretrained.name} does not fit the backbone: {error}") from error


def _stem(encoder: nn.Module, channels: int) -> str:
    """Name of the first layer's kernel: the first that takes the image's channels."""
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels:
            return f"{name}.weight"
    raise ConfigError(
        f"{type(encoder).__name__} has no convolution of the image's {channels} bands to fit: "
        "weights can't be put into this backbone"
    )
