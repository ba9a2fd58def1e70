"""The steps that every factory shares: which weights, for which bands, and what they expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from swath.errors import BandError
from swath.models.adapt import BandFit, fit_bands
from swath.models.loading import load_weights, loads
from swath.models.registry import resolve_weights
from swath.models.weights import WeightsEnum

__all__ = ["Request"]

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Request:
    """What a user asked a factory for.

    Attributes:
        weights: The member, or None for random numbers.
        fit: How its bands become the user's; None where they are the same or not given.
        bands: The user's bands, else the checkpoint's; empty if nobody said.
        in_channels: Of the model to build; None if nobody said.
    """

    weights: WeightsEnum | None
    fit: BandFit | None
    bands: tuple[str, ...]
    in_channels: int | None

    @classmethod
    def of(
        cls,
        enum: type[WeightsEnum],
        weights: Any = None,
        bands: Sequence[str | float] | None = None,
        in_channels: int | None = None,
    ) -> Request:
        """Resolve a factory's arguments.

        Args:
            enum: Weights that the factory has.
            weights: A member, its name, or None.
            bands: The user's bands, in the order of the image's channels.
            in_channels: Channels that the user asked for by number.

        Raises:
            ConfigError: There are no such weights.
            BandError: The bands do not fit the weights, or contradict the number of channels.
        """
        member = resolve_weights(enum, weights)
        if bands is not None and in_channels not in (None, len(bands)):
            raise BandError(f"in_chans is {in_channels} and there are {len(bands)} bands: {bands}")
        if member is None:
            names = tuple(str(b) for b in bands or ())
            return cls(None, None, names, len(names) or in_channels)
        fit = None if bands is None else fit_bands(member, bands)
        count = member.in_channels if fit is None else len(fit.target)
        if in_channels is not None and count not in (None, in_channels):
            raise BandError(
                f"in_chans is {in_channels} and {member!r} was trained on {count} bands "
                f"({', '.join(member.bands)}): name yours with bands=(…) and the first layer is "
                "fitted to them"
            )
        names = member.bands if fit is None else fit.target
        return cls(member, fit, names, count if count is not None else in_channels)

    @classmethod
    def settle(
        cls,
        enum: type[WeightsEnum],
        weights: Any,
        bands: Sequence[str | float] | None,
        options: dict[str, Any],
        name: str = "in_chans",
    ) -> Request:
        """`of`, and the number of channels among `options` for the model is what came out.

        Args:
            enum: As for `of`.
            weights: As for `of`.
            bands: As for `of`.
            options: Of the model; changed in place.
            name: What the model calls its channels.

        Raises:
            ConfigError: There are no such weights.
            BandError: The bands do not fit the weights, or contradict the number of channels.
        """
        request = cls.of(enum, weights, bands, options.pop(name, None))
        if request.in_channels is not None:
            options[name] = request.in_channels
        return request

    def finish(
        self,
        model: Model,
        stem: str | None = None,
        *,
        load: Callable[..., Any] = load_weights,
        **loading: Any,
    ) -> Model:
        """Load the weights, if any, and note on the model what it expects.

        `model.bands` are the names of its channels, `model.transforms` turns raw pixels of those
        bands into its input, `model.weights` is the member. They are plain attributes: the state
        dict is as it was.

        Args:
            model: Just built, for `in_channels`.
            stem: Name of the first layer's kernel, for `load`.
            load: Loads the weights, called as `load_weights` is.
            **loading: For `load`.
        """
        transforms: Any = None
        if self.weights is not None:
            if loads():
                load(model, self.weights, fit=self.fit, stem=stem, **loading)
            transforms = self.weights.transforms if self.fit is None else self.fit.transforms
        for name, value in (
            ("bands", self.bands), ("transforms", transforms), ("weights", self.weights)
        ):  # fmt: skip
            # past nn.Module's own bookkeeping, which would make the preset a submodule
            object.__setattr__(model, name, value)
        return model
