"""Aurora, a model of the atmosphere, through the package of its authors.

Source: Bodnar et al. 2025, https://arxiv.org/abs/2405.13063.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Sequence
from typing import Any

from torch import nn
from torchvision.models import Weights

from swath.errors import ConfigError, DependencyNotFoundError, UnreadableFileError
from swath.models.checkpoint import fetch_checkpoint
from swath.models.factory import Request
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["Aurora_Weights", "aurora_swin_unet"]

_REVISION = "74598e8c65d53a96077c08bb91acdfa5525340c9"
_SURFACE = ("2t", "10u", "10v", "msl")
_PRESSURE = ("z", "u", "v", "t", "q")
_STATIC = ("lsm", "z", "slt")
_POLLUTION = ("pm1", "pm2p5", "pm10", "tcco", "tc_no", "tcno2", "gtco3", "tcso2")
_EMISSION = tuple(f"static_{gas}{log}" for gas in ("ammonia", "co", "nox", "so2") for log in
                  ("", "_log"))  # fmt: skip
_WAVES = (
    "swh", "mwd", "mwp", "pp1d", "shww", "mdww", "mpww", "shts", "mdts", "mpts", "swh1", "mwd1",
    "mwp1", "swh2", "mwd2", "mwp2", "10u_wave", "10v_wave", "wind",
)  # fmt: skip


def _weight(
    name: str,
    model: str,
    *,
    resolution: float = 0.25,
    patch_size: int = 4,
    hours: int = 6,
    surface: Sequence[str] = (),
    pressure: Sequence[str] = (),
    static: Sequence[str] = (),
) -> Weights:
    known: dict[str, Any] = {"lead-time": f"{hours} hours"}
    return weight(
        f"https://huggingface.co/microsoft/aurora/resolve/{_REVISION}/{name}.ckpt",
        model=model,
        dataset="Aurora",
        publication="https://arxiv.org/abs/2405.13063",
        repo="https://github.com/microsoft/aurora",
        license="MIT",
        architecture="3D Swin Transformer U-Net",
        encoder="3D Perceiver",
        hf_repo="microsoft/aurora",
        filename=f"{name}.ckpt",
        resolution=resolution,
        resolution_units="degrees",
        patch_size=patch_size,
        surf_vars=[*_SURFACE, *surface],
        atmos_vars=[*_PRESSURE, *pressure],
        static_vars=[*_STATIC, *static],
        **known,
    )


class Aurora_Weights(WeightsEnum):
    """Published weights of `aurora_swin_unet`.

    Inputs are an ``aurora.Batch`` in the units of ERA5; the package normalises them itself.
    """

    HRES_T0_PRETRAINED_AURORA = _weight("aurora-0.25-pretrained", "AuroraPretrained")
    HRES_T0_PRETRAINED_12HR_AURORA = _weight(
        "aurora-0.25-12h-pretrained", "Aurora12hPretrained", hours=12
    )
    HRES_T0_PRETRAINED_SMALL_AURORA = _weight(
        "aurora-0.25-small-pretrained", "AuroraSmallPretrained"
    )
    HRES_T0_AURORA = _weight("aurora-0.25-finetuned", "Aurora")
    HRES_T0_HIGH_RES_AURORA = _weight(
        "aurora-0.1-finetuned", "AuroraHighRes", resolution=0.1, patch_size=10
    )
    HRES_CAMS_AIR_POLLUTION_AURORA = _weight(
        "aurora-0.4-air-pollution", "AuroraAirPollution", resolution=0.4, patch_size=3,
        surface=_POLLUTION, pressure=("co", "no", "no2", "go3", "so2"), static=_EMISSION,
    )  # fmt: skip
    HRES_WAM0_WAVE_AURORA = _weight(
        "aurora-0.25-wave", "AuroraWave", surface=_WAVES, static=("wmb", "lat_mask")
    )


@register_model(weights=Aurora_Weights, tasks=("forecast",), bands="none", extra="aurora")
def aurora_swin_unet(
    weights: Aurora_Weights | str | None = None, *args: Any, **kwargs: Any
) -> nn.Module:
    """Aurora.

    Args:
        weights: A member of `Aurora_Weights`, its name, or None for random numbers. It decides
            which of the package's classes is built (``meta["model"]``).
        *args: For ``aurora.Aurora`` or that class.
        **kwargs: The same.

    Raises:
        DependencyNotFoundError: The package is not installed (``pip install 'swath[aurora]'``).
        ConfigError: There are no such weights, or they do not fit the arguments.
        UnreadableFileError: The file is damaged, or holds more than tensors.
        DownloadError: The file cannot be downloaded: the text says where to put it.

    Source: https://arxiv.org/abs/2405.13063.
    """
    request = Request.of(Aurora_Weights, weights)
    try:
        package: Any = importlib.import_module("aurora")
    except ImportError as error:
        raise DependencyNotFoundError(
            "aurora_swin_unet needs the package microsoft-aurora, which is not installed "
            f"({error}): pip install 'swath[aurora]'"
        ) from error
    member = request.weights
    model: nn.Module = getattr(package, member.meta["model"] if member else "Aurora")(
        *args, **kwargs
    )
    if member is not None:
        # the package brings older files to the present names itself
        path = fetch_checkpoint(member.url, sha256=member.meta.get("sha256"))
        try:
            model.load_checkpoint_local(str(path))  # type: ignore[operator]
        except (pickle.UnpicklingError, EOFError) as error:
            raise UnreadableFileError(
                f"{path} ({path.stat().st_size} bytes) is not a readable file of weights: it is "
                "cut short (move it away, and it is downloaded again) or holds more than tensors, "
                f"which is never run here ({str(error)[:200]})"
            ) from error
        except RuntimeError as error:
            raise ConfigError(
                f"{path} does not fit {type(model).__name__} with the arguments {kwargs}: leave "
                f"out those that change its size ({str(error)[:400]})"
            ) from error
    plain = Request(None, None, (), None).finish(model)
    object.__setattr__(plain, "weights", member)
    return plain
