"""Files of weights give their tensors, and nothing that they name is imported or run."""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import tarfile
import types
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from swath.errors import FileMissingError, UnreadableFileError
from swath.models.checkpoint import read_state_dict
from swath.models.unpickle import CONTAINERS

TENSORS = {"stem.weight": torch.arange(6.0).reshape(2, 3), "stem.bias": torch.ones(2)}
ZIP, LEGACY = {}, {"_use_new_zipfile_serialization": False}
FORMATS = pytest.mark.parametrize("form", [ZIP, LEGACY], ids=["zip", "legacy"])


def same(found: dict[str, Tensor]) -> None:
    assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in TENSORS.items()}


@FORMATS
@pytest.mark.parametrize("wrapper", [(), ("model",), ("state_dict",), ("teacher", "state_dict")])
def test_wrappings_are_taken_off(
    tmp_path: pathlib.Path, form: dict[str, bool], wrapper: tuple[str, ...]
) -> None:
    content: Any = TENSORS
    for name in wrapper:
        content = {name: content, "epoch": 3, "optimizer": {"state": {0: torch.ones(1)}}}
    torch.save(content, tmp_path / "a.pth", **form)
    same(read_state_dict(tmp_path / "a.pth"))


def test_dicts_of_dicts_are_joined_by_dots(tmp_path: pathlib.Path) -> None:
    torch.save({"encoder": {"weight": torch.ones(2)}, "head": {"a": {"b": torch.zeros(1)}}},
               tmp_path / "a.pt")  # fmt: skip
    assert set(read_state_dict(tmp_path / "a.pt")) == {"encoder.weight", "head.a.b"}
    itself: dict[str, Any] = {"a": {}}
    itself["a"]["a"] = itself["a"]
    torch.save(itself, tmp_path / "loop.pt")
    with pytest.raises(UnreadableFileError, match="no tensors"):
        read_state_dict(tmp_path / "loop.pt")


def test_safetensors_whatever_the_suffix(tmp_path: pathlib.Path) -> None:
    from safetensors.torch import save_file

    for name in ("a.safetensors", "b.pth"):
        save_file(TENSORS, tmp_path / name)
        same(read_state_dict(tmp_path / name))
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:-5])
    with pytest.raises(UnreadableFileError, match="cut short"):
        read_state_dict(tmp_path / "a.safetensors")


# --- settings beside the tensors


@FORMATS
def test_argparse_namespace(tmp_path: pathlib.Path, form: dict[str, bool]) -> None:
    settings = argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/d"), nested={"a": [1, 2]})
    torch.save({"state_dict": TENSORS, "hyper_parameters": settings}, tmp_path / "a.ckpt", **form)
    same(read_state_dict(tmp_path / "a.ckpt"))
    # the reader of the whole process knows none of it afterwards
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.ckpt", weights_only=True)


def test_a_lightning_checkpoint_with_settings_of_all_kinds(tmp_path: pathlib.Path) -> None:
    from lightning.fabric.utilities.data import AttributeDict
    from lightning.pytorch import LightningModule, Trainer

    class Task(LightningModule):
        def __init__(self, args: Any, **more: Any) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = nn.Linear(3, 2)

    settings = argparse.Namespace(deep=argparse.Namespace(x=1))
    task = Task(
        settings, score=np.float64(0.5), array=np.arange(3), default=collections.defaultdict(list),
        queue=collections.deque([1]), more=AttributeDict(a=1), path=pathlib.Path("x"),
    )  # fmt: skip
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu",
                      enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    found = read_state_dict(tmp_path / "a.ckpt")
    assert found["net.weight"].tolist() == task.net.weight.tolist()
    assert set(found) == {"net.weight", "net.bias"}


def test_threads_do_not_disturb_each_other(tmp_path: pathlib.Path) -> None:
    """PyTorch's list of accepted names is the whole process's."""
    torch.save({"model": TENSORS, "args": argparse.Namespace(a=1)}, tmp_path / "a.pth")
    before = set(torch.serialization.get_safe_globals())
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(read_state_dict, [tmp_path / "a.pth"] * 100):
            same(found)
    assert set(torch.serialization.get_safe_globals()) == before


@contextlib.contextmanager
def modules(**classes: type) -> Iterator[None]:
    """Classes where an uninstalled package would have them (``a__b__C`` is ``a.b.C``)."""
    made = []
    for place, cls in classes.items():
        *parts, name = place.split("__")
        paths = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        for path in paths:
            if path not in sys.modules:
                sys.modules[path] = types.ModuleType(path)
                made.append(path)
        cls.__module__, cls.__qualname__, cls.__name__ = paths[-1], name, name
        setattr(sys.modules[paths[-1]], name, cls)
    yield
    for path in made:
        del sys.modules[path]


def test_omegaconf_that_is_not_installed_here(tmp_path: pathlib.Path) -> None:
    """The names are OmegaConf's; it need not be there, and is not imported if it is."""

    class Meta:
        pass

    class Dict:
        def __init__(self, content: Any) -> None:
            self.__dict__.update(_content=content, _metadata=Meta())

    class List(Dict):
        pass

    class Node(Dict):
        pass

    path = tmp_path / "a.ckpt"
    with modules(
        omegaconf__base__ContainerMetadata=Meta, omegaconf__dictconfig__DictConfig=Dict,
        omegaconf__listconfig__ListConfig=List, omegaconf__nodes__AnyNode=Node,
    ):  # fmt: skip
        settings = Dict({"a": Node(1), "b": List([Node(2)])})
        torch.save({"hyper_parameters": settings, "state_dict": {"w": torch.ones(2)}}, path)
    assert b"omegaconf.dictconfig" in path.read_bytes()
    before = "omegaconf" in sys.modules
    assert list(read_state_dict(path)) == ["w"]
    assert ("omegaconf" in sys.modules) is before


def test_stand_ins_are_inert_and_name_containers_only() -> None:
    for name, stand_in in CONTAINERS.items():
        made = stand_in("rm", ["-rf"], shell=True)
        assert not getattr(made, "__dict__", None), name
        assert not made if isinstance(made, dict | list) else not callable(made)
        assert stand_in.__module__ == "swath.models.unpickle"
    roots = {name.split(".")[0] for name in CONTAINERS}
    dangerous = {"os", "posix", "nt", "sys", "subprocess", "shutil", "importlib", "runpy", "socket",
                 "ctypes", "pickle", "codecs", "operator", "functools", "code", "pty"}  # fmt: skip
    assert not roots & dangerous
    called = {"eval", "exec", "getattr", "setattr", "compile", "open", "__import__", "input",
              "globals", "breakpoint", "map", "apply"}  # fmt: skip
    assert not {n.rsplit(".", 1)[-1] for n in CONTAINERS} & called


# --- files that want to run something


class Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def write_file(path: str) -> None:
    pathlib.Path(path).write_text("executed")


MALICIOUS = {
    "os.system": lambda trace: Runs(os.system, f"touch {trace}"),
    "subprocess": lambda trace: Runs(subprocess.check_output, ["touch", trace]),
    "eval": lambda trace: Runs(eval, f"open({trace!r}, 'w')"),
    "exec": lambda trace: Runs(exec, f"open({trace!r}, 'w')"),
    "getattr": lambda trace: Runs(getattr, Runs(__import__, "os"), "system"),
    "open": lambda trace: Runs(open, trace, "w"),
    "own function": lambda trace: Runs(write_file, trace),
    "in a namespace": lambda trace: argparse.Namespace(x=Runs(os.system, f"touch {trace}")),
    "through a stand-in": lambda trace: Runs(
        argparse.Namespace, Runs(subprocess.call, ["touch", trace])
    ),
    "partial": lambda trace: Runs(Runs, Runs(os.remove, trace)),
    "torch.load again": lambda trace: Runs(torch.load, trace),
    "torch.hub": lambda trace: Runs(torch.hub.load_state_dict_from_url, "http://127.0.0.1:9/x"),
    "numpy file": lambda trace: Runs(np.memmap, trace, "u1", "w+", 0, (3,)),
    "path.touch": lambda trace: Runs(pathlib.Path.touch, pathlib.PurePosixPath(trace)),
}


@FORMATS
@pytest.mark.parametrize("kind", MALICIOUS)
def test_what_would_run_is_refused(
    tmp_path: pathlib.Path, form: dict[str, bool], kind: str
) -> None:
    trace, path = str(tmp_path / "trace"), tmp_path / "evil.pth"
    torch.save({"state_dict": TENSORS, "hyper_parameters": MALICIOUS[kind](trace)}, path, **form)
    with pytest.raises(UnreadableFileError) as caught:
        read_state_dict(path)
    assert not os.path.exists(trace)
    for part in (str(path), "refused", "state_dict()"):
        assert part in str(caught.value)


def test_the_same_payload_runs_where_nobody_refuses(tmp_path: pathlib.Path) -> None:
    """So that the test above can fail."""
    trace, path = str(tmp_path / "trace"), tmp_path / "evil.pth"
    torch.save(MALICIOUS["own function"](trace), path)
    torch.load(path, weights_only=False)
    assert pathlib.Path(trace).read_text() == "executed"


def test_the_error_names_what_was_asked_for(tmp_path: pathlib.Path) -> None:
    torch.save(Runs(shutil.rmtree, "nowhere"), tmp_path / "a.pth")
    with pytest.raises(UnreadableFileError, match=r"asks for shutil\.rmtree"):
        read_state_dict(tmp_path / "a.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "b.pth")
    with pytest.raises(UnreadableFileError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        read_state_dict(tmp_path / "b.pth")


# --- files that are something else


def test_every_truncation_is_an_error(tmp_path: pathlib.Path) -> None:
    for name, form in (("zip", ZIP), ("legacy", LEGACY)):
        torch.save(TENSORS, tmp_path / f"{name}.pth", **form)
        whole = (tmp_path / f"{name}.pth").read_bytes()
        path = tmp_path / f"cut-{name}.pth"
        for size in {0, 1, 8, 100, *range(0, len(whole), len(whole) // 25), len(whole) - 1}:
            path.write_bytes(whole[:size])
            with pytest.raises(UnreadableFileError) as caught:
                read_state_dict(path)
            assert str(path) in str(caught.value)
            assert str(size) in str(caught.value)


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("storages")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (_tar(), "is a tar archive"),
        (_zip(), "not a readable file of weights"),
        (b"just some text that is no pickle", "not a readable file of weights"),
        (np.random.default_rng(0).bytes(5000), "not a readable file of weights"),
    ],
)
def test_files_of_another_kind(tmp_path: pathlib.Path, content: bytes, said: str) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=said):
        read_state_dict(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore")
def test_random_damage_never_gets_past_the_errors(tmp_path: pathlib.Path) -> None:
    """Whatever the bytes say, the answer is tensors or this one error."""
    generator = np.random.default_rng(0)
    torch.save({"s": TENSORS, "args": argparse.Namespace(a=1)}, tmp_path / "a.pth", **LEGACY)
    whole = np.frombuffer((tmp_path / "a.pth").read_bytes(), np.uint8)
    for _ in range(300):
        damaged = whole.copy()
        at = generator.integers(0, min(len(whole), 700), 3)
        damaged[at] = generator.integers(0, 256, 3)
        (tmp_path / "b.pth").write_bytes(damaged.tobytes())
        with contextlib.suppress(UnreadableFileError):
            read_state_dict(tmp_path / "b.pth")


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_program(tmp_path: pathlib.Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "a.pt"))
    with pytest.raises(UnreadableFileError, match="TorchScript"):
        read_state_dict(tmp_path / "a.pt")


def test_no_tensors(tmp_path: pathlib.Path) -> None:
    for content in ({"epoch": 1}, [torch.ones(1)], torch.ones(1), {}):
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(UnreadableFileError, match="no tensors by name"):
            read_state_dict(tmp_path / "a.pth")


def test_missing_misspelt_and_folders(tmp_path: pathlib.Path) -> None:
    torch.save(TENSORS, tmp_path / "resnet18_moco.pth")
    with pytest.raises(FileMissingError, match=r"did you mean .*resnet18_moco\.pth"):
        read_state_dict(tmp_path / "resnet18_mocco.pth")
    with pytest.raises(FileMissingError, match="nor is there a folder"):
        read_state_dict(tmp_path / "no" / "a.pth")
    with pytest.raises(FileMissingError, match=r"is a folder.*give one of resnet18_moco\.pth"):
        read_state_dict(tmp_path)


def test_reading_imports_nothing_that_the_file_names(tmp_path: pathlib.Path) -> None:
    class CfgNode(dict[str, Any]):
        pass

    path = tmp_path / "a.pth"
    with modules(yacs__config__CfgNode=CfgNode):
        settings = CfgNode(a=CfgNode(b=1))
        torch.save({"model": {"w": torch.ones(1)}, "cfg": settings}, path)
    assert b"yacs.config" in path.read_bytes()
    assert list(read_state_dict(path)) == ["w"]
    assert "yacs" not in sys.modules
