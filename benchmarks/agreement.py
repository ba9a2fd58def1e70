"""The same numbers as TorchGeo, model by model: same parameters, same input, both outputs compared.

    python benchmarks/agreement.py --peer-python PATH [--only NAME …]

PATH is the Python of an environment that has TorchGeo 0.10. Parameters are random: what agrees is
the arithmetic. The cases are those of the contract test (``tests/models/cases_*.py``).
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "models"))

#: Runs in the peer's environment: builds its model, loads our parameters, saves what comes out.
PEER = """
import sys, torch, importlib
job = torch.load(sys.argv[1], weights_only=False)
def find(name):
    found = importlib.import_module(job["module"])
    for part in name.split("."):
        found = getattr(found, part)
    return found
# "@Name" stands for what the peer calls so
arguments = {k: find(v[1:]) if str(v).startswith("@") else v for k, v in job["arguments"].items()}
model = find(job["name"])(**arguments)
model.load_state_dict(job["state"])
model.eval()
with torch.no_grad():
    torch.save(model(*job["inputs"]), sys.argv[2])
"""


def peer_output(
    python: str, name: str, arguments: dict[str, Any], state: Any, inputs: Any,
    module: str = "torchgeo.models",
) -> Any:  # fmt: skip
    """What the peer's model `name`, or ``module:name``, makes of `inputs` with our parameters."""
    module, _, name = name.rpartition(":") if ":" in name else (module, "", name)
    with tempfile.TemporaryDirectory() as folder:
        job, result = f"{folder}/job.pt", f"{folder}/result.pt"
        torch.save(
            {"module": module, "name": name, "arguments": arguments, "state": state,
             "inputs": inputs}, job,
        )  # fmt: skip
        done = subprocess.run(
            [python, "-W", "ignore", "-c", PEER, job, result],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return torch.load(result, weights_only=False)


def randomise(model: torch.nn.Module) -> None:
    """No parameter stays at 0 or 1: a mistake must not hide behind an initial value."""
    torch.manual_seed(0)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn_like(value)
            if name.endswith("running_var"):
                value.copy_(noise.abs() + 0.5)
            else:
                value.add_(noise * 0.02)


def main() -> int:
    """Compare, print a table, fail where outputs differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    from model_cases import all_cases, tensors

    worst = 0.0
    print(f"{'model':32} {'largest difference':>20} {'largest value':>15}")
    for case in all_cases():
        if case.peer is None or (options.only and case.name not in options.only):
            continue
        if case.listed is None or case.peer_inputs is None:
            raise SystemExit(f"{case.name} names a peer and not what to compare it on")
        torch.manual_seed(0)
        model = case.listed().eval()
        randomise(model)
        inputs = case.peer_inputs()
        with torch.no_grad():
            ours = list(tensors(model(*inputs)))
        try:
            theirs = list(
                tensors(peer_output(options.peer_python, *case.peer, model.state_dict(), inputs))
            )
        except RuntimeError as error:
            print(f"{case.name:32} the peer fails: {str(error).strip().splitlines()[-1]}")
            worst = float("inf")
            continue
        same = [a.shape for a in ours] == [b.shape for b in theirs]
        if not same:
            print(f"{case.name:32} shapes differ: {[a.shape for a in ours]}"
                  f" and {[b.shape for b in theirs]}")  # fmt: skip
            worst = float("inf")
            continue
        apart = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
        size = max(float(b.abs().max()) for b in theirs)
        worst = max(worst, apart / max(size, 1.0))
        print(f"{case.name:32} {apart:20.2e} {size:15.3g}", flush=True)
    return int(worst > 1e-3)


if __name__ == "__main__":
    raise SystemExit(main())
