"""Whether a window may be asked for: the rule of a region, and the share of valid ground."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.samplers.areas import TOLERANCE
from swath.samplers.corners import Rule

__all__ = ["allowed", "check_rules"]

Floats = NDArray[np.float64]


def check_rules(inside: str | None, min_valid: float) -> None:
    """Raise ConfigError for a rule or share that means nothing."""
    if inside not in (None, "patch", "centre", "touch"):
        raise ConfigError(f"inside is {inside!r}; expected 'patch', 'centre' or 'touch'")
    if not 0 <= min_valid <= 1:
        raise ConfigError(f"min_valid is {min_valid}; expected a share from 0 to 1")


def allowed(
    hard: NDArray[Any],
    soft: NDArray[Any],
    need: Floats,
    windows: Floats,
    inside: Rule,
) -> NDArray[np.bool_]:
    """Whether windows (n,) satisfy a rule with one polygon and have ground on another.

    Args:
        hard: Polygons that `inside` holds for, or None.
        soft: Footprints, or None.
        need: Least area of the window on the footprint, in the windows' squared units: inf for
            all of it, 0 for any.
        windows: (n, 4) least x and y, greatest x and y.
        inside: The rule.
    """
    t = TOLERANCE
    x0, y0, x1, y1 = windows.T
    boxes = shapely.box(x0 + t, y0 + t, x1 - t, y1 - t)
    good = np.ones(len(boxes), bool)
    held = shapely.is_geometry(hard)
    if held.any():
        if inside == "patch":
            good[held] = shapely.covers(hard[held], boxes[held])
        elif inside == "centre":
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            good[held] = shapely.intersects_xy(hard[held], x[held], y[held])
        else:
            good[held] = shapely.intersects(hard[held], boxes[held])
    grounded = np.flatnonzero(good & shapely.is_geometry(soft))
    if len(grounded) == 0:
        return good
    covered = shapely.covers(soft[grounded], boxes[grounded])
    good[grounded] = covered
    open_ = grounded[~covered & np.isfinite(need[grounded])]
    if len(open_):
        touching = shapely.intersects(soft[open_], boxes[open_])
        good[open_] = touching
        measured = open_[touching & (need[open_] > 0)]
        if len(measured):
            ground = shapely.area(shapely.intersection(soft[measured], boxes[measured]))
            good[measured] = ground >= need[measured]
    return good
