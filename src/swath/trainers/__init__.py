"""Lightning tasks: model + loss + metrics + what a prediction is."""

from swath.trainers.base import BaseTask
from swath.trainers.byol import BYOLTask
from swath.trainers.change import ChangeDetectionTask
from swath.trainers.checkpoint import load_task
from swath.trainers.classification import ClassificationTask, MultiLabelClassificationTask
from swath.trainers.detection import ObjectDetectionTask
from swath.trainers.forecast import TemporalRegression
from swath.trainers.instance import InstanceSegmentationTask
from swath.trainers.iobench import IOBenchTask
from swath.trainers.located import to_features
from swath.trainers.mae import MAETask
from swath.trainers.moco import MoCoTask
from swath.trainers.multitask import MultiTask
from swath.trainers.regression import PixelwiseRegressionTask, RegressionTask
from swath.trainers.segmentation import SemanticSegmentationTask
from swath.trainers.simclr import SimCLRTask
from swath.trainers.ssl import SelfSupervisedTask
from swath.trainers.temporal import (
    SpatioTemporalPixelwiseRegression,
    SpatioTemporalSegmentation,
)

#: The field's newer names of the same tasks.
BYOL = BYOLTask
ChangeDetection = ChangeDetectionTask
Classification = ClassificationTask
InstanceSegmentation = InstanceSegmentationTask
ObjectDetection = ObjectDetectionTask
IOBench = IOBenchTask
MAE = MAETask
MoCo = MoCoTask
PixelwiseRegression = PixelwiseRegressionTask
Regression = RegressionTask
SemanticSegmentation = SemanticSegmentationTask
SimCLR = SimCLRTask

__all__ = [
    "BYOL",
    "MAE",
    "BYOLTask",
    "BaseTask",
    "ChangeDetection",
    "ChangeDetectionTask",
    "Classification",
    "ClassificationTask",
    "IOBench",
    "IOBenchTask",
    "InstanceSegmentation",
    "InstanceSegmentationTask",
    "MAETask",
    "MoCo",
    "MoCoTask",
    "MultiLabelClassificationTask",
    "MultiTask",
    "ObjectDetection",
    "ObjectDetectionTask",
    "PixelwiseRegression",
    "PixelwiseRegressionTask",
    "Regression",
    "RegressionTask",
    "SelfSupervisedTask",
    "SemanticSegmentation",
    "SemanticSegmentationTask",
    "SimCLR",
    "SimCLRTask",
    "SpatioTemporalPixelwiseRegression",
    "SpatioTemporalSegmentation",
    "TemporalRegression",
    "load_task",
    "to_features",
]
