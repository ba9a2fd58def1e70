"""Random convolutional features, against loops and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases_embeddings import Images

from swath.errors import BandError, ConfigError, GridError
from swath.models import MOSAIKS, RCF
from swath.models.rcf import _draw_patches, whiten_patches


def slow(image: np.ndarray, filters: np.ndarray, bias: float) -> np.ndarray:
    """Features of one image (C, H, W), window by window."""
    count, _, side, _ = filters.shape
    height, width = image.shape[1] - side + 1, image.shape[2] - side + 1
    sums = np.zeros(2 * count)
    for i in range(count):
        for row in range(height):
            for column in range(width):
                window = image[:, row : row + side, column : column + side]
                value = (window * filters[i]).sum() + bias
                sums[i] += max(0.0, value)
                sums[count + i] += max(0.0, -value)
    return sums / (height * width)


@pytest.mark.parametrize(("features", "side", "bias"), [(6, 3, -1.0), (2, 1, 0.5), (10, 4, 0.0)])
def test_features_are_the_formula(features: int, side: int, bias: float) -> None:
    model = RCF(3, features, side, bias, seed=4).double()
    images = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    found = model(images).numpy()
    for one, image in zip(found, images.numpy(), strict=True):
        np.testing.assert_allclose(one, slow(image, model.weights.numpy(), bias), atol=1e-12)


def test_many_filters_are_as_few() -> None:
    """They are convolved in groups: the order and the values are those of each alone."""
    model = RCF(2, 1200, 2, seed=0)
    x = torch.randn(1, 2, 8, 8)
    found = model(x)
    assert found.shape == (1, 1200)
    for i in (0, 255, 256, 511, 599):
        value = torch.nn.functional.conv2d(x, model.weights[i : i + 1]) - 1
        torch.testing.assert_close(found[0, i], value.clamp(min=0).mean())
        torch.testing.assert_close(found[0, 600 + i], (-value).clamp(min=0).mean())


@pytest.mark.parametrize("count", [3, 40, 500])
def test_whitening_is_numpys(count: int) -> None:
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(count, 3, 4, 4)) * 3 + 5
    flat = patches.reshape(count, -1)
    flat = flat - flat.mean(1, keepdims=True)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    # the inverse square root of the covariance, by singular values, once for each side
    _, singular, axes = np.linalg.svd(flat, full_matrices=True)
    values = np.zeros(48)
    values[: len(singular)] = singular**2 / count
    zca = axes.T @ np.diag((values + 1e-3) ** -0.5) @ axes
    expected = (flat @ zca @ zca.T).reshape(patches.shape)
    found = whiten_patches(torch.from_numpy(patches)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_whitened_patches_have_no_correlation_left() -> None:
    """Filters times patches: the covariance of what they see is (nearly) the identity's inverse."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(9, 9))
    flat = rng.normal(size=(20_000, 9)) @ mixing
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    found = whiten_patches(torch.from_numpy(flat.reshape(-1, 1, 3, 3)), zca_bias=1e-9)
    whitened = found.numpy().reshape(-1, 9).astype(float)
    # E[w x^T] = C^-1 C = 1, on the 8 directions that are left when the mean is off
    cross = whitened.T @ flat / len(flat)
    np.testing.assert_allclose(cross, np.eye(9) - 1 / 9, atol=1e-4)


def test_patches_of_one_colour_are_no_trouble() -> None:
    found = whiten_patches(torch.cat((torch.ones(1, 3, 2, 2), torch.randn(5, 3, 2, 2))))
    assert torch.isfinite(found).all()
    assert (found[0].abs() < 1e-6).all()


def test_a_seed_means_the_same_filters() -> None:
    for build in (
        lambda seed: RCF(3, 16, seed=seed),
        lambda seed: RCF(3, 16, seed=seed, mode="empirical", dataset=Images()),
        lambda seed: MOSAIKS(Images(), features=16, seed=seed),
    ):
        torch.manual_seed(1)
        first = build(7).weights
        torch.manual_seed(2)
        assert torch.equal(first, build(7).weights)
        assert not torch.equal(first, build(8).weights)
        state = torch.get_rng_state()
        build(7)
        assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(3)
    first = RCF(3, 16).weights
    assert not torch.equal(first, RCF(3, 16).weights)
    torch.manual_seed(3)
    assert torch.equal(first, RCF(3, 16).weights)


def test_gaussian_filters_of_a_seed_are_pytorchs() -> None:
    expected = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(RCF(seed=1).weights, expected)


def test_filters_are_patches_of_the_dataset() -> None:
    """With images of the filters' size the patches are the images that were asked for."""
    asked: list[int] = []

    class Asked(Images):
        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            asked.append(index)
            return super().__getitem__(index)

    images = Asked(20, 3, 4, 4)
    found = MOSAIKS(images, features=40, seed=0).weights
    drawn = images.images[asked[-20:]]
    assert len(set(asked)) > 8
    torch.testing.assert_close(found, whiten_patches(drawn))


def test_patches_come_from_all_over_the_images() -> None:
    """Each pixel holds its place: the largest number of a patch tells where it was."""
    places = torch.arange(6 * 7, dtype=torch.float32).view(1, 6, 7)
    patches = _draw_patches([{"image": places}], (500, 1, 2, 2), None)
    corners = set(patches[:, 0, 0, 0].int().tolist())
    assert corners == {7 * row + column for row in range(4) for column in range(5)}
    assert torch.equal(patches[:, 0, 1, 1] - patches[:, 0, 0, 0], torch.full((500,), 8.0))


def test_mosaiks_are_the_papers_numbers() -> None:
    model = MOSAIKS(Images(), seed=0)
    assert model.weights.shape == (2048, 3, 4, 4)
    assert (model.biases == -1).all()
    assert not list(model.parameters())


def test_images_of_other_sizes_in_one_dataset() -> None:
    class Mixed(Images):
        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            return {"image": self.images[index][:, : 9 - index, : 4 + index]}

    assert torch.isfinite(MOSAIKS(Mixed(), features=64, seed=0).weights).all()


def test_bad_input_is_told() -> None:
    with pytest.raises(ConfigError, match="even"):
        RCF(features=5)
    with pytest.raises(ConfigError, match="gaussian"):
        RCF(mode="gausian")
    with pytest.raises(ConfigError, match="dataset="):
        RCF(mode="empirical")
    with pytest.raises(ConfigError, match="empty"):
        MOSAIKS(Images(0))
    with pytest.raises(BandError, match="C = 4"):
        MOSAIKS(Images(), in_channels=4)
    with pytest.raises(GridError, match="9x11 pixels: expected 10x10"):
        MOSAIKS(Images(), kernel_size=10)
    with pytest.raises(ConfigError, match="image"):
        MOSAIKS([1, 2, 3])
    with pytest.raises(BandError, match="C = 4"):
        RCF()(torch.randn(1, 3, 8, 8))
    with pytest.raises(GridError, match="3x3"):
        RCF()(torch.randn(1, 4, 2, 8))
