"""Types that the whole library shares. No I/O, and nothing heavy at run time."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

__all__ = ["GeoSlice", "Path", "Sample"]

#: A local path, a path inside an archive, or a URL: whatever names a file.
Path: TypeAlias = str | os.PathLike[str]

#: ``x``, ``(x, y)`` or ``(x, y, t)``: slices ``start:stop:step`` in the dataset's CRS units and
#: in pandas timestamps. Any part may be left out.
GeoSlice: TypeAlias = slice | tuple[slice, ...]

#: A dict of tensors: ``image`` (C, H, W) float32, ``mask`` (H, W) int64, ``bounds`` (9,) float64…
Sample: TypeAlias = dict[str, Any]
