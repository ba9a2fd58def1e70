"""Architectures and published weights of remote sensing behind one API."""

from swath.models.adapt import BandFit, fit_bands
from swath.models.loading import load_weights
from swath.models.presets import Preset
from swath.models.registry import (
    ModelEntry,
    get_model,
    get_model_weights,
    get_weight,
    list_models,
    register_model,
)
from swath.models.weights import WeightsEnum, weight

__all__ = [
    "BandFit",
    "ModelEntry",
    "Preset",
    "WeightsEnum",
    "fit_bands",
    "get_model",
    "get_model_weights",
    "get_weight",
    "list_models",
    "load_weights",
    "register_model",
    "weight",
]
