"""Grids, bounds, coordinate transforms and their approximation: pure arithmetic."""

from swath.geometry.grid import Bounds, Grid

__all__ = ["Bounds", "Grid"]
