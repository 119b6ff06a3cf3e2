"""Toys with known truth: numbers of points, hands, drawing that commutes with the mirror."""

from __future__ import annotations

import numpy as np
import pytest

from parity_nb.mirrors import world
from parity_nb.mirrors.world import PIXELS, TOYS, draw_images, draw_points, field_set
from parity_nb.records import published
from parity_nb.statistics import positive_fraction
from parity_nb.symmetry import mirror


def points(name, n=400):
    return draw_points(TOYS[name], n, np.random.default_rng(0))


def chirality(shape):
    """Positive where the third point lies to the left of the way from the first to the second."""
    return np.sign(((shape[1] - shape[0]).conjugate() * (shape[2] - shape[1])).imag)


def test_the_published_sizes():
    value = published("hewson2024chiral").set_index("name").value
    assert value["image size"] == PIXELS
    assert value["points in an image"] == world.POINTS
    value = published("taylor2023unsupervised").set_index("name").value
    assert value["field size"] == world.FIELD
    assert value["triangles in a field"] == world.TRIANGLES
    assert (value["short leg"], value["long leg"]) == world.LEGS


@pytest.mark.parametrize("name", ["RI", "SPR-RI-3", "LH-RI-0.1", "LH-RI-1"])
def test_images_hold_the_right_number_of_points(name):
    images, has = points(name)
    sizes = np.array([len(p) for p in images]) - has * TOYS[name].points
    spread = world.POINTS * (3 if name.startswith("LH") else 1)  # points come by up to threes
    assert abs(sizes.mean() - world.POINTS) < 4 * np.sqrt(spread / len(sizes))
    for p in images:
        assert ((p.real >= 0) & (p.real < PIXELS) & (p.imag >= 0) & (p.imag < PIXELS)).all()


def test_spirals_have_one_hand_unless_they_are_flipped():
    hands = [chirality(p[-3:]) for p in points("SPR-RI-3")[0]]
    assert set(hands) == {chirality(world.spiral(3))} == {1.0}
    flipped = [chirality(p[-3:]) for p in points("F-SPR-RI-3")[0]]
    assert positive_fraction(flipped).p_exact > 1e-4 and min(flipped) == -1


def test_triangles_are_left_handed_and_of_the_right_size():
    assert chirality(world.TRIANGLE) == 1
    rng = np.random.default_rng(0)
    whole, found = world._triangles(2.0, rng)
    while len(whole) != 3 or not found:  # a single triangle, all of it inside
        whole, found = world._triangles(2.0, rng)
    sides = np.abs(np.diff(whole, append=whole[0]))
    assert sides.mean() == pytest.approx(2)
    assert chirality(whole) == 1


def test_a_share_of_images_has_a_figure():
    for name, toy in TOYS.items():
        share = points(name)[1].mean()
        if toy.figure != "triangles":
            expected = toy.share if toy.figure == "spiral" else 0
            assert abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / 400)
    assert points("LH-RI-10")[1].sum() == 0, "too large for an image"


def test_drawing_commutes_with_the_mirror():
    images, _ = points("SPR-RI-10", 50)
    gap = draw_images([world.mirrored(p) for p in images]).int() - mirror(draw_images(images)).int()
    assert gap.abs().max() <= 1
    one = draw_images([np.array([10.5 + 20.5j])])[0, 0]
    assert one[PIXELS - 21, 10] == 255 == one.max()


def test_fields_hold_sixteen_triangles():
    for left in (1.0, 0.5, 0.0):
        assert (field_set(5, left).sum((1, 2, 3)) == 3 * world.TRIANGLES).all()
    with pytest.raises(ValueError, match="16ths"):
        field_set(5, 0.3)
