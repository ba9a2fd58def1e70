"""Backbones by name that are told their bands, or have no head of their own."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from swath.errors import BandError, ConfigError, nearest
from swath.models.registry import ModelEntry
from swath.models.satlas import Backbone, load_satlas, satlaspretrain
from swath.trainers.pretrained import Pretrained, load_encoder, weights_source
from swath.trainers.siamese import pooled

__all__ = ["SATLAS", "WithHead", "full_name", "satlas", "told_model", "with_head"]

#: SatlasPretrain's networks by name, and their trunks.
SATLAS = {f"satlaspretrain_{trunk.name.lower()}": trunk for trunk in Backbone}


class WithHead(nn.Module):
    """A backbone that has no head, and a linear one on the mean of what it gives.

    Args:
        backbone: (B, C, H, W) to features (B, F), a map, or several maps, of which the deepest
            counts.
        width: F.
        outputs: Of the head.
    """

    def __init__(self, backbone: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(width, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs)."""
        found: Tensor = self.head(pooled(self.backbone(image), self.backbone))
        return found

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the backbone's activations twice instead of keeping them."""
        switch: Any = getattr(self.backbone, "set_grad_checkpointing", None)
        if switch is None:
            raise ConfigError(f"{type(self.backbone).__name__} has no gradient checkpointing")
        switch(enable=enable)


def full_name(name: str, pretrained: Pretrained) -> str:
    """A model's name with the trunk in it, where the weights alone say which that is.

    A checkpoint of a task keeps the name, and needs no weights to be read again.
    """
    if name.lower() != "satlaspretrain":
        return name
    trunk = getattr(pretrained.weights, "meta", {}).get("backbone", Backbone.SWINB.name)
    return f"satlaspretrain_{str(trunk).lower()}"


def satlas(name: str, pretrained: Pretrained) -> nn.Module:
    """SatlasPretrain's network without a head, with its weights in it: maps of strides 4 to 32.

    Raises:
        ConfigError: There is no such trunk, or the weights are of another one.
        FileMissingError: There is no such file.
    """
    key = full_name(name, pretrained).lower()
    if key not in SATLAS:
        raise ConfigError(f"there is no model {name!r}: {nearest(key, SATLAS)}")
    if pretrained.weights is True:
        raise ConfigError(
            f"weights=True is ImageNet's, and {name} has none: expected a member of "
            "Satlas_Weights, such as 'Satlas_Weights.Sentinel2_SwinB_SI_RGB'"
        )
    network = satlaspretrain(in_chans=pretrained.channels, backbone=SATLAS[key])
    if pretrained.weights is None:
        return network
    fit = None if pretrained.fit is None else pretrained.fit.fit
    try:
        load_satlas(
            network, weights_source(pretrained), fit=None if fit is None or fit.unchanged else fit
        )
    except ConfigError as error:
        raise ConfigError(f"{pretrained.name} does not fit {name}: {error}") from error
    return network


def told_model(entry: ModelEntry, pretrained: Pretrained, outputs: int) -> nn.Module:
    """A model that takes any bands, told those of the task, with its weights in it.

    Published weights of the model are loaded as its own builder loads them; files and others, such
    as what a self-supervised task saved, have to have its names.

    Args:
        entry: Of the registry, whose bands are ``"any"``.
        pretrained: Weights, bands and sensor.
        outputs: Of the head; 0 for none.

    Raises:
        BandError: Nobody says which bands there are, or it cannot be told.
        ConfigError: Weights of another model.
        FileMissingError: There is no such file.
    """
    if pretrained.bands is None:
        raise BandError(
            f"{entry.name} is told its bands by wavelength, and nobody says them: expected "
            'bands=[…], names or centre wavelengths in micrometres ("0.665"), and sensor=… where '
            "names alone leave doubt"
        )
    options: dict[str, Any] = {"bands": _numbers(pretrained.bands), "sensor": pretrained.sensor}
    headed = "classification" in entry.tasks
    if headed:
        options["num_classes"] = outputs
    weights = pretrained.weights
    published = hasattr(weights, "get_state_dict")
    if weights is True:
        raise ConfigError(
            f"weights=True is ImageNet's, and {entry.name} has none: expected "
            f"{'a file' if entry.weights is None else f'a member of {entry.weights.__name__}'}"
        )
    if published and not (entry.weights is not None and isinstance(weights, entry.weights)):
        raise ConfigError(f"{weights!r} does not fit the backbone: they are not of {entry.name}")
    if published:
        options["weights"] = weights
    network = entry.build(**options)
    if weights is not None and not published:
        names = network.state_dict()
        # what pools otherwise has its norm elsewhere
        spare = [n for n in ("norm", "fc_norm") if not any(k.startswith(f"{n}.") for k in names)]
        load_encoder(
            network, pretrained, (r"^head\.", r"^fc_norm\."), [rf"^{n}\." for n in spare], False
        )
    return network if headed else with_head(network, outputs)


def _numbers(bands: tuple[str | float, ...]) -> list[str | float]:
    """Wavelengths that are written as text, as a config's list of names has them, as numbers."""
    found: list[str | float] = []
    for band in bands:
        try:
            found.append(float(band) if "." in str(band) else band)
        except ValueError:  # a name with a dot in it
            found.append(band)
    return found


def with_head(network: nn.Module, outputs: int) -> nn.Module:
    """The network, and a head of so many outputs if there are any."""
    info: Any = network.feature_info
    return WithHead(network, int(info[-1]["num_chs"]), outputs) if outputs else network
