"""Losses: with ignored truth, class weights and soft labels."""

from swath.losses.build import LOSSES, CombinedLoss, classification_loss
from swath.losses.contrastive import byol_loss, info_nce, nt_xent
from swath.losses.overlap import DiceLoss, JaccardLoss, LovaszLoss, TverskyLoss
from swath.losses.pixelwise import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    FocalLoss,
    OrdinalLoss,
    RegressionLoss,
)
from swath.losses.prior import QRLoss, RQLoss

__all__ = [
    "LOSSES",
    "BinaryCrossEntropyLoss",
    "CombinedLoss",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "JaccardLoss",
    "LovaszLoss",
    "OrdinalLoss",
    "QRLoss",
    "RQLoss",
    "RegressionLoss",
    "TverskyLoss",
    "byol_loss",
    "classification_loss",
    "info_nce",
    "nt_xent",
]
