"""The three-point function of somebody who knows how the fields are made."""

from __future__ import annotations

import torch
from chapter_code import chapter_code

from parity_nb.mirrors.world import field_set
from parity_nb.statistics import positive_fraction
from parity_nb.symmetry import Symmetrised, dihedral

ThreePoint = chapter_code("mirrors/toys-with-published-numbers").ThreePoint


def test_the_three_point_function_knows_the_hand():
    f = Symmetrised(ThreePoint(5000), dihedral())
    with torch.no_grad():
        left, right, both = (positive_fraction(f(field_set(60, part))) for part in (1.0, 0.0, 0.5))
    assert left.fraction > 0.8 and right.fraction < 0.2
    assert both.p_exact > 1e-4
