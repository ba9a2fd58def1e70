"""What every registered architecture must do."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest
import torch
from model_cases import LISTINGS, Case, all_cases, difference, digest, tensors
from torch import nn

import swath.models
from swath.errors import SwathError
from swath.models import list_models
from swath.models.registry import model_entry

CASES = all_cases()
pytestmark = pytest.mark.filterwarnings("ignore")


def of(cases: Any) -> Any:
    return pytest.mark.parametrize("case", list(cases), ids=lambda c: c.name)


def close(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    pairs = list(zip(tensors(found), tensors(expected), strict=True))
    assert pairs
    for a, b in pairs:
        torch.testing.assert_close(a.float(), b.float(), rtol=tolerance, atol=tolerance)


def test_every_model_is_under_contract() -> None:
    covered = {name for case in CASES for name in case.covers}
    # what lives in another package is that package's: see test_wrappers.py
    own = {name for name in list_models() if model_entry(name).extra is None}
    assert own <= covered, own - covered
    classes = {
        n for n in swath.models.__all__
        if isinstance(getattr(swath.models, n), type)
        and issubclass(getattr(swath.models, n), nn.Module)
        and not issubclass(getattr(swath.models, n), swath.models.Preset)
    }  # fmt: skip
    assert classes <= covered, classes - covered


def test_every_listing_is_checked() -> None:
    listed = {case.listing for case in CASES if case.listing}
    assert set(LISTINGS) <= listed, sorted(set(LISTINGS) - listed)


@of(c for c in CASES if c.listing)
def test_names_and_shapes_are_the_published_ones(case: Case) -> None:
    assert case.listed is not None
    assert case.listing is not None
    with torch.device("meta"):
        state = case.listed().state_dict()
    assert digest(state) == LISTINGS[case.listing], difference(state, case.listing)


@of(CASES)
def test_forward_is_finite_and_repeatable(case: Case) -> None:
    model = case.make().eval()
    args, kwargs = case.feed()
    with torch.no_grad():
        first, second = model(*args, **kwargs), model(*args, **kwargs)
    for found in tensors(first):
        assert not found.is_floating_point() or torch.isfinite(found).all()
    close(first, second, 0)


@of(CASES)
def test_images_of_a_batch_do_not_mix(case: Case) -> None:
    """In eval mode an image's output is its own, whatever else is in the batch."""
    model = case.make().eval()
    args, kwargs = case.feed()

    def first(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.ndim and value.shape[0] == case.batch:
            return value[:1]
        if isinstance(value, dict):
            return {k: first(v) for k, v in value.items()}
        return type(value)(first(v) for v in value) if isinstance(value, list | tuple) else value

    with torch.no_grad():
        together, alone = model(*args, **kwargs), model(*first(args), **first(kwargs))
    for a, b in zip(tensors(together), tensors(alone), strict=True):
        if a.ndim and a.shape[0] == case.batch:
            torch.testing.assert_close(a[:1].float(), b.float(), rtol=1e-3, atol=1e-4)


@of(c for c in CASES if c.backward)
def test_gradients_reach_every_parameter(case: Case) -> None:
    model = case.make().train()
    args, kwargs = case.feed()
    outputs = [t for t in tensors(model(*args, **kwargs)) if t.requires_grad]
    assert outputs
    sum((t.float() ** 2).mean() for t in outputs).backward()  # type: ignore[union-attr]
    trained = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
    assert trained
    assert all(torch.isfinite(g).all() for g in trained)
    assert any(g.abs().sum() > 0 for g in trained)


@of(c for c in CASES if c.size)
def test_odd_sizes(case: Case) -> None:
    model = case.make().eval()
    for size in case.odd:
        args, kwargs = case.feed(batch=1, size=size)
        with torch.no_grad():
            for found in tensors(model(*args, **kwargs)):
                assert not found.is_floating_point() or torch.isfinite(found).all()
    for size in case.refused:
        args, kwargs = case.feed(batch=1, size=size)
        with pytest.raises(SwathError), torch.no_grad():
            model(*args, **kwargs)


@of(c for c in CASES if c.channels)
def test_other_channel_counts(case: Case) -> None:
    for count in case.channels:
        model = case.make(count).eval()
        args, kwargs = case.feed(batch=1, channels=count)
        with torch.no_grad():
            assert list(tensors(model(*args, **kwargs)))


@of(CASES)
def test_state_dict_round_trip(case: Case) -> None:
    model, other = case.make().eval(), case.make().eval()
    for p in other.parameters():
        nn.init.normal_(p)
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    args, kwargs = case.feed()
    with torch.no_grad():
        close(other(*args, **kwargs), model(*args, **kwargs), 1e-6)
        close(copy.deepcopy(model)(*args, **kwargs), model(*args, **kwargs), 1e-6)


@of(c for c in CASES if c.bf16)
def test_runs_in_bfloat16(case: Case) -> None:
    model = case.make().eval()
    args, kwargs = case.feed()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for found in tensors(model(*args, **kwargs)):
            assert not found.is_floating_point() or torch.isfinite(found).all()


@of(c for c in CASES if c.export)
def test_exports(case: Case) -> None:
    model = case.make().eval()
    args, kwargs = case.feed()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        exported = torch.export.export(model, args, kwargs)
        close(exported.module()(*args, **kwargs), model(*args, **kwargs), 1e-4)
