"""Sensors, their bands and what their pixels mean: plain data, no torch, no files."""

from swath.sensors.units import UNITS, Unit

__all__ = ["UNITS", "Unit"]
