"""Where randomness comes from: one generator of any kind, turned into seeds."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch

from swath.errors import ConfigError

__all__ = ["AnyGenerator", "SeedSource", "block_rng", "mix"]

#: What may be given as ``generator``; None is PyTorch's default generator.
AnyGenerator: TypeAlias = (
    torch.Generator
    | int
    | np.random.Generator
    | np.random.BitGenerator
    | np.random.RandomState
    | np.random.SeedSequence
    | None
)

_SEEDS = (int, np.integer, np.random.Generator, np.random.BitGenerator, np.random.SeedSequence)


class SeedSource:
    """Draws seeds from a generator.

    A sampler takes one seed per epoch from here and derives everything else from it, so that any
    position of an epoch can be reached without replaying what came before.

    Args:
        generator: A `torch.Generator`, a numpy generator, bit generator, random state or seed
            sequence, or an integer seed. None reads PyTorch's default generator at each draw, so
            that `torch.manual_seed` has its usual effect.

    Raises:
        ConfigError: Anything else.
    """

    def __init__(self, generator: AnyGenerator = None) -> None:
        self.given = generator is not None
        self._torch: torch.Generator | None = None
        self._numpy: np.random.Generator | np.random.RandomState | None = None
        if generator is None or isinstance(generator, torch.Generator):
            self._torch = generator
        elif isinstance(generator, np.random.RandomState):
            self._numpy = generator
        elif isinstance(generator, _SEEDS):
            self._numpy = np.random.default_rng(generator)
        else:
            raise ConfigError(
                f"generator is a {type(generator).__name__}; expected a torch.Generator, a numpy "
                "generator or an integer seed"
            )

    def draw(self) -> int:
        """The next seed, in [0, 2**63)."""
        if self._numpy is None:
            device = self._torch.device if self._torch is not None else torch.device("cpu")
            high = torch.iinfo(torch.int64).max
            return int(torch.randint(high, (), generator=self._torch, device=device))
        if isinstance(self._numpy, np.random.RandomState):
            return int(self._numpy.randint(0, 2**63 - 1, dtype=np.int64))
        return int(self._numpy.integers(2**63))

    def numpy(self) -> np.random.Generator:
        """A fast numpy generator seeded by the next seed."""
        return np.random.default_rng(self.draw())

    def state(self) -> Any:
        """State of a generator that was given, to be kept in a checkpoint; else None."""
        if isinstance(self._torch, torch.Generator):
            return self._torch.get_state()
        if isinstance(self._numpy, np.random.RandomState):
            return self._numpy.get_state(legacy=False)
        return None if self._numpy is None else self._numpy.bit_generator.state

    def restore(self, state: Any) -> None:
        """Put back what `state` returned. None (the default generator) restores nothing."""
        if state is None:
            return
        if isinstance(self._torch, torch.Generator):
            self._torch.set_state(state)
        elif isinstance(self._numpy, np.random.RandomState):
            self._numpy.set_state(state)
        elif self._numpy is not None:
            self._numpy.bit_generator.state = state


def mix(seed: int, *parts: int) -> int:
    """A seed made of several, in [0, 2**63): epochs of one seed share no stream."""
    state = np.random.SeedSequence([seed, *parts]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def block_rng(seed: int, block: int) -> np.random.Generator:
    """The generator of block number `block` of the stream `seed`.

    Philox is counter based: blocks are independent and cost the same wherever they lie.
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed, block], dtype=np.uint64)))
