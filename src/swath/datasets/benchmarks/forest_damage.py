"""Forest damages: larches and what a moth has done to them."""

from __future__ import annotations

from swath.datasets.catalogue import Archive, Glob, Image, Info, UnsplitBenchmark, VocObjects

__all__ = ["ForestDamage"]

_PLACE = "Data_Set_Larch_Casebearer/{place}"


class ForestDamage(UnsplitBenchmark):
    """Boxes around trees in drone images of Swedish forests (Forest Damages - Larch Casebearer).

    A sample has ``image`` float32 (3, H, W), ``bbox_xyxy`` float32 (N, 4) and ``label`` int64
    (N,): 0 another tree or one whose damage is not known, 1 healthy, 2 low, 3 high damage.
    """

    info = Info(
        title="Forest Damages - Larch Casebearer",
        tasks=("detection",),
        source="drone",
        samples=1543,
        size="1500x1500",
        resolution="-",
        licence="CDLA-Permissive-1.0",
        citation="Swedish Forest Agency 2021, https://lila.science/datasets/forest-damages-larch-casebearer/",
        homepage="https://lila.science/datasets/forest-damages-larch-casebearer/",
    )
    classes = ("other", "H", "LD", "HD")
    files = (
        Archive(
            "Data_Set_Larch_Casebearer.zip",
            "https://lilablobssc.blob.core.windows.net/larch-casebearer/Data_Set_Larch_Casebearer.zip",
            md5="907815bcc739bff89496fac8f8ce63d7",
            gives=("Data_Set_Larch_Casebearer/",),
        ),
    )
    rows = Glob(_PLACE + "/Images/{name}.JPG")
    parts = (
        Image(_PLACE + "/Images/{name}.JPG", size=(48, 64)),
        VocObjects(_PLACE + "/Annotations/{name}.xml", "damage", default="other", size=(48, 64)),
    )
