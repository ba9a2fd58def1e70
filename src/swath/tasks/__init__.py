"""The tasks of `swath.trainers` under the field's newer, shorter names."""

from swath.trainers import (
    BYOL,
    MAE,
    BaseTask,
    ChangeDetection,
    Classification,
    InstanceSegmentation,
    IOBench,
    MoCo,
    ObjectDetection,
    PixelwiseRegression,
    Regression,
    SemanticSegmentation,
    SimCLR,
    SpatioTemporalPixelwiseRegression,
    SpatioTemporalSegmentation,
    TemporalRegression,
)

__all__ = [
    "BYOL",
    "MAE",
    "BaseTask",
    "ChangeDetection",
    "Classification",
    "IOBench",
    "InstanceSegmentation",
    "MoCo",
    "ObjectDetection",
    "PixelwiseRegression",
    "Regression",
    "SemanticSegmentation",
    "SimCLR",
    "SpatioTemporalPixelwiseRegression",
    "SpatioTemporalSegmentation",
    "TemporalRegression",
]
