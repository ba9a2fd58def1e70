"""Names of encoders that segmentation-models-pytorch builds without asking a network."""

from __future__ import annotations

import timm

from swath.errors import ConfigError
from swath.models.weights import nearest

__all__ = ["check_encoder", "is_encoder"]


def is_encoder(name: str) -> bool:
    """Whether `name` is an encoder of segmentation-models-pytorch, or ``"tu-"`` and one of timm.

    timm would also take addresses there (``"tu-hf-hub:…"``), and fetch what they name: a name that
    came with a checkpoint or a config must not do that.
    """
    from segmentation_models_pytorch.encoders import get_encoder_names

    if name.startswith("tu-"):
        return name[3:] in {*timm.list_models(), *timm.list_pretrained()}
    return name in get_encoder_names()


def check_encoder(name: str) -> None:
    """Let an encoder's name pass.

    Raises:
        ConfigError: There is no such encoder; says which is near.
    """
    if not is_encoder(name):
        from segmentation_models_pytorch.encoders import get_encoder_names

        known = (
            [f"tu-{n}" for n in timm.list_models()] if name[:3] == "tu-" else get_encoder_names()
        )
        raise ConfigError(f"there is no encoder {name!r}: {nearest(str(name), known)}")
