"""Geometric augmentation: pixels, labels, boxes and georeference must tell the same story."""

from __future__ import annotations

import kornia.augmentation as K
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor
from torchvision.transforms import v2

import swath.transforms as T
from swath.errors import ConfigError

H, W = 12, 16


def batch(size: tuple[int, int] = (H, W), count: int = 3) -> dict[str, Tensor]:
    """Images whose three bands are each pixel's world x, world y, and a pattern."""
    h, w = size
    transform = torch.tensor([10.0, 0, 500000, 0, -10, 4000000, 0, 0, 1], dtype=torch.float64)
    x = 500000 + 10 * (torch.arange(w) + 0.5)
    y = 4000000 - 10 * (torch.arange(h) + 0.5)
    # differences from a corner: float32 has to hold them
    place = torch.stack([(x - 500000).expand(h, w), (y - 4000000)[:, None].expand(h, w)])
    pattern = torch.rand(count, 1, h, w, generator=torch.Generator().manual_seed(3))
    image = torch.cat([place.expand(count, 2, h, w), pattern], 1).float()
    mask = (torch.arange(h * w).view(h, w) % 7).expand(count, h, w).long()
    bounds = torch.tensor(
        [500000, 500000 + 10 * w, 10, 4000000 - 10 * h, 4000000, 10, 0, 1, 1], dtype=torch.float64
    )
    return {
        "image": image, "mask": mask, "transform": transform.expand(count, 9).clone(),
        "bounds": bounds.expand(count, 9).clone(),
    }  # fmt: skip


def check_story(out: dict[str, Tensor], tolerance: float = 0.02, border: int = 0) -> None:
    """Where `transform` says a pixel lies is where its own values say it lies."""
    for image, transform in zip(out["image"], out["transform"], strict=True):
        a = transform.view(3, 3)
        h, w = image.shape[-2:]
        rows, cols = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        pixels = torch.stack([cols + 0.5, rows + 0.5, torch.ones(h, w)], -1).double()
        ground = pixels @ a.T
        x, y = ground[..., 0] - 500000, ground[..., 1] - 4000000
        inside = (x > 5) & (x < 10 * W - 5) & (y < -5) & (y > -10 * H + 5)
        assert int(inside.sum()) > 4
        assert float((image[0] - x)[inside].abs().max()) < tolerance
        assert float((image[1] - y)[inside].abs().max()) < tolerance


GEOMETRY = {
    "flip": K.RandomHorizontalFlip(p=1.0),
    "upside down": K.RandomVerticalFlip(p=1.0),
    "quarter": K.RandomRotation90((1, 1), p=1.0),
    "turn": K.RandomRotation(30.0, p=1.0),
    "affine": K.RandomAffine(20, translate=(0.1, 0.1), scale=(0.8, 1.2), shear=5.0, p=1.0),
    "crop": K.RandomCrop((8, 8), p=1.0),
    "centre": K.CenterCrop((8, 10)),
    "zoom": K.RandomResizedCrop((9, 9), scale=(0.3, 0.8), p=1.0),
    "resize": K.Resize((24, 32)),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_pixels_lie_where_the_transform_says(name: str) -> None:
    torch.manual_seed(0)
    out = T.Augmentation(GEOMETRY[name], fill_mask=255)(batch())
    check_story(out)
    assert out["mask"].shape == out["image"].shape[:1] + out["image"].shape[2:]
    assert out["mask"].dtype == torch.int64


@settings(max_examples=25, deadline=None)
@given(st.permutations(["flip", "upside down", "turn", "affine"]), st.integers(0, 1000))
def test_any_chain_tells_one_story(order: list[str], seed: int) -> None:
    torch.manual_seed(seed)
    chain = T.Augmentation(*(GEOMETRY[n] for n in order), fill_mask=255)
    check_story(chain(batch()), tolerance=0.05)


def test_bounds_are_the_ground_that_the_image_covers() -> None:
    torch.manual_seed(1)
    out = T.Augmentation(K.RandomCrop((4, 6), p=1.0))(batch())
    for bounds, transform in zip(out["bounds"], out["transform"], strict=True):
        a = transform.view(3, 3)
        assert bounds[0] == pytest.approx(float(a[0, 2]))
        assert bounds[4] == pytest.approx(float(a[1, 2]))
        assert bounds[1] - bounds[0] == pytest.approx(60)
        assert bounds[4] - bounds[3] == pytest.approx(40)
    square = batch((12, 12))
    turned = T.Augmentation(K.RandomRotation90((1, 1), p=1.0))(square)
    torch.testing.assert_close(turned["bounds"], square["bounds"])


@pytest.mark.parametrize("name", ["flip", "upside down", "quarter", "crop"])
def test_whole_pixel_moves_change_no_value(name: str) -> None:
    torch.manual_seed(0)
    before = batch((12, 12))
    out = T.Augmentation(GEOMETRY[name])(before)
    for a, b in zip(out["image"], before["image"], strict=True):
        assert set(a[2].flatten().tolist()) <= set(b[2].flatten().tolist())
    if name == "flip":
        assert torch.equal(out["image"], before["image"].flip(-1))
        assert torch.equal(out["mask"], before["mask"].flip(-1))


def test_agrees_with_scipy() -> None:
    """The same affine move by scipy.ndimage: an interpolation that is not ours."""
    torch.manual_seed(4)
    member = K.RandomAffine(25, scale=(0.9, 1.1), p=1.0)
    before = batch()
    out = T.Augmentation(member, fill_mask=255)(before)
    for i, matrix in enumerate(member.transform_matrix.double()):
        back = np.linalg.inv(matrix.numpy())
        flip = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])  # scipy counts rows first
        there = ndimage.affine_transform(
            before["image"][i, 2].numpy(), flip @ back @ flip, order=1, cval=-1
        )
        seen = there > 0
        assert seen.sum() > 50
        np.testing.assert_allclose(out["image"][i, 2].numpy()[seen], there[seen], atol=1e-4)


def test_nodata_never_bleeds() -> None:
    torch.manual_seed(2)
    before = batch()
    before["image"][:, :, 5:8, 5:8] = torch.nan
    out = T.Augmentation(GEOMETRY["turn"], fill_mask=255)(before)
    assert bool(out["image"].isnan().any())
    check = {**out, "image": torch.nan_to_num(out["image"], nan=1e9)}
    known = ~out["image"].isnan()
    assert int(known.sum()) > 100
    # the plane of world coordinates is linear: any mixture with a hole would leave it
    for i in range(3):
        a = out["transform"][i].view(3, 3)
        rows, cols = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
        x = (torch.stack([cols + 0.5, rows + 0.5, torch.ones(H, W)], -1).double() @ a.T)[..., 0]
        x = x - 500000
        near = known[i, 0] & (x > 5) & (x < 10 * W - 5)
        inside = near & (check["image"][i, 0] != 0)
        # beside a hole the mean is of fewer pixels, so it may be half a pixel off, never 1e9
        assert float((check["image"][i, 0] - x)[inside].abs().max()) < 10.1


def test_valid_follows_and_its_holes_keep_their_number() -> None:
    before = batch()
    valid = torch.ones(3, H, W, dtype=torch.bool)
    valid[:, :3] = False
    before["image"][:, :, :3] = -9999
    torch.manual_seed(0)
    out = T.Augmentation(GEOMETRY["turn"], fill_mask=255)({**before, "valid": valid})
    assert not bool(out["valid"].all())
    values = out["image"][:, 2]
    assert bool(((values == -9999) | (values >= 0)).all()), "a hole was mixed into ground"


def test_ground_without_labels_needs_a_word() -> None:
    torch.manual_seed(0)
    with pytest.raises(ConfigError, match="fill_mask=255"):
        T.Augmentation(GEOMETRY["turn"])(batch())
    out = T.Augmentation(GEOMETRY["turn"], fill_mask=255)(batch())
    assert bool((out["mask"] == 255).any())


def test_boxes_are_measured_from_edges_and_cut_off() -> None:
    before: dict[str, object] = dict(batch())
    del before["mask"]
    before["bbox_xyxy"] = [
        torch.tensor([[0.0, 0, 4, 3], [14, 2, 16, 12]]), torch.zeros(0, 4),
        torch.tensor([[2.0, 2, 5, 5]]),
    ]  # fmt: skip
    before["label"] = [torch.tensor([1, 2]), torch.zeros(0, dtype=torch.long), torch.tensor([3])]
    out = T.Augmentation(K.RandomHorizontalFlip(p=1.0))(before)
    assert out["bbox_xyxy"][0].tolist() == [[12, 0, 16, 3], [0, 2, 2, 12]]
    cut = T.Augmentation(K.CenterCrop((H, 8)))(before)
    # columns 4 to 12 remain: the first box ends where they begin, the second is outside
    assert cut["bbox_xyxy"][0].shape == (0, 4)
    assert cut["label"][0].shape == (0,)
    assert cut["bbox_xyxy"][2].tolist() == [[0, 2, 1, 5]]


def test_instance_masks_follow_their_boxes() -> None:
    mask = torch.zeros(2, H, W, dtype=torch.uint8)
    mask[0, 2:5, 1:4] = 1
    mask[1, 6:9, 12:15] = 1
    before = {
        "image": torch.rand(1, 3, H, W), "mask": [mask], "label": [torch.tensor([1, 2])],
        "bbox_xyxy": [torch.tensor([[1.0, 2, 4, 5], [12, 6, 15, 9]])],
    }  # fmt: skip
    out = T.Augmentation(K.CenterCrop((H, 10)), K.RandomHorizontalFlip(p=1.0))(before)
    assert len(out["mask"][0]) == len(out["label"][0]) == len(out["bbox_xyxy"][0]) == 2
    for box, one in zip(out["bbox_xyxy"][0].long().tolist(), out["mask"][0], strict=True):
        rows, cols = one.nonzero(as_tuple=True)
        assert [int(cols.min()), int(rows.min()), int(cols.max()) + 1, int(rows.max()) + 1] == box


def test_dates_move_alike_and_change_apart() -> None:
    torch.manual_seed(0)
    image = batch()["image"]
    series = {"image": torch.stack([image, image], 1)}
    out = T.Augmentation(GEOMETRY["affine"])(series)["image"]
    torch.testing.assert_close(out[:, 0], out[:, 1])
    jitter = T.Augmentation(T.RandomBandJitter(0.5, p=1.0))(series)["image"]
    assert not torch.allclose(jitter[:, 0], jitter[:, 1])


def test_two_dates_of_a_change_pair_move_alike() -> None:
    torch.manual_seed(0)
    image = batch()["image"]
    out = T.Augmentation(GEOMETRY["affine"])({"image1": image, "image2": image.clone(),
                                              "image": image.clone()})  # fmt: skip
    torch.testing.assert_close(out["image1"], out["image2"])


def test_a_chain_is_one_resampling() -> None:
    """There and back again: two resamplings would have blurred what one does not touch."""
    before = batch()
    torch.manual_seed(0)
    there, back = K.RandomRotation((17, 17), p=1.0), K.RandomRotation((-17, -17), p=1.0)
    out = T.Augmentation(there, back, fill_mask=255)(before)
    torch.testing.assert_close(out["image"], before["image"], rtol=1e-4, atol=1e-3)
    assert torch.equal(out["mask"], before["mask"])


def test_single_samples_and_inputs_left_alone() -> None:
    whole = batch()
    copy = {k: v.clone() for k, v in whole.items()}
    chain = T.Augmentation(K.RandomHorizontalFlip(p=1.0), T.RandomBandJitter(p=1.0))
    one = chain({k: v[0] for k, v in whole.items()})
    assert one["image"].shape == (3, H, W)
    chain(whole)
    for key, value in copy.items():
        assert torch.equal(whole[key], value), key


def test_what_no_matrix_describes_is_refused() -> None:
    with pytest.raises(ConfigError, match="RandomElasticTransform moves pixels"):
        T.Augmentation(K.RandomElasticTransform())
    with pytest.raises(ConfigError, match=r"no nn\.Module"):
        T.Augmentation("flip")  # type: ignore[arg-type]


def test_any_module_gets_the_images() -> None:
    out = T.Augmentation(T.Normalize([0, 0, 0.5], [1, 1, 0.25]), T.AppendNDVI(0, 2))(batch())
    assert out["image"].shape[1] == 4
    torch.testing.assert_close(out["image"][:, 2], (batch()["image"][:, 2] - 0.5) / 0.25)


@pytest.mark.parametrize(
    "member",
    [
        K.AugmentationSequential(K.RandomHorizontalFlip(p=1.0), data_keys=["input"]),
        K.VideoSequential(K.RandomHorizontalFlip(p=1.0)),
        torch.nn.Sequential(K.RandomRotation(10.0)),
        v2.RandomHorizontalFlip(1.0),
        v2.Compose([v2.RandomResizedCrop(8)]),
    ],
)
def test_no_flip_hides_in_a_container(member: torch.nn.Module) -> None:
    """It would move images alone."""
    with pytest.raises(ConfigError, match="leave labels, boxes and georeference behind"):
        T.Augmentation(member)


def test_instance_masks_in_one_tensor_are_filled_with_nothing() -> None:
    mask = torch.zeros(1, 1, H, W, dtype=torch.uint8)
    mask[:, :, 2:6, 2:6] = 1
    out = T.Augmentation(K.RandomRotation((20.0, 20.0), p=1.0))({
        "image": torch.rand(1, 3, H, W), "mask": mask, "label": torch.ones(1, 1),
        "bbox_xyxy": torch.tensor([[[2.0, 2, 6, 6]]]),
    })  # fmt: skip
    assert set(out["mask"].unique().tolist()) == {0, 1}


def test_keys_that_are_no_pixels_are_left_alone() -> None:
    names = {"image_id": ["a", "b"], "mask_path": ["c", "d"], "mask_time": torch.ones(2, 4)}
    series = {"image": torch.rand(2, 4, 3, H, W), **names, "bbox_xyxy": [torch.zeros(0)] * 2}
    out = T.Augmentation(K.RandomHorizontalFlip(p=1.0))(series)
    assert {k: out[k] for k in names} == names
    assert [b.shape for b in out["bbox_xyxy"]] == [(0, 4)] * 2
    del series["bbox_xyxy"], series["mask_time"]
    rolled = T.SatSlideMix(2, p=1.0)(dict(reversed(series.items())))
    assert rolled["image_id"] == ["a", "a", "b", "b"]
    with pytest.raises(ConfigError, match="one size"):
        T.Augmentation(K.RandomHorizontalFlip(p=1.0))(
            {"image": torch.rand(1, 3, H, W), "mask": torch.zeros(1, 2 * H, 2 * W)}
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_lies_where_the_full_one_does(dtype: torch.dtype) -> None:
    image = torch.rand(1, 1, 300, 300, generator=torch.Generator().manual_seed(0)).to(dtype)
    turn = T.Augmentation(K.RandomRotation((20.0, 20.0), p=1.0))
    torch.testing.assert_close(
        turn({"image": image})["image"].float(), turn({"image": image.float()})["image"],
        atol=0.01, rtol=0,
    )  # fmt: skip


def test_valid_of_as_many_rows_as_dates_is_no_series() -> None:
    valid = torch.eye(4, 5).bool().expand(2, 4, 5)
    out = T.RandomTemporalShuffle(1.0)({"image": torch.rand(2, 4, 3, 4, 5), "valid": valid})
    assert torch.equal(out["valid"], valid)
    assert T.RandomTemporalDropout(p=1.0)(torch.zeros(0, 4, 3, 4, 5)).shape[0] == 0


def test_a_single_series_is_one_sample() -> None:
    """Its dates move alike, and so does what belongs to it."""
    sample = {k: v[0] for k, v in batch(count=1).items()}
    sample["image"] = sample["image"].expand(4, -1, -1, -1).clone()
    torch.manual_seed(0)
    out = T.Augmentation(K.RandomHorizontalFlip(p=0.5), K.RandomAffine(30), fill_mask=255)(sample)
    assert out["image"].shape == (4, 3, H, W)
    assert out["mask"].shape == (H, W)
    assert all(torch.equal(date, out["image"][0]) for date in out["image"])
    check_story({k: v[None] for k, v in {**out, "image": out["image"][0]}.items()})


def test_truth_of_any_name_moves_with_the_image() -> None:
    """Heights beside the mask: left where they were they would be another place's."""
    sample = batch()
    sample["height"] = sample["mask"].float() * 2
    sample["speed"] = torch.rand(3, 5)
    torch.manual_seed(1)
    out = T.Augmentation(K.RandomHorizontalFlip(p=0.5), K.RandomVerticalFlip(p=0.5))(sample)
    torch.testing.assert_close(out["height"], out["mask"].float() * 2)
    assert not torch.equal(out["height"], sample["height"])
    assert out["speed"] is sample["speed"]
    turned = T.Augmentation(K.RandomRotation(30.0, p=1.0), fill_mask=255)(sample)
    torch.testing.assert_close(turned["height"] == 255, turned["mask"] == 255)
    del sample["mask"]
    turned = T.Augmentation(K.RandomRotation(30.0, p=1.0))(sample)
    assert bool(turned["height"].isnan().any())  # not known, which is what NaN says
