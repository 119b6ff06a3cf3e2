"""Tests of `parity_nb.symmetry`: groups, characters, the projection and its measure."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from parity_nb import symmetry as sym
from parity_nb.networks import PublishedNet

ALL = {
    **sym.GROUPS,
    "rolls of rows": partial(sym.rolls, 8),
    "rolls of columns": partial(sym.rolls, 8, axis=-1),
    "cylinder": lambda: sym.semidirect(sym.rolls(8), sym.half_turn_parity()),
    "cylinder, columns": lambda: sym.semidirect(sym.rolls(8, axis=-1), sym.half_turn_parity()),
}
groups = pytest.mark.parametrize("make", ALL.values(), ids=ALL.keys())


def pictures(n=6, channels=1, size=8, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, channels, size, size), generator=generator, dtype=dtype)


class Arbitrary(nn.Module):
    """A small g with batch normalisation, and no symmetry of its own."""

    def __init__(self, channels=1, size=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6 * (size - 2) ** 2, 1),
        )

    def forward(self, x):
        return self.layers(x)


# --- transforms


def test_transforms_of_a_three_by_three_image():
    x = torch.arange(1, 10).reshape(1, 1, 3, 3)
    rows = {
        sym.identity: [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        sym.mirror: [[3, 2, 1], [6, 5, 4], [9, 8, 7]],
        sym.mirror_vertical: [[7, 8, 9], [4, 5, 6], [1, 2, 3]],
        sym.half_turn: [[9, 8, 7], [6, 5, 4], [3, 2, 1]],
        sym.quarter_turn: [[3, 6, 9], [2, 5, 8], [1, 4, 7]],
        partial(sym.roll, shift=1): [[7, 8, 9], [1, 2, 3], [4, 5, 6]],
        partial(sym.roll, shift=1, axis=-1): [[3, 1, 2], [6, 4, 5], [9, 7, 8]],
    }
    for act, expected in rows.items():
        assert act(x)[0, 0].tolist() == expected, act


def test_a_vertical_mirror_is_the_half_turn_after_p():
    x = pictures()
    assert torch.equal(sym.compose(sym.mirror, sym.half_turn)(x), sym.mirror_vertical(x))


def test_a_quarter_turn_exchanges_height_and_width():
    assert sym.quarter_turn(torch.zeros(2, 3, 4, 6)).shape == (2, 3, 6, 4)


# --- groups


@groups
def test_table_is_that_of_a_group(make):
    group, table = make(), make().table
    everything = np.arange(len(group))
    assert np.array_equal(table[0], everything) and np.array_equal(table[:, 0], everything)
    for line in (*table, *table.T):
        assert np.array_equal(np.sort(line), everything)
    h, k, m = np.ix_(everything, everything, everything)
    assert np.array_equal(table[table[h, k], m], table[h, table[k, m]])


@groups
def test_table_predicts_the_action_on_other_images(make):
    group, x = make(), pictures(2, channels=3)
    rng = np.random.default_rng(0)
    for i, j in rng.integers(0, len(group), (20, 2)):
        after = group.elements[i].act(group.elements[j].act(x))
        assert torch.equal(after, group.elements[group.table[i, j]].act(x))


@groups
def test_character_is_a_homomorphism(make):
    group = make()
    signs = np.array(group.signs)
    assert np.array_equal(signs[group.table], np.outer(signs, signs))
    assert signs[0] == 1


def test_the_published_group():
    group = sym.half_turn_parity()
    assert group.names == ("e", "R180", "P", "R180 P")
    assert group.signs == (1, 1, -1, -1)
    assert group.table.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    x = pictures()
    assert torch.equal(group["R180 P"].act(x), torch.flip(x, [-2]))


def test_order_is_kept():
    e, p = sym.parity().elements
    other = sym.Element("top-bottom", sym.mirror_vertical, -1)
    turn = sym.Element("turn", sym.half_turn, 1)
    group = sym.Group([e, other, turn, p], torch.arange(9.0).reshape(1, 1, 3, 3))
    assert group.names == ("e", "top-bottom", "turn", "P")
    x = pictures()
    orbit = group.orbit(x)
    for i, element in enumerate((e, other, turn, p)):
        assert torch.equal(orbit[i * len(x) : (i + 1) * len(x)], element.act(x))


def test_dihedral_from_the_pixels():
    """The eight elements are the eight signed permutation matrices, chi their determinant."""
    group, size = sym.dihedral(), 5
    seen = set()
    grid = torch.arange(size * size).reshape(1, 1, size, size)
    for element in group.elements:
        moved = element.act(grid)[0, 0].numpy()
        # where do the unit vectors of (row, column) about the centre come from?
        centre = np.array(divmod(moved[2, 2], size))
        down = np.array(divmod(moved[3, 2], size)) - centre
        right = np.array(divmod(moved[2, 3], size)) - centre
        matrix = np.column_stack([down, right])
        assert np.array_equal(centre, [2, 2])
        assert round(np.linalg.det(matrix)) == element.sign
        seen.add(matrix.tobytes())
    assert len(seen) == 8 and len(group) == 8


def test_dihedral_relations():
    g = sym.dihedral()
    index = {name: i for i, name in enumerate(g.names)}
    r, p = index["R90"], index["P"]
    assert g.table[p, g.table[r, p]] == index["R270"]  # P R90 P = R90 to the minus one
    assert g.table[r, r] == index["R180"]
    assert g.table[p, p] == index["e"]


@pytest.mark.parametrize("axis", [-2, -1])
def test_rolls_are_cyclic(axis):
    group = sym.rolls(8, axis)
    k = np.arange(8)
    assert np.array_equal(group.table, (k[:, None] + k[None, :]) % 8)
    assert group.signs == (1,) * 8
    x, other = pictures(), -1 if axis == -2 else -2
    moved = group["roll 3"].act(x)
    # each line along the axis keeps its pixels
    assert torch.equal(moved.sort(axis).values, x.sort(axis).values)
    assert not torch.equal(moved.sort(other).values, x.sort(other).values)


def test_in_the_semidirect_product_a_flip_turns_roll_k_into_roll_minus_k():
    group = sym.semidirect(sym.rolls(8), sym.half_turn_parity())
    index = {name: i for i, name in enumerate(group.names)}
    assert len(group) == 32
    flip, left_right = index["R180 P"], index["P"]
    for k in range(1, 8):
        roll = index[f"roll {k}"]
        assert group.table[group.table[flip, roll], flip] == index[f"roll {8 - k}"]
        assert group.table[group.table[left_right, roll], left_right] == roll
        assert group[f"roll {k} P"].sign == -1 and group[f"roll {k} R180"].sign == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_rolls_along_both_axes_are_the_symmetries_of_a_torus(swapped):
    factors = [sym.rolls(4), sym.rolls(5, axis=-1)]
    group = sym.semidirect(*(factors[::-1] if swapped else factors))
    assert len(group) == 20 and np.array_equal(group.table, group.table.T)


def test_a_square_torus_with_all_its_mirrors():
    torus = sym.semidirect(sym.rolls(3), sym.rolls(3, axis=-1))
    group = sym.semidirect(torus, sym.dihedral())
    assert len(group) == 72 and sum(group.signs) == 0


def test_quarter_turns_do_not_act_on_a_cylinder():
    with pytest.raises(ValueError, match="act alike"):
        sym.semidirect(sym.rolls(8), sym.dihedral())
    square = torch.arange(64.0).reshape(1, 1, 8, 8)
    elements = [*sym.rolls(8).elements, sym.Element("R90", sym.quarter_turn, 1)]
    with pytest.raises(ValueError, match="not a group: roll 1 after R90 is none of the 9"):
        sym.Group(elements, square)


def test_groups_on_different_spaces_have_no_product():
    line = sym.Group([E, sym.Element("P", torch.neg, -1)], torch.ones(1, 1))
    with pytest.raises(ValueError, match="4 and 2 dimensions"):
        sym.semidirect(sym.parity(), line)


def test_even_keeps_the_elements_and_drops_the_signs():
    group = sym.dihedral().even()
    assert group.names == sym.dihedral().names and set(group.signs) == {1}


def test_an_element_is_found_by_name():
    assert sym.parity()["P"].act is sym.mirror
    with pytest.raises(KeyError, match="no element 'Q'"):
        sym.parity()["Q"]
    assert repr(sym.parity()) == "Group(+1 e, -1 P)"


# --- what is not a group, and what is not a character

PROBE = torch.arange(9.0).reshape(1, 1, 3, 3)
E = sym.Element("e", sym.identity, 1)
QUARTER = sym.Element("R90", sym.quarter_turn, 1)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([E, QUARTER], "not a group: R90 after R90 is none of the 2 elements"),
        ([E, sym.Element("shrink", lambda x: x / 2, 1)], "not a group"),
        ([E, sym.Element("same", sym.identity, 1)], "e and same act alike"),
        ([sym.Element("P", sym.mirror, -1), E], "the first element, P, is not the identity"),
        ([E, sym.Element("P", sym.mirror, 2)], r"\+1 and -1"),
        ([E, sym.Element("P", sym.mirror, 0)], r"\+1 and -1"),
        ([sym.Element("e", sym.identity, -1), sym.Element("P", sym.mirror, -1)], "not a character"),
    ],
)
def test_non_groups_and_non_characters_are_refused(elements, message):
    with pytest.raises(ValueError, match=message):
        sym.Group(elements, PROBE)


def test_three_minus_signs_are_no_character_of_the_four_elements():
    elements = [
        sym.Element(e.name, e.act, sign)
        for e, sign in zip(sym.half_turn_parity().elements, (1, -1, -1, -1), strict=True)
    ]
    with pytest.raises(ValueError, match="not a character: the sign of R180 times the sign of P"):
        sym.Group(elements, PROBE)


# --- the projection


def residual(f, x, element):
    return sym.equivariance_error(f, x, element.act, lambda v: element.sign * v).relative


@groups
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_projection_transforms_with_the_character(make, training, dtype, tolerance):
    torch.manual_seed(1)
    f = sym.Symmetrised(Arbitrary(), make()).to(dtype).train(training)
    x = pictures(16, dtype=dtype)
    assert f(x).shape == (16,)
    for element in f.group.elements:
        assert residual(f, x, element) < tolerance, element.name


@pytest.mark.parametrize("name", sym.GROUPS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_projection_of_the_published_network(name, dtype, tolerance):
    torch.manual_seed(2)
    f = sym.Symmetrised(PublishedNet(), sym.GROUPS[name]()).to(dtype)
    x = 2 * pictures(2, 3, 64, dtype) - 1
    for element in f.group.elements:
        assert residual(f, x, element) < tolerance, element.name


def test_projection_is_the_sum_of_the_definition():
    torch.manual_seed(3)
    g, group, x = Arbitrary().double().eval(), sym.dihedral(), pictures(dtype=torch.float64)
    by_hand = sum(e.sign * g(e.act(x)).squeeze(1) for e in group.elements) / len(group)
    torch.testing.assert_close(sym.Symmetrised(g, group)(x), by_hand)


@groups
def test_even_projection_is_invariant(make):
    torch.manual_seed(4)
    f, x = sym.Symmetrised(Arbitrary(), make().even()).double(), pictures(dtype=torch.float64)
    for element in f.group.elements:
        error = sym.equivariance_error(f, x, element.act, sym.identity)
        assert error.relative < 1e-12, element.name


def test_projecting_twice_changes_nothing():
    torch.manual_seed(5)
    group, x = sym.dihedral(), pictures(dtype=torch.float64)
    once = sym.Symmetrised(Arbitrary(), group).double().eval()
    torch.testing.assert_close(sym.Symmetrised(once, group)(x), once(x))


def test_an_odd_function_vanishes_on_symmetric_images():
    torch.manual_seed(6)
    x = pictures(dtype=torch.float64)
    f = sym.Symmetrised(Arbitrary(), sym.parity()).double().eval()
    assert f(x + sym.mirror(x)).abs().max() < 1e-15 < f(x).abs().max()


def test_dropout_breaks_the_symmetry_in_training_mode_only():
    torch.manual_seed(7)
    g = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 1))
    f, x = sym.Symmetrised(g, sym.parity()), pictures(32)
    assert residual(f.train(), x, f.group["P"]) > 0.1
    assert residual(f.eval(), x, f.group["P"]) < 1e-6


def test_signs_follow_the_module_and_stay_out_of_its_state():
    f = sym.Symmetrised(nn.Flatten(), sym.parity())
    assert f.signs.tolist() == [1, -1] and "signs" not in f.state_dict()


def test_projection_acts_on_whatever_the_group_acts_on():
    """The group need not act on images: here x -> -x on points of the line."""
    points = torch.tensor([[1.0]])
    line = sym.Group([E, sym.Element("P", torch.neg, -1)], points)
    x = torch.linspace(-2, 2, 9).reshape(-1, 1)
    f = sym.Symmetrised(torch.nn.Identity(), line)
    torch.testing.assert_close(f(x), x.squeeze(1))


# --- the measure


def test_equivariance_error_by_hand():
    x = torch.tensor([[1.0, 3.0], [2.0, 2.0], [6.0, 0.0]])
    error = sym.equivariance_error(lambda v: v[:, 0], x, sym.mirror, sym.identity)
    difference = np.array([2.0, 0.0, -6.0])
    assert error.largest == 6
    assert error.rms == pytest.approx(np.sqrt((difference**2).mean()))
    assert error.relative == pytest.approx(error.rms / np.std([1.0, 2.0, 6.0]))


def test_equivariance_error_of_a_pipeline_step():
    x = pictures(3, 1, 8)
    flip_safe = sym.equivariance_error(lambda v: v[..., 2:-2], x, sym.mirror, sym.mirror)
    shifted = sym.equivariance_error(lambda v: v[..., 1:-2], x, sym.mirror, sym.mirror)
    assert flip_safe.largest == 0 and flip_safe.relative == 0
    assert shifted.largest > 0.1


def test_equivariance_error_without_spread():
    def constant(value):
        return lambda v: torch.full((len(v),), value)

    x = pictures()
    assert sym.equivariance_error(constant(1.0), x, sym.mirror, sym.identity).relative == 0
    assert sym.equivariance_error(constant(1.0), x, sym.mirror, torch.neg).relative == float("inf")


def test_equivariance_error_refuses_different_shapes():
    with pytest.raises(ValueError, match="shape"):
        sym.equivariance_error(lambda v: v, torch.zeros(2, 1, 4, 6), sym.quarter_turn, sym.identity)


# --- control sets


def test_random_half_is_a_fair_coin_of_its_generator():
    coin = sym.random_half(10_000, torch.Generator().manual_seed(0))
    assert coin.dtype == torch.bool and abs(coin.float().mean() - 0.5) < 4 * 0.005
    assert torch.equal(coin, sym.random_half(10_000, torch.Generator().manual_seed(0)))


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_mirror_where_mirrors_the_chosen(chosen):
    x = pictures(len(chosen), channels=2)
    out = sym.mirror_where(x, chosen)
    for image, result, mirrored in zip(x, out, chosen, strict=True):
        assert torch.equal(result, sym.mirror(image) if mirrored else image)
    assert torch.equal(sym.mirror_where(out, chosen), x)


@pytest.mark.parametrize("axis", [-2, -1])
def test_roll_each_rolls_every_item_by_its_own_number(axis):
    x, shifts = pictures(5, size=7), torch.tensor([0, 1, -1, 6, 20])
    rolled = sym.roll_each(x, shifts, axis)
    for item, shift, expected in zip(x, shifts.tolist(), rolled, strict=True):
        assert torch.equal(sym.roll(item, shift, axis), expected)


def test_projection_of_several_values_an_item():
    torch.manual_seed(6)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(7 * 7, 4)).double()
    group, x = sym.parity(), pictures(size=7, dtype=torch.float64)
    by_hand = (linear(x) - linear(sym.mirror(x))) / 2
    torch.testing.assert_close(sym.Symmetrised(linear, group)(x), by_hand)
