"""Samples of a stage that are worth a picture, for each task."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.cli.picture import display_bands, panel_figure

__all__ = ["Gallery", "gallery_of"]

_POINTS = 100_000  # of a scatter plot, at most


class Gallery:
    """Samples of a stage worth a picture; the base keeps none.

    Args:
        known: The task's hyperparameters.
        rows: How many samples to keep.
    """

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        self.known, self.rows = known, rows

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Look at a batch, and what the task's ``forward`` said of it."""

    def figures(self) -> dict[str, Any]:
        """Suffix of the file's name -> figure."""
        return {}


class _Patches(Gallery):
    """Patches with most to see, from places that differ: (score, image, truth, prediction)."""

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        super().__init__(known, rows)
        self.kept: list[tuple[float, Tensor, Tensor, Tensor, Any]] = []

    def consider(
        self, score: float, image: Tensor, truth: Tensor, found: Tensor, place: Any
    ) -> None:
        """Keep a patch if it says more than one that is kept."""
        same = [k for k in self.kept if _shared(k[4], place) > 0.2]
        worse = [k for k in same if k[0] < score]
        full = len(self.kept) == self.rows and score <= self.kept[-1][0]
        if len(worse) < len(same) or (not same and full):
            return
        kept = [k for k in self.kept if all(k is not w for w in worse)]
        # copies: a view would keep the whole batch alive
        image, truth, found = (t.detach().to("cpu", copy=True) for t in (image, truth, found))
        kept.append((score, image, truth, found, place))
        self.kept = sorted(kept, key=lambda k: -k[0])[: self.rows]

    def arrays(self) -> list[NDArray[Any]]:
        """Images, truths and predictions, as arrays."""
        # of batches of several sizes, what all patches have
        height, width = (min(k[1].shape[i] for k in self.kept) for i in (-2, -1))
        columns = list(zip(*self.kept, strict=True))[1:4]
        images, truth, found = (torch.stack([t[..., :height, :width] for t in c]) for c in columns)
        found = found.float() if found.is_floating_point() else found  # bfloat16
        return [images.float().numpy(), truth.numpy(), found.numpy()]


class Masks(_Patches):
    """Image | truth | prediction; of several dates each."""

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Look for patches of most classes and most labels."""
        task, ignored = self.known.get("task", "multiclass"), self.known.get("ignore_index")
        masks = batch["mask"]
        if masks.ndim == 4 and masks.shape[1] == 1:
            masks = masks.squeeze(1)
        if task == "multilabel":
            # as classes: the first label that holds, none of them where none does
            said, masks = _first_label(found > 0), _first_label(masks > 0)
        elif task == "binary":
            said = (found > 0).long().squeeze(1)
        else:
            said = found.argmax(1)
        for image, mask, guess, place in zip(
            _images(batch), masks, said, _places(batch, len(said)), strict=True
        ):
            known = mask if ignored is None else mask[mask != ignored]
            score = len(known.unique()) + known.numel() / mask.numel()
            self.consider(score, image, mask, guess, place)

    def figures(self) -> dict[str, Any]:
        """The patches."""
        if not self.kept:
            return {}
        images, truth, found = self.arrays()
        return {"": panel_figure(images, truth, found, self.known)}


class Values(_Patches):
    """Image | truth | prediction | error, and prediction against truth."""

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        super().__init__(known, rows)
        self.scatter = Scatter(known, rows)

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Look for patches of the widest range of values."""
        masks = batch["mask"] if batch["mask"].ndim == found.ndim else batch["mask"].unsqueeze(1)
        ignored = self.known.get("ignore_value")
        self.scatter.count(masks.movedim(1, -1), found.movedim(1, -1))
        for image, mask, guess, place in zip(
            _images(batch), masks, found, _places(batch, len(found)), strict=True
        ):
            known = ~mask[0].isnan() if ignored is None else ~mask[0].isnan() & (mask[0] != ignored)
            values = mask[0][known].float()
            spread = float(values.std(unbiased=False)) if values.numel() else -1.0
            self.consider(spread, image, mask[0], guess[0], place)

    def figures(self) -> dict[str, Any]:
        """The patches of the first output, and the scatter plot of all."""
        from swath.plot.values import value_panel

        if not self.kept:
            return {}
        images, truth, found = self.arrays()
        bands = display_bands(self.known.get("bands"), images.shape[-3])
        panel = value_panel(
            images, truth, found, name=_output_names(self.known)[0] or "value", rgb_bands=bands,
            ignore=self.known.get("ignore_value"),
        )  # fmt: skip
        return {"": panel, "_scatter": self.scatter.figures()[""]}


class Scatter(Gallery):
    """Prediction against truth, of numbers an image or a series."""

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        super().__init__(known, rows)
        self.pairs: list[Tensor] = []  # (2, n, outputs) each
        self.step, self.number = 1, 0

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Note the numbers."""
        truth = batch["label"] if "label" in batch else batch["target"]
        self.count(truth.reshape(found.shape), found)

    def count(self, truth: Tensor, found: Tensor) -> None:
        """Note (…, outputs) of both: all, or of very many every so manieth."""
        pair = torch.stack([t.detach().float().flatten(0, -2).cpu() for t in (truth, found)])
        ignored = self.known.get("ignore_value")
        if ignored is not None:
            pair[0][pair[0] == ignored] = torch.nan
        self.pairs.append(pair[:, :: self.step].clone())
        self.number += self.pairs[-1].shape[1]
        while self.number > _POINTS:
            self.pairs = [p[:, ::2].clone() for p in self.pairs]
            self.step *= 2
            self.number = sum(p.shape[1] for p in self.pairs)

    def figures(self) -> dict[str, Any]:
        """One panel an output."""
        from swath.plot.values import scatter_figure

        if not self.pairs:
            return {}
        truth, found = torch.cat(self.pairs, 1).numpy()
        return {"": scatter_figure(truth, found, names=_output_names(self.known))}


class Labels(Gallery):
    """A grid of images with what they are and what they are taken for; and the worst mistakes."""

    many = 24

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        super().__init__(known, rows)
        self.some: list[Any] = []
        self.worst: list[Any] = []
        self.order = itertools.count()

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Take the first images, and those whose wrong answer is surest."""
        task, truths = self.known["task"], batch["label"].detach().cpu()
        if task == "multiclass":
            sure, said = found.softmax(1).max(1)
        else:
            chances = found.sigmoid() if task == "multilabel" else found.sigmoid().squeeze(1)
            said = (chances > 0.5).long()
            sure = torch.maximum(chances, 1 - chances)
        sure, said = sure.float().cpu(), said.cpu()
        for i, image in enumerate(batch["image"]):
            wrong = said[i] != truths[i]
            if self.known["ignore_index"] is not None:
                known = truths[i] != self.known["ignore_index"]
                if not bool(known.any()):
                    continue
                wrong &= known
            several = task == "multilabel"
            mistake = bool(wrong.any())
            score = float(sure[i][wrong].max() if several and mistake else sure[i].min())
            entry = (score, next(self.order), truths[i], said[i])
            if len(self.some) < self.many:
                self.some.append((*entry, image.cpu()))
            if mistake and (len(self.worst) < self.many or score > self.worst[0][0]):
                keep = heapq.heappushpop if len(self.worst) >= self.many else heapq.heappush
                keep(self.worst, (*entry, image.to("cpu", copy=True)))

    def figures(self) -> dict[str, Any]:
        """The first images; and the worst mistakes, if there are any."""
        found = {"": self._grid(self.some, "truth, and prediction with its probability")}
        worst = sorted(self.worst, key=lambda e: (-e[0], e[1]))
        if worst:
            found["_mistakes"] = self._grid(worst, "the mistakes that the model is surest of")
        return found if self.some else {}

    def _grid(self, entries: list[Any], title: str) -> Any:
        from swath.plot import labelled_images

        if not entries:
            return None
        scores, _, truths, said, images = zip(*entries, strict=True)
        return labelled_images(
            images, truths, said, classes=self.known["labels"], scores=scores,
            rgb_bands=display_bands(self.known.get("bands"), len(images[0])), suptitle=title,
        )  # fmt: skip


class Boxes(Gallery):
    """Image | objects in truth | objects found."""

    def __init__(self, known: Mapping[str, Any], rows: int = 4) -> None:
        super().__init__(known, rows)
        self.kept: list[tuple[int, Tensor, dict[str, Tensor], dict[str, Tensor]]] = []

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Take the images of most kinds of objects, then of most objects."""
        from swath.trainers.objects import objects_of

        masks = len(found) > 0 and "masks" in found[0] and "mask" in batch
        truths, _ = objects_of(batch, self.known["num_classes"], masks)
        for image, truth, objects in zip(batch["image"], truths, found, strict=True):
            labels = truth["labels"].tolist()
            score = 1000 * len({*labels}) + min(len(labels), 50)
            if len(self.kept) == self.rows and score <= self.kept[-1][0]:
                continue
            self.kept.append((score, image.to("cpu", copy=True), _on_cpu(truth), _on_cpu(objects)))
            self.kept = sorted(self.kept, key=lambda k: -k[0])[: self.rows]

    def figures(self) -> dict[str, Any]:
        """The images."""
        from swath.plot.boxes import box_panel

        if not self.kept:
            return {}
        _, images, truths, found = zip(*self.kept, strict=True)
        bands = display_bands(self.known.get("bands"), len(images[0]))
        classes = dict(enumerate(self.known["classes"], 1))
        return {"": box_panel(images, truths, found, classes=classes, rgb_bands=bands)}


class Several(Gallery):
    """The pictures of each head of a `MultiTask`, after its name.

    Args:
        known: The task's hyperparameters.
        rows: How many samples to keep.
        heads: Heads of the task.
    """

    def __init__(self, known: Mapping[str, Any], rows: int = 4, heads: Sequence[Any] = ()) -> None:
        super().__init__(known, rows)
        self.heads = [(head, gallery_of(head.task)) for head in heads]
        for head, gallery in self.heads:
            gallery.known = {**gallery.known, "bands": known.get("bands")}
            if not head.classes and _output_names(gallery.known) == [""]:
                gallery.known["labels"] = [head.name]

    def add(self, batch: Mapping[str, Any], found: Any) -> None:
        """Look at a batch as each head's task would."""
        for head, gallery in self.heads:
            gallery.rows = self.rows
            truth = head.truth(batch)
            gallery.add({**batch, "label": truth, "mask": truth}, found[head.name])

    def figures(self) -> dict[str, Any]:
        """Figures of each head."""
        return {
            f"_{head.name.replace(' ', '_')}{suffix}": figure
            for head, gallery in self.heads
            for suffix, figure in gallery.figures().items()
        }


#: A task's class, or one that it is made from -> its pictures. By name, so that a task that is
#: not used is not imported; the first that holds.
_GALLERIES: dict[str, type[Gallery]] = {
    "ObjectDetectionTask": Boxes,
    "ClassificationTask": Labels,
    "PixelwiseRegressionTask": Values,
    "RegressionTask": Scatter,
    "SemanticSegmentationTask": Masks,
}


def gallery_of(task: Any) -> Gallery:
    """An empty gallery for a task's pictures; one that stays empty where it has none."""
    bases = [c.__name__ for c in type(task).__mro__]
    if "MultiTask" in bases:
        return Several(dict(task.hparams), heads=task.heads)
    kind = next((g for name, g in _GALLERIES.items() if name in bases), Gallery)
    return kind(dict(task.hparams))


def _images(batch: Mapping[str, Any]) -> Tensor:
    """(B, C, H, W), or (B, T, C, H, W), of a batch of one date or several."""
    if "image" in batch:
        return batch["image"]  # type: ignore[no-any-return]
    return torch.stack([batch["image1"], batch["image2"]], 1)


def _places(batch: Mapping[str, Any], count: int) -> list[Any]:
    return batch["bounds"].tolist() if "bounds" in batch else [None] * count


def _first_label(labels: Tensor) -> Tensor:
    """(B, H, W): number of the first label that holds, -1 for none; of (B, L, H, W)."""
    return torch.where(labels.any(1), labels.int().argmax(1), -1)


def _output_names(known: Mapping[str, Any]) -> list[str]:
    """Names of the outputs, where somebody gave any."""
    return ["" if name.startswith("output ") else name for name in known["labels"]]


def _on_cpu(objects: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whatever is drawn of objects; masks as yes or no."""
    named = {k: objects[k] for k in ("boxes", "labels", "scores", "masks") if k in objects}
    if "masks" in named and named["masks"].ndim == 4:
        named["masks"] = named["masks"].squeeze(1) > 0.5
    return {k: v.detach().to("cpu", copy=True) for k, v in named.items()}


def _shared(a: Sequence[float] | None, b: Sequence[float] | None) -> float:
    """Share of patch `a` that patch `b` covers too, of their `bounds`."""
    if a is None or b is None:
        return 0.0
    width = min(a[1], b[1]) - max(a[0], b[0])
    height = min(a[4], b[4]) - max(a[3], b[3])
    return max(width, 0.0) * max(height, 0.0) / ((a[1] - a[0]) * (a[4] - a[3]))
