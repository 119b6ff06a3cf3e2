"""What the chapter on photographs defines: preparing, the simplest odd function, the network."""

from __future__ import annotations

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.images import ImageSet
from parity_nb.symmetry import Symmetrised, equivariance_error, mirror, parity

code = chapter_code("mirrors/photographs")


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (400, 1, 6, 7), generator=generator, dtype=torch.uint8)


# --- preparing


def test_tuning_images_are_never_tested_and_test_sets_are_disjoint(noise):
    index = ImageSet(noise)
    index.meta["i"] = range(len(noise))
    tuned, tested = [], []
    for seed in range(5):
        tuning, train, test = code.train_and_test(index, seed)
        parts = [set(part.meta.i) for part in (tuning, train, test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(noise)
        tuned.append(parts[0])
        tested.append(parts[2])
    assert all(part == tuned[0] for part in tuned)
    assert sum(map(len, tested)) == len(set.union(*tested)) == len(noise) - len(tuned[0])


def test_fewer_images(noise):
    assert sum(map(len, code.train_and_test(ImageSet(noise), 0, images=90))) == 90


def test_copies_of_either_orientation_are_left_out(noise):
    test = ImageSet(torch.cat([noise[:1], mirror(noise[1:2]), noise[10:12]]))
    left = code.without_copies(test, ImageSet(noise[:10]))
    assert torch.equal(left.images, noise[10:12])


@pytest.mark.parametrize(("share", "mirrored"), [(1, 0), (0.5, 0.25), (0, 0.5)])
def test_share(noise, share, mirrored):
    many = noise.repeat(10, 1, 1, 1)
    out = code.mirror_all_but(many, share, torch.Generator().manual_seed(0))
    flipped = (out != many).flatten(1).any(1)
    assert torch.equal(out[flipped], mirror(many[flipped]))
    assert flipped.float().mean() == pytest.approx(mirrored, abs=0.04)


def test_cut(noise):
    assert torch.equal(code.cut_border(noise, 0), noise)
    assert torch.equal(code.cut_border(noise, 2), noise[..., 2:4, 2:5])


def test_shrink(noise):
    even = noise[..., :6]
    small = code.shrink_by(even, 2)
    assert small.shape == (400, 1, 3, 3) and small.dtype == torch.uint8
    assert (small[..., 0, 0] - even[..., :2, :2].float().mean((-1, -2))).abs().max() <= 0.5
    assert torch.equal(code.shrink_by(mirror(even), 2), mirror(small))
    assert torch.equal(code.shrink_by(even, 1), even)
    with pytest.raises(ValueError, match="do not fill"):
        code.shrink_by(noise, 2)


@pytest.mark.parametrize("width", [6, 7])
def test_symmetrised_columns(noise, width):
    x = noise[..., :width].float()
    odd = (x - mirror(x)).abs().amax((0, 1, 2)) > 0
    outer = code.symmetrise_columns(x, outer=1)
    inner = code.symmetrise_columns(x, inner=1)
    for out, still in ((outer, odd[1:-1]), (inner, odd[[0, -1]])):
        remains = (out - mirror(out)).abs().amax((0, 1, 2)) > 0
        assert remains.sum() == still.sum()
        torch.testing.assert_close((out + mirror(out)) / 2, (x + mirror(x)) / 2)
    assert torch.equal(outer[..., 1:-1], x[..., 1:-1])
    assert torch.equal(inner[..., [0, -1]], x[..., [0, -1]])
    assert torch.equal(code.symmetrise_columns(x), x)


# --- the linear function


def lopsided(n, size, seed=0):
    """Noise with a known odd mean: 20 levels brighter in column 1 than in its mirror column."""
    x = torch.randn(n, 1, 6, size, generator=torch.Generator().manual_seed(seed)) * 30
    x[..., 1] += 10
    x[..., -2] -= 10
    return x


@pytest.mark.parametrize("size", [8, 9])
def test_linear_finds_the_optimum(size):
    """White noise and mean m: w is proportional to m, and mean over std is |m| / sigma."""
    f = code.LinearOdd.fit(lopsided(20_000, size), ridges=(1e-4,))
    w = f.weights[0] / f.weights[0].abs().max()
    expected = torch.zeros(6, size)
    expected[:, 1], expected[:, -2] = 1, -1
    torch.testing.assert_close(w / w[:, 1].mean(), expected, atol=0.1, rtol=0)
    values = f(lopsided(20_000, size, seed=1))
    best = (6 * 20**2 / (2 * 30**2)) ** 0.5
    assert (values.mean() / values.std()).item() == pytest.approx(best, rel=0.03)


def test_linear_is_odd_in_bytes_and_floats(noise):
    f = code.LinearOdd.fit(noise)
    assert equivariance_error(f, noise, mirror, torch.neg).relative < 1e-6
    torch.testing.assert_close(f(noise), f(noise.float()))
    assert torch.equal(f.weights, -mirror(f.weights))


def test_linear_of_a_symmetric_population_is_a_coin(noise):
    coin = torch.rand(400, generator=torch.Generator().manual_seed(1)) < 0.5
    x = torch.where(coin[:, None, None, None], mirror(noise), noise)
    f = code.LinearOdd.fit(x[:200])(x[200:])
    assert 0.35 < (f > 0).float().mean() < 0.65


def test_linear_in_some_columns(noise):
    outer = torch.tensor([True, False, False, False, False, False, True])
    f = code.LinearOdd.fit(noise, columns=outer)
    assert f.weights[..., ~outer].abs().max() == 0 < f.weights[..., outer].abs().min()


def test_ridge_is_chosen_where_it_matters():
    """More weights than images: with next to no ridge the function fits its noise."""
    f = code.LinearOdd.fit(lopsided(60, 24), ridges=(1e-6, 1.0))
    assert f.ridge == 1.0


def test_linear_refusals(noise):
    with pytest.raises(ValueError, match="9 images: at least ten"):
        code.LinearOdd.fit(noise[:9])
    with pytest.raises(ValueError, match="not its mirror image"):
        code.LinearOdd.fit(noise, columns=torch.tensor([True] + 6 * [False]))


def test_linear_of_symmetric_images_is_zero(noise):
    symmetric = code.symmetrise_columns(noise.float(), outer=4)
    assert not code.LinearOdd.fit(symmetric)(noise).any()


# --- the network


@pytest.mark.parametrize("size", [24, 28, 32])
def test_photo_net(size):
    torch.manual_seed(0)
    f = Symmetrised(code.PhotoNet(size), parity())
    x = torch.randn(8, 3, size, size)
    assert equivariance_error(f, x, mirror, torch.neg).relative < 1e-5
    if size == 32:
        assert f"{sum(p.numel() for p in f.parameters()):,} weights at 32" in code.PhotoNet.__doc__
