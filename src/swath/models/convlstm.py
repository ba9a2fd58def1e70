"""Convolutional LSTM: a series of images to a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from swath.errors import ConfigError
from swath.models.dimensions import check_series, is_traced
from swath.models.registry import nearest, register_model

__all__ = ["Conv3dLSTM", "ConvLSTM"]

State = tuple[Tensor, Tensor]
Kernel = int | tuple[int, int]
N = TypeVar("N")


class ConvLSTMCell(nn.Module):
    """One layer at one date, https://arxiv.org/abs/1506.04214 without the peepholes.

    Args:
        input_dim: Channels of the input.
        hidden_dim: Channels of the state.
        kernel_size: Odd, so that the size stays.
        bias: Add one to the gates.
    """

    def __init__(
        self, input_dim: int, hidden_dim: int, kernel_size: tuple[int, int], bias: bool = True
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        padding = (kernel_size[0] // 2, kernel_size[1] // 2)
        self.conv = nn.Conv2d(
            input_dim + hidden_dim, 4 * hidden_dim, kernel_size, padding=padding, bias=bias
        )

    def forward(self, input_tensor: Tensor, cur_state: State) -> State:
        """(B, C, H, W) and the state (hidden, cell) before, to the state after it.

        The gates are, in the order of the kernel's channels: input, forget, output, candidate.
        """
        hidden, cell = cur_state
        gates = self.conv(torch.cat([input_tensor, hidden], 1))
        enter, forget, leave, candidate = gates.chunk(4, 1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        return leave.sigmoid() * cell.tanh(), cell


@register_model(tasks=("time-series", "segmentation"))
class ConvLSTM(nn.Module):
    """Convolutional LSTM, https://arxiv.org/abs/1506.04214 without the peepholes. Any size.

    Args:
        input_dim: Channels of an image.
        hidden_dim: Channels of the state, one number or one a layer.
        kernel_size: Of the gates: a number, (height, width), or a list of these, one a layer. Odd.
        num_layers: Layers on top of each other.
        bias: Add one to the gates.
        return_all_layers: `forward_features` returns every layer's maps, not only the last one's.
        num_classes: Channels of the output. 0: no head, the output is the last state.
        head_kernel_size: Of the head's convolution. Odd.

    Raises:
        ConfigError: Numbers that contradict each other.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int | list[int] = 64,
        kernel_size: Kernel | list[Kernel] = 3,
        num_layers: int = 1,
        bias: bool = True,
        return_all_layers: bool = False,
        num_classes: int = 1,
        head_kernel_size: int = 1,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("input_dim", input_dim, 1), ("num_layers", num_layers, 1),
            ("num_classes", num_classes, 0),
        ):  # fmt: skip
            if value < least:
                raise ConfigError(f"{name} is {value}: expected at least {least}")
        widths = _one_each("hidden_dim", hidden_dim, num_layers)
        sizes: list[Kernel] = _one_each("kernel_size", kernel_size, num_layers)
        kernels = [_odd("kernel_size", size, 2) for size in sizes]
        self.input_dim, self.hidden_dim, self.num_layers = input_dim, widths, num_layers
        self.return_all_layers = return_all_layers
        self.cell_list = nn.ModuleList(
            ConvLSTMCell(before, after, (kernel[0], kernel[1]), bias)
            for before, after, kernel in zip(
                [input_dim, *widths[:-1]], widths, kernels, strict=True
            )
        )
        around = _odd("head_kernel_size", head_kernel_size, 1)[0]
        self.head: nn.Module = nn.Identity()
        if num_classes:
            self.head = nn.Conv2d(widths[-1], num_classes, around, padding=around // 2)

    def forward(
        self,
        input_tensor: Tensor,
        lengths: Tensor | None = None,
        hidden_state: list[State] | None = None,
    ) -> Tensor:
        """A series of images to a map of its last date.

        Args:
            input_tensor: (B, T, C, H, W).
            lengths: (B,), dates of each series; what comes after them is padding without
                influence. More than T means T.
            hidden_state: States (hidden, cell) to begin with, one a layer, each (B, hidden_dim, H,
                W); zeros if None.

        Returns:
            (B, num_classes, H, W).

        Raises:
            ConfigError: Not of these shapes, or a length below 1.
            BandError: Another number of channels.
        """
        check_series(input_tensor, self.input_dim)
        lengths = _check_lengths(lengths, input_tensor)
        layers, _ = self.forward_features(input_tensor, hidden_state)
        found: Tensor = self.head(_at_end(layers[-1], lengths))
        return found

    def forward_features(
        self, input_tensor: Tensor, hidden_state: list[State] | None = None
    ) -> tuple[list[Tensor], list[State]]:
        """The layers' maps of every date, and their states after the last one.

        Args:
            input_tensor: (B, T, C, H, W).
            hidden_state: As for `forward`.

        Returns:
            Maps (B, T, hidden_dim, H, W) and states (hidden, cell), both of every layer or, without
            `return_all_layers`, lists of the last one's alone.

        Raises:
            ConfigError: Not of these shapes.
            BandError: Another number of channels.
        """
        check_series(input_tensor, self.input_dim)
        return self._run(input_tensor, hidden_state)

    def _run(self, x: Tensor, hidden_state: list[State] | None) -> tuple[list[Tensor], list[State]]:
        states = self._begin(x, hidden_state)
        maps: list[Tensor] = []
        ends: list[State] = []
        for cell, state in zip(self.cell_list, states, strict=True):
            found = []
            for date in x.unbind(1):
                state = cell(date, state)
                found.append(state[0])
            x = torch.stack(found, 1)
            maps.append(x)
            ends.append(state)
        return (maps, ends) if self.return_all_layers else (maps[-1:], ends[-1:])

    def _begin(self, x: Tensor, given: list[State] | None) -> list[State]:
        shapes = [(x.shape[0], width, *x.shape[-2:]) for width in self.hidden_dim]
        if given is None:
            return [(x.new_zeros(shape), x.new_zeros(shape)) for shape in shapes]
        found = [tuple(tuple(part.shape) for part in state) for state in given]
        if found != [(shape, shape) for shape in shapes]:
            raise ConfigError(
                f"hidden_state has the shapes {found}: expected (hidden, cell) of the shape "
                f"(B, hidden_dim, H, W) for each layer, {shapes}"
            )
        return given


@register_model(tasks=("time-series", "segmentation", "classification"))
class Conv3dLSTM(ConvLSTM):
    """A convolution over time and space, then a `ConvLSTM`. Any size.

    Dates after the end of a series (`lengths`) count as zeros, as the padding of the first
    convolution does: a series in a batch of longer ones gives what it gives alone. TorchGeo lets
    the date after the end into the last one.

    Args:
        input_dim: Channels of an image.
        conv3d_dim: Channels after the first convolution.
        hidden_dim: As of `ConvLSTM`.
        conv3d_kernel_size: A number or (time, height, width). Odd.
        kernel_size: As of `ConvLSTM`.
        num_layers: As of `ConvLSTM`.
        bias: Add one to the gates and to the first convolution.
        return_all_layers: As of `ConvLSTM`.
        num_outputs: Channels of the output, at least 1.
        head_kernel_size: As of `ConvLSTM`.
        output_mode: ``"pixel"``: a map; ``"chip"``: one vector, pooled over the map.
        return_sequence: An output for every date, not only for the last.
        pooling: ``"avg"`` or ``"max"``, of chips.

    Raises:
        ConfigError: Numbers that contradict each other, or no such mode.
    """

    def __init__(
        self,
        input_dim: int,
        conv3d_dim: int = 64,
        hidden_dim: int | list[int] = 64,
        conv3d_kernel_size: int | tuple[int, int, int] = (3, 3, 3),
        kernel_size: Kernel | list[Kernel] = 3,
        num_layers: int = 1,
        bias: bool = True,
        return_all_layers: bool = False,
        num_outputs: int = 1,
        head_kernel_size: int = 1,
        output_mode: Literal["pixel", "chip"] = "pixel",
        return_sequence: bool = False,
        pooling: Literal["avg", "max"] = "avg",
    ) -> None:
        for name, value, known in (
            ("output_mode", output_mode, ("pixel", "chip")), ("pooling", pooling, ("avg", "max")),
        ):  # fmt: skip
            if value not in known:
                raise ConfigError(f"there is no {name} {value!r}: {nearest(str(value), known)}")
        if num_outputs < 1 or input_dim < 1:
            raise ConfigError(
                f"num_outputs is {num_outputs} and input_dim {input_dim}: expected at least 1"
            )
        super().__init__(
            conv3d_dim, hidden_dim, kernel_size, num_layers, bias, return_all_layers, num_outputs,
            head_kernel_size,
        )  # fmt: skip
        self.images_dim = input_dim
        self.output_mode, self.return_sequence = output_mode, return_sequence
        kernel = _odd("conv3d_kernel_size", conv3d_kernel_size, 3)
        self.input_projection = nn.Conv3d(
            input_dim, conv3d_dim, (kernel[0], kernel[1], kernel[2]),
            padding=(kernel[0] // 2, kernel[1] // 2, kernel[2] // 2), bias=bias,
        )  # fmt: skip
        self.pool = nn.AdaptiveAvgPool2d(1) if pooling == "avg" else nn.AdaptiveMaxPool2d(1)

    def forward(
        self,
        input_tensor: Tensor,
        lengths: Tensor | None = None,
        hidden_state: list[State] | None = None,
    ) -> Tensor:
        """A series of images to a map or a vector; see `ConvLSTM.forward` for the arguments.

        Returns:
            (B, num_outputs, H, W) for pixels, (B, num_outputs) for a chip; with `return_sequence`
            a dimension T after the first one, in which dates after the end of a series mean
            nothing.

        Raises:
            ConfigError: Not of these shapes, or a length below 1.
            BandError: Another number of channels.
        """
        check_series(input_tensor, self.images_dim)
        lengths = _check_lengths(lengths, input_tensor)
        if lengths is not None:
            dates = torch.arange(input_tensor.shape[1], device=input_tensor.device)
            beyond = (dates >= lengths[:, None])[:, :, None, None, None]
            input_tensor = input_tensor.masked_fill(beyond, 0)
        maps = self.forward_features(input_tensor, hidden_state)[0][-1]
        if not self.return_sequence:
            return self._answer(_at_end(maps, lengths))
        found = self._answer(maps.flatten(0, 1))
        return found.reshape(*maps.shape[:2], *found.shape[1:])

    def forward_features(
        self, input_tensor: Tensor, hidden_state: list[State] | None = None
    ) -> tuple[list[Tensor], list[State]]:
        """As `ConvLSTM.forward_features`, after the first convolution."""
        check_series(input_tensor, self.images_dim)
        projected = self.input_projection(input_tensor.transpose(1, 2))
        return self._run(projected.transpose(1, 2), hidden_state)

    def _answer(self, maps: Tensor) -> Tensor:
        found: Tensor = self.head(maps)
        return found if self.output_mode == "pixel" else self.pool(found).flatten(1)


def _at_end(maps: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, T, C, H, W) to (B, C, H, W): the last date of each series."""
    if lengths is None:
        return maps[:, -1]
    return maps[torch.arange(maps.shape[0], device=maps.device), lengths - 1]


def _check_lengths(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """As integers between 1 and T, on the device of the images."""
    if lengths is None:
        return None
    if lengths.shape != x.shape[:1]:
        raise ConfigError(
            f"lengths has the shape {tuple(lengths.shape)}: expected {tuple(x.shape[:1])}, one a "
            "series"
        )
    if not is_traced() and bool((lengths < 1).any()):
        raise ConfigError(f"lengths is {lengths.tolist()}: expected at least one date a series")
    return lengths.to(x.device, torch.int64).clamp(1, x.shape[1])


def _one_each(name: str, value: N | list[N], layers: int) -> list[N]:
    if not isinstance(value, list):
        return [value] * layers
    if len(value) != layers:
        raise ConfigError(f"{name} is {value}: expected one number, or {layers}, one a layer")
    return list(value)


def _odd(name: str, value: int | Sequence[int], dimensions: int) -> tuple[int, ...]:
    """A kernel's size in every dimension."""
    sizes = (value,) * dimensions if isinstance(value, int) else tuple(value)
    if len(sizes) != dimensions or any(s < 1 or s % 2 == 0 for s in sizes):
        raise ConfigError(
            f"{name} is {value}: expected an odd number, or {dimensions}, so that the size stays"
        )
    return sizes
