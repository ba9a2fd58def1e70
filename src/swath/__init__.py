"""Swath: deep learning on satellite and aerial imagery.

The subpackages import what they use; this module imports nothing heavy.
"""

__version__ = "0.1.0.dev0"

__all__ = ["__version__"]
