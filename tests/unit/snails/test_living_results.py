"""Scores of maps against known objects."""

import pytest
import torch
from chapter_code import chapter_code

inside = chapter_code("snails/living-results").inside


@pytest.fixture
def masks():
    """Squares of 16 pixels anywhere in images of 64."""
    where = torch.randint(0, 48, (60, 2), generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(60, 64, 64, dtype=torch.bool)
    for mask, (y, x) in zip(masks, where.tolist(), strict=True):
        mask[y : y + 16, x : x + 16] = True
    return masks


def patches(masks):
    return torch.nn.functional.adaptive_avg_pool2d(masks.float(), 8)


def test_a_map_on_the_object_is_inside(masks):
    found = inside(-patches(masks), masks)
    assert found.share > 0.7
    assert found.area == pytest.approx(16**2 / 64**2)
    assert found.share - found.others > 20 * found.error
    assert found.p == 1e-4
    assert "of the map on 6.2% of the image" in str(found)


def test_a_map_that_knows_only_where_objects_lie_is_not(masks):
    usual = patches(masks).mean(0).expand(60, 8, 8)
    found = inside(usual, masks)
    assert found.share > found.area
    assert found.share == pytest.approx(found.others)
    assert found.p == 1
    stranger = inside(patches(masks).roll(1, 0), masks)
    assert abs(stranger.share - stranger.others) < 3.5 * stranger.error


def test_an_even_map_has_the_area(masks):
    found = inside(torch.ones(60, 8, 8), masks)
    assert found.share == pytest.approx(found.area)


def test_p_values_are_uniform_for_maps_of_noise(masks):
    p = [
        inside(
            torch.randn(60, 8, 8, generator=torch.Generator().manual_seed(seed)), masks, 199, seed
        ).p
        for seed in range(100)
    ]
    assert 0.4 < sum(p) / len(p) < 0.6
    assert sum(value <= 0.1 for value in p) < 22


def test_bad_input(masks):
    with pytest.raises(ValueError, match="3 maps and 60 masks"):
        inside(torch.ones(3, 8, 8), masks)
    with pytest.raises(ValueError, match="at least two"):
        inside(torch.ones(1, 8, 8), masks[:1])
    maps = torch.ones(60, 8, 8)
    maps[7] = 0
    with pytest.raises(ValueError, match="map 7 is zero everywhere"):
        inside(maps, masks)
