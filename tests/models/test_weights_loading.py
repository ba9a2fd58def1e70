"""`load_weights`: every tensor is used or reported, and a failure changes nothing."""

from __future__ import annotations

import io
import logging
import pathlib
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from swath.errors import ChecksumError, ConfigError, FileMissingError, UnreadableFileError
from swath.models import BandFit, checkpoint, load_weights


class Net(nn.Module):
    def __init__(self, channels: int = 3, classes: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, classes)


def numbers(model: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def other(**kwargs: Any) -> dict[str, Tensor]:
    torch.manual_seed(7)
    return numbers(Net(**kwargs))


@pytest.fixture
def model() -> Net:
    torch.manual_seed(0)
    return Net()


def fails(model: nn.Module, weights: Any, **kwargs: Any) -> str:
    """The error's text; the model is as it was."""
    before = numbers(model)
    with pytest.raises(ConfigError) as caught:
        load_weights(model, weights, **kwargs)
    assert equal(before, numbers(model))
    return str(caught.value)


def test_tensors_by_name_from_a_file_and_from_a_url(
    model: Net, tmp_path: pathlib.Path, loopback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_weights(model, other()) is model
    assert equal(numbers(model), other())
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": other()}, path)
    for name in (path, str(path)):
        assert equal(numbers(load_weights(Net(), name)), other())
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    url = loopback.put("/deep/model.pth", path.read_bytes())
    assert equal(numbers(load_weights(Net(), url)), other())
    bad = loopback.put("/deep/model-0123456789abcdef.pth", path.read_bytes())
    with pytest.raises(ChecksumError, match="0123456789abcdef"):
        load_weights(model, bad)


def test_torchvisions_members_are_checked_too(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    member = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    model = torchvision.models.resnet18()
    path = tmp_path / "checkpoints" / member.url.rsplit("/", 1)[-1]
    path.parent.mkdir()
    torch.save(model.state_dict(), path)
    with pytest.raises(ChecksumError, match="f37072fd"):
        load_weights(model, member)
    monkeypatch.setattr(checkpoint, "_digest", lambda *args: "f37072fd" + 56 * "0")
    load_weights(torchvision.models.resnet18(), member)


def test_shells_and_prefixes(model: Net) -> None:
    for shell in ("module.", "_orig_mod.", "module._orig_mod."):
        load_weights(model, {shell + k: v for k, v in other().items()})
        assert equal(numbers(model), other())
    parallel = nn.DataParallel(Net())
    load_weights(parallel, {f"module.{k}": v for k, v in other().items()})
    assert equal(numbers(parallel.module), other())
    prefixed = {f"encoder.{k}": v for k, v in other().items()}
    assert r"rename={r'^encoder\.': ''}" in fails(model, prefixed)
    load_weights(model, prefixed, rename={r"^encoder\.": ""})


def test_names_that_fall_together_are_reported(model: Net) -> None:
    both = {f"{p}.{k}": v for p in ("student", "teacher") for k, v in other().items()}
    said = fails(model, both, rename={r"^(student|teacher)\.": ""})
    assert "'student.stem.weight' and 'teacher.stem.weight' both become 'stem.weight'" in said


def test_missing_left_over_and_excused(model: Net, caplog: pytest.LogCaptureFixture) -> None:
    tensors = other()
    del tensors["norm.weight"]
    tensors["projector.weight"] = torch.ones(2)
    said = fails(model, tensors)
    assert "1 missing in the file (norm.weight)" in said
    assert "1 not in the model (projector.weight)" in said
    with caplog.at_level(logging.INFO, "swath.models.loading"):
        load_weights(model, tensors, absent=[r"^norm\.weight$"], unused=[r"^projector\."])
    assert "1 tensors not in the model: projector.weight" in caplog.text
    assert "1 tensors as they were: norm.weight" in caplog.text


def test_a_counter_of_old_batchnorms_may_miss(model: Net) -> None:
    tensors = {k: v for k, v in other().items() if not k.endswith("num_batches_tracked")}
    load_weights(model, tensors)
    assert torch.equal(model.stem.weight, tensors["stem.weight"])


def test_another_number_of_channels(model: Net) -> None:
    said = fails(model, other(channels=13))
    for part in (
        "(8, 13, 3, 3), expected (8, 3, 3, 3)",
        "13 channels and the model for 3",
        "bands=",
    ):
        assert part in said


def test_another_head_and_another_architecture(model: Net) -> None:
    said = fails(model, other(classes=10))
    assert "head.weight is (10, 8), expected (4, 8)" in said
    assert "arguments that the file was trained with" in said
    load_weights(model, other(classes=10), absent=[r"^head\."], unused=[r"^head\."])
    assert "another architecture" in fails(model, nn.Linear(3, 3).state_dict())


def test_a_fit_without_its_first_layer_is_an_error(model: Net) -> None:
    """Bands in another order, and as many: without this the input would be silently wrong."""
    fit = BandFit(("r", "g", "b"), ("b", "g", "r"), torch.eye(3).flip(0))
    said = fails(model, other(), fit=fit, stem="conv1.weight")
    assert "no first layer 'conv1.weight'" in said
    load_weights(model, other(), fit=fit, stem="stem.weight")
    assert torch.equal(model.stem.weight, other()["stem.weight"].flip(1))


def test_numbers_that_cannot_be_copied(model: Net) -> None:
    tensors = other()
    tensors["stem.bias"] = tensors["stem.bias"].to(torch.complex64)
    assert "stem.bias is torch.complex64, expected torch.float32" in fails(model, tensors)
    tensors = other() | {"norm.num_batches_tracked": torch.tensor(1.5)}
    assert "expected torch.int64" in fails(model, tensors)
    with torch.device("meta"):
        nowhere = Net()
    with pytest.raises(ConfigError, match="meta device"):
        load_weights(nowhere, other())


def test_half_precision_is_widened(model: Net) -> None:
    load_weights(model, {k: v.half() if v.is_floating_point() else v for k, v in other().items()})
    assert model.stem.weight.dtype == torch.float32
    torch.testing.assert_close(model.stem.weight, other()["stem.weight"], atol=1e-3, rtol=1e-2)


def test_files_that_are_not_there_or_no_weights(model: Net, tmp_path: pathlib.Path) -> None:
    before = numbers(model)
    torch.save(other(), tmp_path / "net.pth")
    with pytest.raises(FileMissingError, match=r"did you mean .*net\.pth"):
        load_weights(model, tmp_path / "nett.pth")
    with pytest.raises(FileMissingError, match="is a folder"):
        load_weights(model, tmp_path)
    whole = (tmp_path / "net.pth").read_bytes()
    (tmp_path / "net.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableFileError, match="cut short"):
        load_weights(model, tmp_path / "net.pth")
    with pytest.raises(ConfigError, match="expected a member of a weights enum"):
        load_weights(model, 3)
    with pytest.raises(ConfigError, match="expected tensors by name"):
        load_weights(model, {"state_dict": other()})
    with pytest.raises(ConfigError, match=r"there are no weights 'No_Weights\.SUCH'"):
        load_weights(model, "No_Weights.SUCH")
    assert equal(before, numbers(model))


def test_a_cut_download_changes_nothing(
    model: Net, tmp_path: pathlib.Path, loopback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    monkeypatch.setattr(checkpoint, "_BACKOFF", 0.001)
    buffer = io.BytesIO()
    torch.save(other(), buffer)
    url = loopback.put("/net.pth", buffer.getvalue(), cut=[100] + [0] * 20)
    before = numbers(model)
    with pytest.raises(OSError, match="could not be downloaded"):
        load_weights(model, url)
    assert equal(before, numbers(model))
    loopback.pages["/net.pth"].cut.clear()
    assert equal(numbers(load_weights(model, url)), other())
