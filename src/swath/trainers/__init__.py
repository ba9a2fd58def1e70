"""Lightning tasks: model + loss + metrics + what a prediction is."""

from swath.trainers.base import BaseTask
from swath.trainers.checkpoint import load_task
from swath.trainers.segmentation import SemanticSegmentationTask

__all__ = ["BaseTask", "SemanticSegmentationTask", "load_task"]
