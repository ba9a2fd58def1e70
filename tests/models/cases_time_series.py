"""Encoders of time series: embeddings of dates, or images of dates."""

from __future__ import annotations

import torch
from cases_change import given
from model_cases import Case, Inputs

from swath.models import LTAE, Conv3dLSTM, ConvLSTM

DATES = 4


def embeddings(batch: int, height: int, width: int, channels: int = 8) -> Inputs:
    return (torch.randn(batch, DATES, channels),), {}


def masked(batch: int, height: int, width: int) -> Inputs:
    mask = torch.ones(batch, DATES, dtype=torch.bool)
    mask[:, -1] = False
    positions = torch.arange(DATES).expand(batch, -1) * 7
    return (torch.randn(batch, DATES, 8), mask, positions), {}


def images(batch: int, height: int, width: int, channels: int = 3) -> Inputs:
    return (torch.randn(batch, DATES, channels, height, width),), {}


def with_lengths(batch: int, height: int, width: int, channels: int = 3) -> Inputs:
    lengths = torch.arange(batch) % DATES + 1
    return (torch.randn(batch, DATES, channels, height, width), lengths), {}


def ltae(channels: int = 8) -> LTAE:
    return LTAE(channels, 2, 4, (16, 8), d_model=16, T=100, len_max_seq=DATES)


_TWO = {"input_dim": 3, "hidden_dim": 4, "num_layers": 2}
_HEAD = {**_TWO, "hidden_dim": [4, 5], "kernel_size": [3, (1, 5)], "num_classes": 3}
_3D = {"input_dim": 3, "conv3d_dim": 6, "hidden_dim": [4, 5], "num_layers": 2, "num_outputs": 2,
       "conv3d_kernel_size": (3, 1, 5), "head_kernel_size": 3}  # fmt: skip
_CHIP = {**_3D, "output_mode": "chip", "pooling": "max", "return_sequence": True, "bias": False}


CASES = [
    Case(
        "ltae", ("LTAE",), ltae, embeddings, size=None, channels=(8, 3),
        listing="torchgeo_LTAE", listed=lambda: LTAE(16), peer=("LTAE", {"in_channels": 16}),
        peer_inputs=given(2, 24, 16),
    ),
    Case(
        "ltae_masked", (), lambda: LTAE(8, 2, 4, (8, 6, 5), d_model=None, T=50),
        masked, size=None,
        listed=lambda: LTAE(16, 4, 8, (16, 8), d_model=None, T=50),
        peer=("LTAE", {"in_channels": 16, "n_head": 4, "n_neurons": (16, 8), "d_model": None,
                       "T": 50}),
        peer_inputs=given(2, 9, 16),
    ),
    Case(
        "conv_lstm", ("ConvLSTM",), lambda channels: ConvLSTM(channels, [4, 5], num_layers=2),
        images, size=(8, 8), odd=((5, 9), (1, 1)), channels=(3, 1, 13),
        listing="torchgeo_ConvLSTM", listed=lambda: ConvLSTM(**_TWO, num_classes=0),
    ),
    Case(
        "conv_lstm_lengths", (), lambda: ConvLSTM(3, 4, num_classes=2), with_lengths, size=(8, 8),
        odd=((5, 9),), listed=lambda: ConvLSTM(**_HEAD), peer=("ConvLSTM", _HEAD),
        peer_inputs=lambda: (*given(2, 4, 3, 9, 7)(), torch.tensor([2, 9])),
    ),
    Case(
        "conv3d_lstm", ("Conv3dLSTM",), lambda channels: Conv3dLSTM(channels, 6, 4),
        images, size=(8, 8), odd=((5, 9), (1, 1)), channels=(3, 1, 13),
        listed=lambda: Conv3dLSTM(**_3D), peer=("Conv3dLSTM", _3D),
        peer_inputs=given(2, 4, 3, 9, 7),
    ),
    Case(
        "conv3d_lstm_chip", (),
        lambda: Conv3dLSTM(3, 6, 4, output_mode="chip", return_sequence=True), with_lengths,
        size=(8, 8), odd=((5, 9),), listed=lambda: Conv3dLSTM(**_CHIP), peer=("Conv3dLSTM", _CHIP),
        peer_inputs=given(2, 4, 3, 9, 7),
    ),
]  # fmt: skip
