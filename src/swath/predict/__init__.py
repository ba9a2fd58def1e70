"""Maps: windows over an area, blended, written as one georeferenced raster."""

from swath.predict.area import map_grid
from swath.predict.blend import Blender, window_weights
from swath.predict.model import Ensemble
from swath.predict.output import Legend
from swath.predict.predict import PredictedMap, predict_map
from swath.predict.windows import Tiling, Window

__all__ = [
    "Blender",
    "Ensemble",
    "Legend",
    "PredictedMap",
    "Tiling",
    "Window",
    "map_grid",
    "predict_map",
    "window_weights",
]
