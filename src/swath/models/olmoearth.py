"""OlmoEarth v1, through the package of its authors.

Source: https://arxiv.org/abs/2511.13655.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from torch import nn
from torchvision.models import Weights

from swath.errors import DependencyNotFoundError
from swath.models.factory import Request
from swath.models.prefixes import align_names
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["OlmoEarthV1_Weights", "olmoearth_v1"]


def _weight(size: str, revision: str, digest: str) -> Weights:
    repo = f"allenai/OlmoEarth-v1-{size.capitalize()}"
    return weight(
        f"https://huggingface.co/{repo}/resolve/{revision}/weights-{digest}.pth",
        model="OlmoEarthPretrain_v1",
        dataset="Major TOM",
        publication="https://arxiv.org/abs/2511.13655",
        repo="https://github.com/allenai/olmoearth_pretrain",
        license="OlmoEarth Artifact License",
        architecture="Vision Transformer",
        model_size=size,
        hf_repo=repo,
    )


class OlmoEarthV1_Weights(WeightsEnum):
    """Published weights of `olmoearth_v1`.

    Inputs are normalised by the package itself (``olmoearth_pretrain_minimal.Normalizer``).
    """

    NANO = _weight(
        "nano", "529248a4dc3c54014c56b7504641cec98de31d1c",
        "795c68419a658fd22ccf8f2e020607675f963e9ef3b93d8e368bb17646765347",
    )  # fmt: skip
    TINY = _weight(
        "tiny", "885784437d4e2d632b7bf51b4233426c6f4479dc",
        "66b9827af383bc444d7909a406a5b62c072bb08d6804ff47a247c2dce8fad9a4",
    )  # fmt: skip
    BASE = _weight(
        "base", "4bd1392a4539404d2c74276c39f3cb4cfff466cc",
        "551c1cc53337c6faaddead88071d7ebd2bd53ec271600fa6f0ee0a518c8b6e11",
    )  # fmt: skip
    LARGE = _weight(
        "large", "b2c9f41de3d8454cb37f0cd9cc3e79ec7c4af435",
        "1adb5026bd520c54bc415a1282386954927623bab81d01be2f5b6379cc039035",
    )  # fmt: skip


@register_model(
    weights=OlmoEarthV1_Weights, tasks=("time-series", "embedding"), bands="none", extra="olmoearth"
)
def olmoearth_v1(weights: OlmoEarthV1_Weights | str | None = None, **kwargs: Any) -> nn.Module:
    """OlmoEarth v1.

    The package's default is a later version of the model since it has several; this is version 1
    unless ``model_version=`` says otherwise.

    Args:
        weights: A member of `OlmoEarthV1_Weights`, its name, or None for random numbers. It
            decides ``model_size``.
        **kwargs: For ``olmoearth_pretrain_minimal.OlmoEarthPretrain_v1``, ``model_size`` or
            ``max_patch_size`` for instance.

    Raises:
        DependencyNotFoundError: The package is not installed
            (``pip install 'swath[olmoearth]'``).
        ConfigError: There are no such weights, or they do not fit the arguments.

    Source: https://arxiv.org/abs/2511.13655.
    """
    request = Request.of(OlmoEarthV1_Weights, weights)
    try:
        package: Any = importlib.import_module("olmoearth_pretrain_minimal")
    except ImportError as error:
        raise DependencyNotFoundError(
            "olmoearth_v1 needs the package olmoearth-pretrain-minimal, which is not installed "
            f"({error}): pip install 'swath[olmoearth]'"
        ) from error
    build = package.OlmoEarthPretrain_v1
    if "model_version" in inspect.signature(build).parameters:
        kwargs.setdefault("model_version", "v1")
    if request.weights is not None:
        kwargs.setdefault("model_size", request.weights.meta["model_size"])
    model: nn.Module = build(**kwargs)
    names = list(model.state_dict())
    return request.finish(model, prepare=lambda tensors: align_names(tensors, names))
