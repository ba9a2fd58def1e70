"""Low-rank adapters: fine-tuning that changes a hundredth of the numbers."""

from __future__ import annotations

from typing import Any

from torch import nn

from swath.errors import ConfigError, DependencyNotFoundError

__all__ = ["add_lora"]

#: Layers that adapters go beside, by the names that timm, torchvision and Swath give them.
_ATTENTION = r".*\b(qkv|q|k|v|q_proj|k_proj|v_proj|query|key|value|proj|fc1|fc2|mlp\.0|mlp\.3)$"

#: What stands before the blocks, and is frozen with them.
_ENTRANCE = ("patch_embed", "pos_embed", "cls_token", "reg_token", "norm_pre", "features.0")


def add_lora(model: nn.Module, rank: int) -> nn.Module:
    """Freeze the linear layers' weights of `model` and train low-rank updates beside them.

    Heads and decoders (whatever is no linear layer of a transformer block) stay trainable, unless
    they were frozen before.
    Hu et al. 2021, arXiv 2106.09685.

    Args:
        model: With linear layers in its attention, such as a ViT or Swin.
        rank: Of the updates.

    Raises:
        ConfigError: Nothing in the model to adapt, or a rank below 1.
        DependencyNotFoundError: peft is not installed.
    """
    import re

    if rank < 1:
        raise ConfigError(f"lora is {rank}: expected a rank from 1 on")
    names = [
        n for n, m in model.named_modules() if isinstance(m, nn.Linear) and re.match(_ATTENTION, n)
    ]
    if not names:
        raise ConfigError(
            f"{type(model).__name__} has no attention to adapt: lora is for transformers (ViT, "
            "Swin); for others use freeze_backbone"
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise DependencyNotFoundError(
            'lora needs the package peft: pip install "swath[lora]"'
        ) from error
    blocks = {n.rsplit(".", 2)[0] for n in names}
    trunks = {re.split(r"\.?(?:blocks|features|layers)\.", block)[0] for block in blocks}
    entrances = tuple(f"{trunk}.{part}".lstrip(".") for trunk in trunks for part in _ENTRANCE)
    config: Any = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names, bias="none")
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    adapted: nn.Module = inject_adapter_in_model(config, model)
    for name, parameter in adapted.named_parameters():
        inside = any(name.startswith(f"{block}.") for block in blocks)
        inside |= name.startswith(entrances)
        thawed = not inside and id(parameter) not in frozen
        parameter.requires_grad = "lora_" in name or thawed
    return adapted
