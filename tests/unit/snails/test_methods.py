"""Near-duplicates: what is found and what is not."""

import numpy as np
import pytest
import torch

from parity_nb.images import reencode_jpeg, resize
from parity_nb.snails.methods import RADIUS, near_duplicates, perceptual_hash
from parity_nb.symmetry import half_turn, half_turn_parity, mirror, roll


def pictures(n: int, channels: int = 3, pixels: int = 64, seed: int = 0) -> torch.Tensor:
    """Smooth noise with the spectrum of photographs, amplitude 1 / frequency."""
    rng = np.random.default_rng(seed)
    axis = np.fft.fftfreq(pixels)
    frequency = np.hypot(axis[:, None], axis)
    frequency[0, 0] = np.inf
    waves = rng.normal(size=(2, n, channels, pixels, pixels))
    levels = np.fft.ifft2((waves[0] + 1j * waves[1]) / frequency).real
    levels = 128 + 45 * levels / levels.std(axis=(-2, -1), keepdims=True)
    return torch.from_numpy(levels.clip(0, 255).astype(np.uint8))


def brighter(images):
    return (images.float() * 0.8 + 40).clamp(0, 255).to(torch.uint8)


COPIES = {
    "JPEG": lambda images: reencode_jpeg(images, 20),
    "brighter": brighter,
    "smaller": lambda images: resize(resize(images, 40), 64),
    "mirror": mirror,
    "mirror, JPEG": lambda images: reencode_jpeg(mirror(images), 20),
    "mirror, brighter": lambda images: brighter(mirror(images)),
}


def pairs_of(n):
    return [[i, i + n] for i in range(n)]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_copy_is_found_and_nothing_else(name, channels):
    images = pictures(150, channels)
    both = torch.cat([images, COPIES[name](images)])
    assert near_duplicates(both).tolist() == pairs_of(150)


def test_most_pictures_moved_by_a_pixel_are_found():
    images = pictures(200)
    found = near_duplicates(torch.cat([images, roll(images, 1, axis=-1)]))
    assert set(map(tuple, found.tolist())) <= set(map(tuple, pairs_of(200)))
    assert len(found) > 0.8 * 200


def test_different_pictures_are_far_apart():
    hashes = perceptual_hash(pictures(400))
    distance = np.bitwise_count(hashes[:, None] ^ hashes).sum(-1, dtype=int)
    apart = distance[np.triu_indices(400, 1)]
    assert abs(apart.mean() - 128) < 8  # half of the bits
    assert apart.min() > 1.5 * RADIUS


def test_only_the_group_decides_what_is_a_copy():
    images = pictures(40)
    turned = torch.cat([images, half_turn(images)])
    assert len(near_duplicates(turned)) == 0
    assert near_duplicates(turned, half_turn_parity()).tolist() == pairs_of(40)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_change_nothing(block):
    images = pictures(30)
    both = torch.cat([images, mirror(images[:9]), images[20:]])
    expected = [[i, 30 + i] for i in range(9)] + [[20 + i, 39 + i] for i in range(10)]
    assert near_duplicates(both, block=block).tolist() == sorted(expected)


def test_distance_is_that_of_all_pairs():
    """Against a plain double loop, at a radius at which half of the pairs are near."""
    images = pictures(40)
    hashes, twins = perceptual_hash(images), perceptual_hash(mirror(images))

    def bits(a, b):
        return sum(int(x ^ y).bit_count() for x, y in zip(a, b, strict=True))

    expected = [
        [i, j]
        for i in range(40)
        for j in range(i + 1, 40)
        if min(bits(hashes[i], hashes[j]), bits(hashes[i], twins[j])) <= 122
    ]
    assert near_duplicates(images, radius=122).tolist() == expected
    assert 0 < len(expected) < 40 * 39 / 2


def test_opposite_hashes_are_not_equal_ones():
    """256 differing bits must not be taken for none, as they would be in 8-bit arithmetic."""
    images = pictures(20, 1).float() / 128 - 1
    both = torch.cat([images, -images])
    hashes = perceptual_hash(both)
    assert np.bitwise_count(hashes[:20] ^ hashes[20:]).sum(-1, dtype=int).max() == 256
    assert len(near_duplicates(both)) == 0


def test_floats_have_the_hash_of_their_levels():
    images = pictures(20)
    normalised = (images.float() / 255 - 0.5) / 0.25
    pair = np.bitwise_count(perceptual_hash(images) ^ perceptual_hash(normalised)).sum(-1)
    assert pair.max() <= 4  # grey levels are rounded in one and not in the other
