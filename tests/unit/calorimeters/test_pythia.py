"""The same hard processes by Pythia 8, if it is installed."""

from __future__ import annotations

import sys

import pytest
import torch

from parity_nb.calorimeters.world import pythia
from parity_nb.calorimeters.world.hard_process import BEAM


def test_without_pythia_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(ModuleNotFoundError, match="hep"):
        pythia.make_class("SPH_9", 1)


def test_pythia_showers_both_processes():
    pytest.importorskip("pythia8mc", reason="needs the extra hep")
    for name in ("BH_n4_M10", "SPH_9"):
        particles = pythia.make_class(name, 6, seed=1)
        assert particles.n == 6
        energy = particles.sum(particles.energy)
        assert (energy > 2000).all()
        assert (energy < 2 * BEAM).all()
        assert 100 < len(particles.event) / 6 < 2000
        assert torch.equal(particles.pt, pythia.make_class(name, 6, seed=1).pt)
