"""SatlasPretrain: 22 published models for satellite and aerial imagery, and heads to train on them.

    from swath.models import satlas
    model = satlas.Weights().get_pretrained_model(
        "Sentinel2_SwinB_MI_RGB", fpn=True, head=satlas.Head.SEGMENT, num_categories=5
    )
    outputs, loss = model(model.transforms(images), masks)

Paper: https://arxiv.org/abs/2211.15660. Files: https://huggingface.co/allenai/satlas-pretrain
"""

from swath.models.satlas.backbones import (
    AggregationBackbone,
    Backbone,
    ResnetBackbone,
    SwinBackbone,
    TemporalBackbone,
)
from swath.models.satlas.catalogue import MODELS, Satlas_Weights, SatlasPretrain_weights
from swath.models.satlas.detection import FRCNNHead
from swath.models.satlas.fpn import FPN, Upsample
from swath.models.satlas.heads import Head, SimpleHead
from swath.models.satlas.inputs import (
    TCI_SATURATION,
    landsat_digital_numbers,
    satlas_transform,
    sentinel1_digital_numbers,
    tci_from_reflectance,
)
from swath.models.satlas.loading import load_satlas
from swath.models.satlas.model import Model
from swath.models.satlas.temporal import max_over_time, pad_images, split_time
from swath.models.satlas.zoo import Weights, satlaspretrain

__all__ = [
    "FPN",
    "MODELS",
    "TCI_SATURATION",
    "AggregationBackbone",
    "Backbone",
    "FRCNNHead",
    "Head",
    "Model",
    "ResnetBackbone",
    "SatlasPretrain_weights",
    "Satlas_Weights",
    "SimpleHead",
    "SwinBackbone",
    "TemporalBackbone",
    "Upsample",
    "Weights",
    "landsat_digital_numbers",
    "load_satlas",
    "max_over_time",
    "pad_images",
    "satlas_transform",
    "satlaspretrain",
    "sentinel1_digital_numbers",
    "split_time",
    "tci_from_reflectance",
]
