"""Do two datasets share ground? The check behind every honest split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.blocks import metres_per_unit
from swath.datasets.frames import reproject_footprints
from swath.errors import SplitError
from swath.geometry.transform import same_crs

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from swath.datasets.geo import GeoDataset

__all__ = ["SharedGround", "shares_ground"]


@dataclass(frozen=True)
class SharedGround:
    """What two datasets have in common on the ground; true where they have anything.

    Attributes:
        shared: Whether they share ground (or come closer than the buffer asked for).
        area: Shared ground in square metres on the ellipsoid, without the buffer.
        where: The shared ground (with the buffer, where one was asked for) in `crs`.
        crs: The first dataset's CRS.
        rows: (k, 2) positions of the rows of the first and of the second index that meet.
    """

    shared: bool
    area: float
    where: BaseGeometry
    crs: CRS
    rows: NDArray[np.intp]

    def __bool__(self) -> bool:
        return self.shared

    def __str__(self) -> str:
        if not self.shared:
            return "no shared ground"
        return (
            f"{len(self.rows)} pairs of rows meet on {self.area / 1e6:.6g} km² within "
            f"{tuple(round(v, 6) for v in self.where.bounds)} in {self.crs.to_string()}"
        )


def shares_ground(a: GeoDataset, b: GeoDataset, *, buffer: float = 0.0) -> SharedGround:
    """Whether two datasets share ground, whatever their CRSs and times.

    Strips thinner than a thousandth of the first dataset's pixel are rounding and do not count; a
    point or line in the other's ground does.

    Args:
        a: A dataset; the answer is in its CRS.
        b: Another.
        buffer: Metres: also true where they come closer than this.

    Raises:
        SplitError: A negative buffer.
        CRSError: Footprints of `b` cannot be expressed in the CRS of `a`.
    """
    if not buffer >= 0:
        raise SplitError(f"buffer is {buffer} metres; expected at least 0")
    mine = np.asarray(a.index.geometry.values, dtype=object)
    other = np.asarray(b.index.geometry.values, dtype=object)
    crs = CRS.from_user_input(a.crs)
    if not same_crs(CRS.from_user_input(b.crs), crs):
        other = reproject_footprints(other, CRS.from_user_input(b.crs), crs)
    grown = _grown(mine, crs, buffer) if buffer > 0 else mine
    i, j = shapely.STRtree(other).query(grown, predicate="intersects")
    common = shapely.intersection(grown[i], other[j])
    thick = _thickness(common) > 1e-3 * min(a.res)
    flat = (shapely.area(grown[i]) == 0) | (shapely.area(other[j]) == 0)
    # Where the buffer is all that joins two rows, any contact of positive measure counts.
    met = thick | (flat & ~shapely.is_empty(common))
    i, j, common = i[met], j[met], common[met]
    where = shapely.union_all(common)
    ground = where if buffer == 0 else shapely.union_all(shapely.intersection(mine[i], other[j]))
    return SharedGround(
        bool(len(i)), _square_metres(ground, crs), where, crs, np.stack([i, j], axis=1)
    )


def _thickness(shapes: NDArray[Any]) -> NDArray[np.float64]:
    border = shapely.length(shapes)
    return np.divide(2 * shapely.area(shapes), border, out=np.zeros(len(shapes)), where=border > 0)


def _grown(shapes: NDArray[Any], crs: CRS, metres: float) -> NDArray[Any]:
    """Geometries with a border of at least `metres`, measured where each lies."""
    box = shapely.bounds(shapes).reshape(-1, 4)
    x = np.stack([box[:, 0], box[:, 2], box[:, 0], box[:, 2]], axis=1)
    y = np.stack([box[:, 1], box[:, 1], box[:, 3], box[:, 3]], axis=1)
    mx, my = (m.reshape(x.shape).min(axis=1) for m in metres_per_unit(crs, x.ravel(), y.ravel()))
    # x and y scale differently (degrees): buffer in metres, in a frame of the shape's own.
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    scale = np.stack([mx, my], axis=1)
    flat = shapely.set_coordinates(shapes.copy(), coordinates * scale[owner])
    grown = shapely.buffer(flat, metres)
    coordinates, owner = shapely.get_coordinates(grown, return_index=True)
    return np.asarray(shapely.set_coordinates(grown, coordinates / scale[owner]))


def _square_metres(shape: BaseGeometry, crs: CRS) -> float:
    """Area on the ellipsoid (Karney 2013), or in the CRS's own unit where it has no place there."""
    if shapely.area(shape) == 0:
        return 0.0
    base, geod = crs.geodetic_crs, crs.get_geod()
    if base is None or geod is None:
        factor = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return float(shapely.area(shape)) * factor**2
    parts = [g for g in shapely.get_parts(shape) if shapely.area(g) > 0]
    lonlat = parts if crs == base else reproject_footprints(parts, crs, base)
    return float(sum(abs(geod.geometry_area_perimeter(shapely.normalize(g))[0]) for g in lonlat))
