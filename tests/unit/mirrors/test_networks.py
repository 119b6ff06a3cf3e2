"""The network for fields on a torus."""

from __future__ import annotations

import pytest
import torch

from parity_nb.mirrors.networks import TorusNet
from parity_nb.mirrors.world import field_set
from parity_nb.symmetry import Symmetrised, dihedral, equivariance_error, identity, mirror, roll


def test_the_network_has_the_weights_that_its_docstring_says():
    assert sum(p.numel() for p in TorusNet().parameters()) == 6948


@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_only_circular_padding_fits_a_torus(padding):
    torch.manual_seed(0)
    f = Symmetrised(TorusNet(padding, pairs=4), dihedral()).double()
    x = field_set(20).double()
    rolled = equivariance_error(f, x, lambda x: roll(roll(x, 5), 11, axis=-1), identity)
    assert (rolled.relative < 1e-9) == (padding == "circular")
    assert equivariance_error(f, x, mirror, torch.neg).relative < 1e-9
