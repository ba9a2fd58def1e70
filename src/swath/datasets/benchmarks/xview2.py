"""xView2 (xBD): buildings before and after disasters, and their damage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from swath.datasets.catalogue import Archive, ByHandBenchmark, Dates, Glob, Image, Info, Mask, Site

__all__ = ["XView2", "xBD"]

_IMAGE = "{split}/images/{disaster}_{number}_%s_disaster.png"
_TARGET = "{split}/targets/{disaster}_{number}_%s_disaster_target.png"


class _Damage(Mask):
    """The damage of buildings; the mask from before, which is published too, says nothing more."""

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        super().write(site, row, rng)
        Mask(_TARGET % "pre", written=(0, 1), size=self.size).write(site, row, rng)


class xBD(ByHandBenchmark):  # noqa: N801 - its published name
    """xBD: ``image`` (2, 3, 1024, 1024), before and after, and ``mask`` (1024, 1024) of damage.

    The challenge's training and test sets of https://xview2.org. Classes of the mask are those of
    the files made after the disaster, which have every building with its damage: 0 background, 1
    no damage, 2 minor, 3 major, 4 destroyed, as published. (TorchGeo 0.10 subtracts the mask from
    before, so that undamaged buildings are background there and the others' numbers are one lower
    than its classes.)
    """

    info = Info(
        title="xBD (xView2)",
        tasks=("change detection", "segmentation"),
        source="Maxar",
        samples={"train": 2_799, "test": 933},
        size="1024x1024",
        resolution="<0.8",
        licence="CC-BY-NC-SA-4.0",
        citation="Gupta et al. 2019, https://arxiv.org/abs/1911.09296",
        homepage="https://xview2.org/dataset",
        account="It is handed out after a registration",
    )
    splits = ("train", "test")
    classes = ("background", "no-damage", "minor-damage", "major-damage", "destroyed")
    colours = ((0, 0, 0), (0, 128, 0), (0, 0, 255), (255, 165, 0), (255, 0, 0))
    files = tuple(
        Archive(
            f"{split}_images_labels_targets.tar.gz",
            sha256=digest,
            gives=(f"{split}/images/", f"{split}/targets/"),
            when={"split": split},
        )
        for split, digest in (
            ("train", "a5941b7a3e523eafc4aeaa740a1c83f1af6a18c894e7e8c62dd830a76921ecd4"),
            ("test", "0fcdbfe3ee7d0842729dd2230217e74b2f12be35546ff666df4dae5388e2541c"),
        )
    )
    rows = Glob(
        "{split}/images/{disaster:[a-z-]+}_{number:[0-9]+}_pre_disaster.png",
        examples={"disaster": ("hurricane-harvey", "palu-tsunami", "socal-fire")},
    )
    parts = (
        Dates([Image(_IMAGE % "pre", size=(64, 64)), Image(_IMAGE % "post", size=(64, 64))]),
        _Damage(_TARGET % "post", size=(64, 64)),
    )


class XView2(xBD):
    """`xBD` under the challenge's name."""
