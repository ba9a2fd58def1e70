"""Sensors, their bands and what their pixels mean: plain data, no torch, no files."""

from swath.sensors.bands import Band, Sensor
from swath.sensors.table import SENSORS, find_sensor, sensor_family
from swath.sensors.units import UNITS, Unit

__all__ = ["SENSORS", "UNITS", "Band", "Sensor", "Unit", "find_sensor", "sensor_family"]
