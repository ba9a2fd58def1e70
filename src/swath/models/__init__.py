"""Architectures and published weights of remote sensing behind one API."""

from swath.models.adapt import BandFit, fit_bands
from swath.models.aurora import Aurora_Weights, aurora_swin_unet
from swath.models.btc import BTC
from swath.models.changestar import ChangeMixin, ChangeStar, ChangeStarFarSeg
from swath.models.changevit import ChangeViT
from swath.models.convlstm import Conv3dLSTM, ConvLSTM
from swath.models.copernicusfm import CopernicusFM, CopernicusFM_Base_Weights, copernicusfm_base
from swath.models.croma import (
    CROMA,
    CROMABase_Weights,
    CROMALarge_Weights,
    croma_base,
    croma_large,
)
from swath.models.deo import DEO, DEO_Weights, deo_base
from swath.models.detection import FeaturePyramid, detection_model
from swath.models.dofa import (
    DOFA,
    DOFABase16_Weights,
    DOFALarge16_Weights,
    dofa_base_patch16_224,
    dofa_huge_patch14_224,
    dofa_large_patch16_224,
    dofa_small_patch16_224,
)
from swath.models.earthloc import EarthLoc, EarthLoc_Weights, earthloc
from swath.models.farseg import FarSeg
from swath.models.fcn import FCN
from swath.models.fcsiam import FCSiamConc, FCSiamDiff
from swath.models.features import Features
from swath.models.finding import list_weights
from swath.models.inputs import InputFit, check_input, check_values
from swath.models.loading import load_weights
from swath.models.ltae import LTAE
from swath.models.olmoearth import OlmoEarthV1_Weights, olmoearth_v1
from swath.models.panopticon import Panopticon, Panopticon_Weights, panopticon_vitb14
from swath.models.plain_unet import PlainUNet
from swath.models.presets import Preset
from swath.models.presto import Presto, Presto_Weights, presto
from swath.models.rcf import MOSAIKS, RCF
from swath.models.registry import (
    ModelEntry,
    get_model,
    get_model_weights,
    get_weight,
    list_models,
    register_model,
)
from swath.models.resnet import (
    ResNet18_Weights,
    ResNet50_Weights,
    ResNet152_Weights,
    resnet18,
    resnet50,
    resnet152,
)
from swath.models.satclip import SatCLIP, SatCLIP_Weights, satclip
from swath.models.satlas import Satlas_Weights, satlaspretrain
from swath.models.scale_mae import ScaleMAE, ScaleMAELarge16_Weights, scalemae_large_patch16
from swath.models.segmentation import SegmentationModel, segmentation_model
from swath.models.swin import (
    Swin_B_Weights,
    Swin_S_Weights,
    Swin_T_Weights,
    Swin_V2_B_Weights,
    Swin_V2_T_Weights,
    SwinBackbone_Weights,
    swin_b,
    swin_s,
    swin_t,
    swin_v2_b,
    swin_v2_t,
)
from swath.models.tessera import Tessera, Tessera_Weights, tessera
from swath.models.tilenet import TileNet, TileNet_Weights, tilenet
from swath.models.unet import Unet_Weights, unet
from swath.models.vit import (
    ViTBase14_DINOv2_Weights,
    ViTBase16_Weights,
    ViTHuge14_Weights,
    ViTLarge16_Weights,
    ViTSmall14_DINOv2_Weights,
    ViTSmall16_Weights,
    vit_base_patch14_dinov2,
    vit_base_patch16_224,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_small_patch14_dinov2,
    vit_small_patch16_224,
)
from swath.models.weights import WeightsEnum, weight

__all__ = [
    "BTC",
    "CROMA",
    "DEO",
    "DOFA",
    "FCN",
    "LTAE",
    "MOSAIKS",
    "RCF",
    "Aurora_Weights",
    "BandFit",
    "CROMABase_Weights",
    "CROMALarge_Weights",
    "ChangeMixin",
    "ChangeStar",
    "ChangeStarFarSeg",
    "ChangeViT",
    "Conv3dLSTM",
    "ConvLSTM",
    "CopernicusFM",
    "CopernicusFM_Base_Weights",
    "DEO_Weights",
    "DOFABase16_Weights",
    "DOFALarge16_Weights",
    "EarthLoc",
    "EarthLoc_Weights",
    "FCSiamConc",
    "FCSiamDiff",
    "FarSeg",
    "FeaturePyramid",
    "Features",
    "InputFit",
    "ModelEntry",
    "OlmoEarthV1_Weights",
    "Panopticon",
    "Panopticon_Weights",
    "PlainUNet",
    "Preset",
    "Presto",
    "Presto_Weights",
    "ResNet18_Weights",
    "ResNet50_Weights",
    "ResNet152_Weights",
    "SatCLIP",
    "SatCLIP_Weights",
    "Satlas_Weights",
    "ScaleMAE",
    "ScaleMAELarge16_Weights",
    "SegmentationModel",
    "SwinBackbone_Weights",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_T_Weights",
    "Tessera",
    "Tessera_Weights",
    "TileNet",
    "TileNet_Weights",
    "Unet_Weights",
    "ViTBase14_DINOv2_Weights",
    "ViTBase16_Weights",
    "ViTHuge14_Weights",
    "ViTLarge16_Weights",
    "ViTSmall14_DINOv2_Weights",
    "ViTSmall16_Weights",
    "WeightsEnum",
    "aurora_swin_unet",
    "check_input",
    "check_values",
    "copernicusfm_base",
    "croma_base",
    "croma_large",
    "deo_base",
    "detection_model",
    "dofa_base_patch16_224",
    "dofa_huge_patch14_224",
    "dofa_large_patch16_224",
    "dofa_small_patch16_224",
    "earthloc",
    "fit_bands",
    "get_model",
    "get_model_weights",
    "get_weight",
    "list_models",
    "list_weights",
    "load_weights",
    "olmoearth_v1",
    "panopticon_vitb14",
    "presto",
    "register_model",
    "resnet18",
    "resnet50",
    "resnet152",
    "satclip",
    "satlaspretrain",
    "scalemae_large_patch16",
    "segmentation_model",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_t",
    "tessera",
    "tilenet",
    "unet",
    "vit_base_patch14_dinov2",
    "vit_base_patch16_224",
    "vit_huge_patch14_224",
    "vit_large_patch16_224",
    "vit_small_patch14_dinov2",
    "vit_small_patch16_224",
    "weight",
]
