"""The chapter about the detector: its summaries, the stored ones of Pythia, and Pythia itself."""

from __future__ import annotations

import json
import sys
from importlib import resources

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.hard_process import BEAM
from parity_nb.calorimeters.world.particles import concatenate

code = chapter_code("calorimeters/detector")


def test_summaries_survive_their_file_and_the_package_has_pythias():
    some = concatenate([make_class("BH_n4_M10", 30), make_class("SPH_9", 30)])
    mine = code.summarise(some, Detector().images(some))
    assert mine["n"] == 60
    assert sum(mine["counts"]["lit pixels"]) == 60
    assert code.density(mine, "eta").sum() == pytest.approx(
        (some.eta.abs() < 5).sum().item() / 60, rel=1e-3
    )
    assert json.loads(json.dumps(mine))["counts"]["eta"] == mine["counts"]["eta"]
    path = resources.files("parity_nb.calorimeters") / "pythia.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    summaries, origin = stored["summaries"], stored["provenance"]
    assert set(summaries) == {"BH_n4_M10", "SPH_9"}
    assert origin["pythia8mc"].startswith("8.")
    for s in summaries.values():
        assert s.keys() == mine.keys() and s["means"].keys() == mine["means"].keys()
        assert {name: len(c) for name, c in s["counts"].items()} == {
            name: len(edges) - 1 for name, edges in code.EDGES.items()
        }
        assert 200 < s["means"]["lit pixels"][0] < 450


def test_without_pythia_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(ModuleNotFoundError, match="hep"):
        code.pythia_class("SPH_9", 1)


def test_pythia_showers_both_processes():
    pytest.importorskip("pythia8mc", reason="needs the extra hep")
    for name in ("BH_n4_M10", "SPH_9"):
        particles = code.pythia_class(name, 6, seed=1)
        assert particles.n == 6
        energy = particles.sum(particles.energy)
        assert (energy > 2000).all()
        assert (energy < 2 * BEAM).all()
        assert 100 < len(particles.event) / 6 < 2000
        assert torch.equal(particles.pt, code.pythia_class(name, 6, seed=1).pt)
