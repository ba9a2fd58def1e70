"""One architecture of one library in this process: builds it, then measures when it is told to.

    python benchmarks/model_worker.py '{"library": "swath", "model": "resnet50", "size": 224, …}'

Reads one word a line, ``forward`` or ``train``, and answers each with one line of JSON: seconds of
each repetition. ``memory`` gives the peaks so far and ends. Run it with the Python that has the
library. The same lines serve both libraries: Swath keeps the field's names, so only the package
that is imported differs. benchmarks/models.py is who calls it.
"""

import contextlib
import importlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

#: Central wavelengths in micrometres, for the models that are told them.
WAVELENGTHS = [0.665, 0.56, 0.49, 0.705, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19]

Inputs = tuple[Any, ...]


def image(channels: int) -> Callable[[int, int], Inputs]:
    return lambda batch, size: (torch.randn(batch, channels, size, size),)


def images(times: int, channels: int) -> Callable[[int, int], Inputs]:
    return lambda batch, size: (torch.randn(batch, times, channels, size, size),)


def dofa(batch: int, size: int) -> Inputs:
    return torch.randn(batch, 10, size, size), WAVELENGTHS


def copernicus(batch: int, size: int) -> Inputs:
    nanometres = [1000 * w for w in WAVELENGTHS]
    where = torch.tensor([[10.0, 50.0, 100.0, 0.05]]).repeat(batch, 1)
    return torch.randn(batch, 10, size, size), where, nanometres, [50.0] * 10


def panopticon(batch: int, size: int) -> Inputs:
    nanometres = torch.tensor([[1000 * w for w in WAVELENGTHS]]).repeat(batch, 1)
    return ({"imgs": torch.randn(batch, 10, size, size), "chn_ids": nanometres},)


def presto(batch: int, size: int) -> Inputs:
    return (
        torch.randn(batch, 12, 17),
        torch.randint(0, 9, (batch, 12)),
        torch.rand(batch, 2) * 90,
    )


def series(batch: int, size: int) -> Inputs:
    x = torch.randn(batch, 40, 14)
    x[..., 10] = x[..., 13] = torch.linspace(1, 360, 40).round()
    return (x,)


#: Name of a row: the builder's name in ``models``, its arguments, what it is fed, and the side of
#: its images where only one will do.
ROWS: dict[str, tuple[str, dict[str, Any], Callable[[int, int], Inputs], int | None]] = {
    **{
        name: (name, {"in_chans": 13}, image(13), None)
        for name in ("resnet18", "resnet50", "resnet152")
    },
    **{name: (name, {}, image(3), None) for name in ("swin_t", "swin_s", "swin_b", "swin_v2_t",
                                                     "swin_v2_b")},
    **{
        f"vit_{size}_patch{patch}_224": (
            f"vit_{size}_patch{patch}_224", {"in_chans": 13}, image(13), 224,
        )
        for size, patch in (("small", 16), ("base", 16), ("large", 16), ("huge", 14))
    },
    **{
        f"vit_{size}_patch14_dinov2": (
            f"vit_{size}_patch14_dinov2", {"in_chans": 13, "img_size": 224}, image(13), 224,
        )
        for size in ("small", "base")
    },
    **{
        f"dofa_{size}_patch{patch}_224": (f"dofa_{size}_patch{patch}_224", {}, dofa, 224)
        for size, patch in (("small", 16), ("base", 16), ("large", 16), ("huge", 14))
    },
    **{
        f"croma_{size}": (
            f"croma_{size}", {"modalities": ["sar", "optical"]},
            lambda batch, _: (torch.randn(batch, 2, 120, 120), torch.randn(batch, 12, 120, 120)),
            120,
        )
        for size in ("base", "large")
    },
    "scalemae_large_patch16": ("scalemae_large_patch16", {}, image(3), 224),
    "copernicusfm_base": ("copernicusfm_base", {}, copernicus, 224),
    "panopticon_vitb14": ("panopticon_vitb14", {}, panopticon, 224),
    "presto": ("presto", {}, presto, 0),
    "satclip": ("satclip", {}, lambda batch, _: (torch.rand(batch, 2).double() * 90,), 0),
    "tessera": ("tessera", {}, series, 0),
    "deo_base": ("deo_base", {}, image(10), None),
    "earthloc": ("earthloc", {}, image(3), 320),
    "tilenet": ("tilenet", {}, image(4), 50),
    "mosaiks_filters": (
        "RCF", {"in_channels": 3, "features": 4096, "kernel_size": 4}, image(3), None,
    ),
    "unet": ("unet", {"in_channels": 8, "classes": 3}, image(8), None),
    "fcn": ("FCN", {"in_channels": 4, "classes": 5}, image(4), None),
    "farseg": ("FarSeg", {"backbone": "resnet50"}, image(3), None),
    "changestar_farseg": ("ChangeStarFarSeg", {"backbone": "resnet50"}, images(2, 3), None),
    "fcsiamconc": ("FCSiamConc", {"encoder_name": "resnet34", "encoder_weights": None},
                   images(2, 3), None),
    "fcsiamdiff": ("FCSiamDiff", {"encoder_name": "resnet34", "encoder_weights": None},
                   images(2, 3), None),
    "btc": ("BTC", {"backbone": "swin_tiny"}, images(2, 3), 224),
    "changevit": ("ChangeViT", {"backbone": "vit_small_patch16_224"}, images(2, 3), 256),
    "ltae": ("LTAE", {}, lambda batch, _: (torch.randn(batch, 24, 128),), 0),
    "convlstm": ("ConvLSTM", {"input_dim": 4}, images(4, 4), None),
    "conv3dlstm": ("Conv3dLSTM", {"input_dim": 4}, images(4, 4), None),
}  # fmt: skip

#: SatlasPretrain: backbone and channels; each with single and several images, and its FPN.
SATLAS = {
    f"satlas_{name.lower()}_{kind}": (name, channels, kind == "mi")
    for name in ("SWINB", "SWINT", "RESNET50", "RESNET152")
    for channels in (9,)
    for kind in ("si", "mi")
}


def libraries(row: str) -> tuple[str, str]:
    """The packages that have the row's architecture: ours, the peer's."""
    return ("swath.models.satlas", "satlaspretrain_models") if row in SATLAS else (
        "swath.models", "torchgeo.models",
    )  # fmt: skip


def build(row: str, library: str) -> nn.Module:
    package = importlib.import_module(libraries(row)[library != "swath"])
    if row in SATLAS:
        name, channels, several = SATLAS[row]
        backbone = getattr(getattr(package, "Backbone", None) or package.utils.Backbone, name)
        return package.Model(channels, several, backbone, fpn=True)
    name, arguments, _, _ = ROWS[row]
    return getattr(package, name)(**arguments)


def feed(row: str, batch: int, size: int) -> Inputs:
    if row in SATLAS:
        _, channels, several = SATLAS[row]
        return image(channels * (8 if several else 1))(batch, size)
    return ROWS[row][2](batch, size)


def fixed_size(row: str) -> int | None:
    """The only side that both libraries take; 0 without images; None: any."""
    return None if row in SATLAS else ROWS[row][3]


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a model's output."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for v in value:
            yield from tensors(v)


def place(value: Any, device: str, channels_last: bool) -> Any:
    """The same on the device, images with their channels last if asked."""
    if isinstance(value, Tensor):
        value = value.to(device)
        last = channels_last and value.ndim == 4
        return value.contiguous(memory_format=torch.channels_last) if last else value
    if isinstance(value, dict):
        return {k: place(v, device, channels_last) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(place(v, device, channels_last) for v in value)
    return value


def resident() -> int:
    """Bytes of this process in memory at its peak."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


class Bench:
    """The model, its input, and how to time both."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.device = job, job["device"]
        self.cuda = self.device.startswith("cuda")
        torch.manual_seed(0)
        self.model = build(job["model"], job["library"]).to(self.device)
        self.inputs = place(
            feed(job["model"], job["batch"], job["size"]), self.device, job["channels_last"]
        )
        if any(t.dtype == torch.float64 for t in tensors(self.inputs)):
            self.model = self.model.double()
        if job["channels_last"]:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.run = torch.compile(self.model) if job["compile"] else self.model
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(trained, lr=1e-9) if trained else None
        self.before = self.held()
        self.peaks: dict[str, int] = {}

    def held(self) -> int:
        """Bytes of memory in use, or on a CPU the most so far."""
        if self.cuda:
            torch.cuda.synchronize()
            return torch.cuda.memory_allocated()
        return resident()

    def call(self) -> Any:
        """One forward pass, in bfloat16 where asked."""
        cast = torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16)
        with cast if self.job["bf16"] else contextlib.nullcontext():
            return self.run(*self.inputs)

    def forward(self) -> None:
        """A pass as for a map."""
        with torch.inference_mode():
            self.call()

    def train(self) -> None:
        """Forward, backward, and a step that changes next to nothing."""
        assert self.optimizer is not None
        self.optimizer.zero_grad(set_to_none=True)
        outputs = [t for t in tensors(self.call()) if t.requires_grad]
        torch.stack([t.float().square().mean() for t in outputs]).sum().backward()
        self.optimizer.step()

    def measure(self, what: str) -> dict[str, Any]:
        """Seconds of each of ``repeats`` passes, after one that is not counted."""
        if what == "train" and self.optimizer is None:
            return {"skipped": "nothing to train"}
        self.model.train(what == "train")
        step = {"forward": self.forward, "train": self.train}[what]
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        step()
        seconds = []
        for _ in range(self.job["repeats"]):
            if self.cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            step()
            if self.cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
        # beyond what held the model before the first pass; on a CPU the peak never falls
        peak = torch.cuda.max_memory_allocated() if self.cuda else resident()
        self.peaks[what] = max(self.peaks.get(what, 0), peak - self.before)
        return {"seconds": seconds}


def answering() -> Callable[[dict[str, Any]], None]:
    """What answers on the standard output, which is nobody else's from now on."""
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    return answer


def main() -> None:
    answer = answering()
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"] or torch.get_num_threads())
    try:
        bench = Bench(job)
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {str(error)[:300]}"})
        return
    package = libraries(job["model"])[job["library"] != "swath"].partition(".")[0]
    with contextlib.suppress(Exception):
        package = version(package.replace("_", "-"))
    answer(
        {
            "parameters": sum(p.numel() for p in bench.model.parameters()),
            "version": package, "python": platform.python_version(), "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if bench.cuda else None,
        }
    )  # fmt: skip
    for line in sys.stdin:
        word = line.strip()
        if word == "memory":
            answer({"peak_bytes": bench.peaks})
            return
        try:
            answer(bench.measure(word))
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {str(error)[:300]}"})


if __name__ == "__main__":
    main()
