"""The chapter about black holes and sphalerons: jets and energy from a picture."""

import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.symmetry import roll

code = chapter_code("calorimeters/black-holes-and-sphalerons")


def test_jets_are_counted_round_the_seam_and_energy_is_transverse():
    image = torch.zeros(1, 3, 50, 50)
    image[0, 0, 0, 25] = 60.0
    image[0, 1, 49, 25] = 20.0  # the neighbour on the other side of the seam
    image[0, 1, 20, 30] = 200.0
    image[0, 0, 30, 45] = 1e4  # too far forward for a jet
    image[0, 2, 40, 25] = 500.0  # a track
    jets, total = code.jets_and_sum(image)[0].tolist()
    eta = np.array([0.1, 0.1, 1.1, 4.1])
    assert jets == 2
    assert total == pytest.approx(np.sum(np.array([60, 20, 200, 1e4]) / np.cosh(eta)), rel=1e-4)
    assert code.jets_and_sum(roll(image, 7)).tolist() == [[jets, pytest.approx(total, rel=1e-5)]]
