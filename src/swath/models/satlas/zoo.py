"""Published models by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from swath.errors import ConfigError
from swath.models.factory import Request
from swath.models.registry import register_model, resolve_weights
from swath.models.satlas.backbones import Backbone
from swath.models.satlas.catalogue import Satlas_Weights
from swath.models.satlas.heads import Head
from swath.models.satlas.loading import load_satlas
from swath.models.satlas.model import Model

__all__ = ["Weights", "satlaspretrain"]


@register_model(weights=Satlas_Weights, tasks=("backbone",), name="satlaspretrain")
def satlaspretrain(
    weights: Satlas_Weights | str | None = None,
    *,
    bands: Sequence[str | float] | None = None,
    in_chans: int | None = None,
    backbone: Backbone | str | None = None,
    multi_image: bool | None = None,
    **kwargs: Any,
) -> Model:
    """SatlasPretrain's model (https://arxiv.org/abs/2211.15660), with published weights or none.

    Args:
        weights: A member of `Satlas_Weights`, its name, or None for random numbers.
        bands: The user's bands, in the order of the image's channels; the first layer is fitted.
        in_chans: Of one image; follows from `weights` or `bands`, else 3.
        backbone: The trunk, without `weights`; Swin-B if left out.
        multi_image: Takes several images; as `weights` were trained if left out. Either trunk
            can do either: pooling over time has no parameters.
        **kwargs: For `Model`: ``fpn``, ``head``, ``num_categories``, ``head_options``.

    Raises:
        ConfigError: There are no such weights, or they are of another trunk.
        BandError: `bands` do not fit.
    """
    request = Request.of(Satlas_Weights, weights, bands, in_chans)
    if request.weights is not None:
        trained = request.weights.meta
        if isinstance(backbone, str | Backbone):
            asked = backbone.name if isinstance(backbone, Backbone) else backbone.upper()
            if asked != trained["backbone"]:
                raise ConfigError(f"{request.weights!r} is of {trained['backbone']}, not {asked}")
        backbone = backbone or Backbone[trained["backbone"]]
        multi_image = trained["multi_image"] if multi_image is None else multi_image
    model = Model(request.in_channels or 3, bool(multi_image), backbone or Backbone.SWINB, **kwargs)
    return request.finish(model, load=load_satlas)


class Weights:
    """The door to the published models."""

    def get_pretrained_model(
        self,
        model_identifier: str,
        fpn: bool = False,
        head: Head | str | None = None,
        num_categories: int | None = None,
        device: str | torch.device | None = None,
        *,
        bands: Sequence[str | float] | None = None,
        **kwargs: Any,
    ) -> Model:
        """A published model, downloaded at the first call.

        Args:
            model_identifier: A name in `swath.models.satlas.MODELS`.
            fpn: With its feature pyramid and upsampling, which are published too.
            head: With a head of random numbers, to be trained.
            num_categories: Of the head.
            device: Where to put it; the GPU if there is one, else the CPU.
            bands: The user's bands, in the order of the image's channels, if they are not those
                that it was trained on.
            **kwargs: For `Model`.

        Returns:
            The model, in training mode, with ``transforms`` (raw pixels to its input), ``bands``
            and ``weights`` noted on it.

        Raises:
            ConfigError: There is no such model; the text suggests the nearest name.
            DownloadError: The file is not there and cannot be downloaded: the text says where to
                put it.
        """
        member = resolve_weights(Satlas_Weights, model_identifier)
        if member is None:
            raise ConfigError("model_identifier is missing: expected a name of MODELS")
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model = satlaspretrain(
            member, bands=bands, fpn=fpn, head=head, num_categories=num_categories, **kwargs
        )
        return model.to(device)
