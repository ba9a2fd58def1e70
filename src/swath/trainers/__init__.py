"""Lightning tasks: model + loss + metrics + what a prediction is."""

from swath.trainers.base import BaseTask
from swath.trainers.change import ChangeDetectionTask
from swath.trainers.checkpoint import load_task
from swath.trainers.classification import ClassificationTask, MultiLabelClassificationTask
from swath.trainers.regression import PixelwiseRegressionTask, RegressionTask
from swath.trainers.segmentation import SemanticSegmentationTask
from swath.trainers.temporal import (
    SpatioTemporalPixelwiseRegression,
    SpatioTemporalSegmentation,
    TemporalRegression,
)

#: The field's newer names of the same tasks.
ChangeDetection = ChangeDetectionTask
Classification = ClassificationTask
PixelwiseRegression = PixelwiseRegressionTask
Regression = RegressionTask
SemanticSegmentation = SemanticSegmentationTask

__all__ = [
    "BaseTask",
    "ChangeDetection",
    "ChangeDetectionTask",
    "Classification",
    "ClassificationTask",
    "MultiLabelClassificationTask",
    "PixelwiseRegression",
    "PixelwiseRegressionTask",
    "Regression",
    "RegressionTask",
    "SemanticSegmentation",
    "SemanticSegmentationTask",
    "SpatioTemporalPixelwiseRegression",
    "SpatioTemporalSegmentation",
    "TemporalRegression",
    "load_task",
]
