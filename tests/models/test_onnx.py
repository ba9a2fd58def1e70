"""Networks as ONNX: exported, and run by the format's own reference implementation."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch
from model_cases import all_cases, tensors

pytest.importorskip("onnxscript")
evaluator = pytest.importorskip("onnx.reference")

#: One of each kind of arithmetic.
NAMES = (
    "resnet18", "vit_small_patch16_224", "swin_v2_t", "unet", "PlainUNet-batch-transposed",
    "Features-plain", "SegmentationModel",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [c for c in all_cases() if c.name in NAMES], ids=lambda c: c.name)
def test_onnx_gives_the_same(case: Any, tmp_path: pathlib.Path) -> None:
    model = case.make().eval()
    args, _ = case.feed(batch=1)
    path = tmp_path / "model.onnx"
    torch.onnx.export(model, args, str(path), dynamo=True, verbose=False)
    session = evaluator.ReferenceEvaluator(str(path))
    names = session.input_names
    found = session.run(None, dict(zip(names, (a.numpy() for a in args), strict=True)))
    with torch.no_grad():
        expected = list(tensors(model(*args)))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(a), b, rtol=1e-3, atol=1e-4)
