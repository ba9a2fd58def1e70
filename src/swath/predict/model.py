"""Any model, or several, as one function from images to what is blended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import ConfigError, UnsupportedDataError

__all__ = ["Activation", "Ensemble", "Model"]

Model = nn.Module | Callable[[Tensor], Tensor]
Activation = Literal["auto", "softmax", "sigmoid", "none"]


class Ensemble:
    """The mean of the activated outputs of one or more models.

    Args:
        models: Each takes (B, C, H, W) float32 and gives (B, K, H, W), all the same K.
        activation: What makes probabilities of outputs: softmax over the channels, sigmoid of
            each, or none. auto is sigmoid for one channel and softmax for more.
        device: Where to compute. Modules are moved there; by default they are used where they
            are.
        autocast: Compute in this dtype (torch.bfloat16, torch.float16) where PyTorch deems it
            safe.

    Raises:
        ConfigError: No model, or an unknown activation.
    """

    def __init__(
        self,
        models: Model | Sequence[Model],
        *,
        activation: Activation = "auto",
        device: str | torch.device | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        # A Sequential is both a module and a sequence: the module is what is meant.
        one = isinstance(models, nn.Module) or callable(models)
        self.models: list[Any] = [models] if one else list(models)  # type: ignore[arg-type]
        if not self.models:
            raise ConfigError("no model was given; give one, or a list of them to average")
        if activation not in ("auto", "softmax", "sigmoid", "none"):
            raise ConfigError(
                f"activation is {activation!r}; choose auto, softmax, sigmoid or none"
            )
        self.activation = activation
        self.autocast = autocast
        modules = [m for m in self.models if isinstance(m, nn.Module)]
        if device is None:
            places = {p.device for m in modules for p in m.parameters()}
            if len(places) > 1:
                raise ConfigError(
                    f"the models lie on several devices {sorted(map(str, places))}; give device="
                )
            self.device = places.pop() if places else torch.device("cpu")
        else:
            self.device = torch.device(device)
            for module in modules:
                module.to(self.device)

    @contextlib.contextmanager
    def inference(self) -> Iterator[None]:
        """Modules in evaluation mode, no gradients; afterwards each is as it was."""
        parts = [p for m in self.models if isinstance(m, nn.Module) for p in m.modules()]
        were = [p.training for p in parts]
        try:
            for model in self.models:
                if isinstance(model, nn.Module):
                    model.eval()
            with torch.inference_mode():
                yield
        finally:
            for part, training in zip(parts, were, strict=True):
                part.training = training

    def __call__(self, image: Tensor) -> Tensor:
        """(B, C, H, W) on `device` to (B, K, H, W) float32 on the CPU.

        Raises:
            UnsupportedDataError: An output is no tensor of that shape.
        """
        parts: list[Tensor] = []
        for model in self.models:
            with torch.autocast(
                self.device.type, dtype=self.autocast, enabled=self.autocast is not None
            ):
                raw = model(image)
            part = self._activate(_checked(raw, image, model))
            if parts and part.shape != parts[0].shape:
                raise UnsupportedDataError(
                    f"model {len(parts) + 1} gives {part.shape[1]} channels and the first one "
                    f"{parts[0].shape[1]}; only models with the same classes can be averaged"
                )
            parts.append(part)
        return (parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)).cpu()

    def _activate(self, logits: Tensor) -> Tensor:
        values = logits.float()
        kind = self.activation
        if kind == "auto":
            kind = "sigmoid" if values.shape[1] == 1 else "softmax"
        if kind == "softmax":
            return values.softmax(1)
        return values.sigmoid() if kind == "sigmoid" else values


def _checked(output: Any, image: Tensor, model: Any) -> Tensor:
    name = type(model).__name__
    if isinstance(output, dict) and isinstance(output.get("out"), Tensor):
        output = output["out"]  # torchvision's segmentation models
    if not isinstance(output, Tensor):
        raise UnsupportedDataError(
            f"{name} gives a {type(output).__name__}; expected a tensor (B, K, H, W)"
        )
    if output.ndim == 3 and output.shape[1:] == image.shape[2:]:
        output = output[:, None]
    size = (len(image), *image.shape[2:])
    if output.ndim != 4 or (len(output), *output.shape[2:]) != size:
        raise UnsupportedDataError(
            f"{name} gives shape {tuple(output.shape)} for an image of {tuple(image.shape)}; "
            "expected (B, K, H, W) with the image's height and width (choose a window size that "
            "the model's strides divide, such as a multiple of 32)"
        )
    return output
