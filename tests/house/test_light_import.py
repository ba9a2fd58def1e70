"""``import swath`` is quick and brings nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numba", "rasterio", "geopandas", "pandas", "lightning", "matplotlib", "numpy")

TIMED = """
import sys, time
start = time.perf_counter()
import swath
print(time.perf_counter() - start)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_import_swath_is_light() -> None:
    """Under half a second, the best of three (other work on the machine may delay one)."""
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", TIMED], capture_output=True, text=True, check=True
        )
        took, loaded = done.stdout.splitlines()
        seconds.append(float(took))
        heavy = set(HEAVY) & set(loaded.split())
        assert not heavy, f"`import swath` brings {sorted(heavy)}"
    assert min(seconds) < 0.5


@pytest.mark.parametrize("module", ["swath.errors", "swath.typing", "swath.geometry", "swath.main"])
def test_light_modules_bring_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"`import {module}` brings torch\n{done.stderr}"
