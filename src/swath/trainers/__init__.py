"""Lightning tasks: model + loss + metrics + what a prediction is."""

from swath.trainers.base import BaseTask
from swath.trainers.checkpoint import load_task
from swath.trainers.segmentation import SemanticSegmentationTask

#: The field's newer name of the same task.
SemanticSegmentation = SemanticSegmentationTask

__all__ = ["BaseTask", "SemanticSegmentation", "SemanticSegmentationTask", "load_task"]
