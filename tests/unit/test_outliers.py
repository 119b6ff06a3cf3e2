"""Simulated events, their features, the Olympics' file, and scores of outliers."""

import h5py
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from parity_nb.discovery import events as lhc
from parity_nb.discovery.outliers import Flow, Scale, roc, told_apart
from parity_nb.symmetry import equivariance_error, identity
from parity_nb.training import fit

KINDS = ("normal", "two-prong", "narrow")


@pytest.fixture(scope="module")
def sets():
    return {kind: lhc.simulate(1500, kind, seed=1) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_events_look_like_events(sets, kind):
    pt, eta, phi = sets[kind].particles.unbind(-1)
    assert sets[kind].particles.shape == (1500, 2, lhc.PARTICLES, 3)
    assert (pt[:, 0].sum(-1) >= pt[:, 1].sum(-1)).all(), "the harder jet first"
    assert (pt.diff(dim=-1) <= 0).all(), "the hardest particles first"
    assert phi.abs().max() <= torch.pi + 1e-5 and (eta[pt == 0] == 0).all()
    assert pt.sum(-1)[:, 0].median() > lhc.THRESHOLD
    assert sets[kind].signal.all() == (kind != "normal")


def test_masses_are_those_of_the_decay(sets):
    x = lhc.features(sets["two-prong"].particles)
    column = lhc.FEATURES.index
    heavy, light = (x[:, column(f"log mass {i}")].exp().median().item() for i in (1, 2))
    assert heavy == pytest.approx(lhc.DAUGHTERS[0], rel=0.1)
    assert light == pytest.approx(lhc.DAUGHTERS[1], rel=0.15)
    both = x[:, column("log dijet mass")].exp().median().item()
    assert both == pytest.approx(lhc.RESONANCE, rel=0.05)


def test_mass_of_two_particles():
    """m^2 = 2 pt pt' (cosh d eta - cos d phi), and tau21 of two particles is zero."""
    particles = torch.zeros(1, 2, lhc.PARTICLES, 3, dtype=torch.float64)
    particles[0, 0, :2] = torch.tensor([[300.0, 0.2, 3.1], [100.0, 0.5, -3.0]])
    particles[0, 1, 0] = torch.tensor([350.0, -0.3, 0.0])
    x = lhc.features(particles)[0]
    mass = (2 * 300 * 100 * (np.cosh(0.3) - np.cos(3.1 + 3.0))) ** 0.5
    assert x[0].exp().item() == pytest.approx(mass, rel=1e-6)
    assert x[2].item() == pytest.approx(0, abs=1e-6)
    assert x[4:6].tolist() == [2, 1]


def test_signals_are_more_and_less_complicated(sets):
    medians = {k: lhc.features(s.particles).median(0).values for k, s in sets.items()}
    tau, count = lhc.FEATURES.index("tau21 1"), lhc.FEATURES.index("particles 1")
    assert medians["two-prong"][tau] < 0.6 * medians["normal"][tau]
    assert medians["narrow"][count] < 0.5 * medians["normal"][count]


def test_features_have_the_symmetries_of_an_event(sets):
    x = sets["normal"].particles.double()
    for act in (lambda p: lhc.turn(p, 2.5), lhc.reflect):
        assert equivariance_error(lhc.features, x, act, identity).relative < 1e-9
    assert equivariance_error(lhc.relative, x, lambda p: lhc.turn(p, 2.5), identity).relative < 1e-9
    assert equivariance_error(lhc.relative, x, lhc.reflect, identity).relative > 0.01


def test_mixing(sets):
    mixed = lhc.mix(sets["normal"], sets["two-prong"], 0.02)
    assert len(mixed) == 1500 and int(mixed.signal.sum()) == 30
    kept = ~mixed.signal
    assert torch.equal(mixed.particles[kept], sets["normal"].particles[kept])
    with pytest.raises(ValueError, match=r"share = 0\.5 .* wants 750 signal events; there are 9"):
        lhc.mix(sets["normal"], sets["two-prong"][:9], 0.5)


def test_sets_are_reproducible():
    first = lhc.simulate(50, seed=3).particles
    assert torch.equal(first, lhc.simulate(50, seed=3).particles)
    assert not torch.equal(first, lhc.simulate(50, seed=4).particles)
    with pytest.raises(ValueError, match="kind = 'odd' is none of: normal"):
        lhc.simulate(5, "odd")
    with pytest.raises(ValueError, match="at least one event"):
        lhc.simulate(0)


def write_olympics(path, events, label):
    """A file in the format of the Olympics: 700 particles an event in random order, one label."""
    table = np.zeros((len(events), 2101))
    rng = np.random.default_rng(0)
    for row, event in zip(table, events.reshape(len(events), -1, 3), strict=True):
        present = event[event[:, 0] > 0]
        row[: 3 * len(present)] = rng.permutation(present).ravel()
    table[:, -1] = label
    with h5py.File(path, "w") as file:
        file.create_dataset("df/block0_values", data=table)


def test_reads_the_olympics_file(sets, tmp_path):
    path, events = tmp_path / "events_anomalydetection.h5", sets["two-prong"][:200]
    write_olympics(path, events.particles.numpy(), np.arange(200) % 2)
    read = lhc.read_olympics(path)
    assert read.signal.tolist() == [bool(i % 2) for i in range(200)]
    ours, theirs = lhc.features(events.particles), lhc.features(read.particles)
    # Jets are found again by cones; what lies outside of them is lost.
    assert (ours[:, 0] - theirs[:, 0]).abs().median() < 0.01
    assert (ours[:, -1] - theirs[:, -1]).abs().median() < 0.01
    assert len(lhc.read_olympics(path, n=10)) == 10


def test_bad_olympics_files_are_refused(tmp_path):
    path = tmp_path / "bad.h5"
    with pytest.raises(FileNotFoundError, match=r"zenodo\.org/records/4536377"):
        lhc.read_olympics(path)
    path.write_text("no file of events")
    with pytest.raises(ValueError, match=r"bad\.h5 is not the Olympics' file"):
        lhc.read_olympics(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("df/block0_values", data=np.zeros((3, 15)))
    with pytest.raises(ValueError, match=r"bad\.h5 has rows of \(15,\)"):
        lhc.read_olympics(path)
    write_olympics(path, np.tile([100.0, 0.0, 0.0], (4, 1, 1)), 0)
    with pytest.raises(ValueError, match=r"bad\.h5: 4 of 4 events have no jet number 2"):
        lhc.read_olympics(path)


def test_area_is_that_of_scikit_learn_and_counts_ties_half():
    rng = np.random.default_rng(0)
    b, s = rng.integers(0, 20, 500), rng.integers(5, 25, 300)
    theirs = roc_auc_score(np.repeat([0, 1], [500, 300]), np.concatenate([b, s]))
    assert roc(b, s).auc == pytest.approx(theirs)
    assert roc([1.0, 1.0], [1.0, 1.0]).auc == 0.5
    with pytest.raises(ValueError, match="all finite"):
        roc([0.0, np.nan], [1.0, 2.0])


def test_error_of_the_area_is_its_scatter():
    rng = np.random.default_rng(1)
    found = [roc(rng.normal(size=200), rng.normal(1, 1, 100)) for _ in range(300)]
    scatter = np.std([f.auc for f in found], ddof=1)
    assert np.mean([f.error for f in found]) == pytest.approx(scatter, rel=0.15)


def test_improvement_of_a_perfect_and_a_useless_score():
    perfect = roc(np.linspace(0, 1, 1000), np.linspace(2, 3, 500))
    value, _, left = perfect.improvement(least=20)
    assert left == pytest.approx(0.02) and value == pytest.approx(0.02**-0.5)
    rng = np.random.default_rng(2)
    value, error, _ = roc(rng.normal(size=20_000), rng.normal(size=20_000)).improvement()
    assert value == pytest.approx(1, abs=6 * max(error, 0.02))
    with pytest.raises(ValueError, match="at least 20"):
        roc([0.0, 1.0], [1.0, 2.0]).improvement()


def test_distance_is_that_of_a_gaussian():
    torch.manual_seed(0)
    root = torch.randn(4, 4)
    x = torch.randn(20_000, 4) @ root.T + 3
    d = Scale.fit(x).distance(x)
    assert d.mean().item() == pytest.approx(4, abs=0.1)
    assert d.var().item() == pytest.approx(8, rel=0.1)
    with pytest.raises(ValueError, match=r"features \[1\] are the same"):
        Scale.fit(torch.stack([torch.randn(9), torch.ones(9)], 1))


@pytest.fixture(scope="module")
def flow():
    """A flow trained on a banana, and held-out points."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(6000, 2, generator=chance)
    x = torch.stack([x[:, 0], 0.5 * x[:, 1] + x[:, 0] ** 2], 1)
    torch.manual_seed(0)
    model = Flow(2, layers=4, width=24)
    from parity_nb.discovery.latents import bottleneck_recipe

    fit(model, x[:4000], bottleneck_recipe(8, 128, 5e-3), step=lambda m: lambda b: -m(b).mean(),
        progress=False)  # fmt: skip
    return model.eval(), x[4000:]


def test_a_flow_learns_a_density(flow):
    model, x = flow
    grid = torch.linspace(-8, 16, 600)
    points = torch.cartesian_prod(grid[:400], grid)
    with torch.no_grad():
        mass = model(points).exp().sum().item() * (24 / 599) ** 2
        found = model(x)
    assert mass == pytest.approx(1, abs=0.02), "a density integrates to one"
    truth = -0.5 * (x[:, 0] ** 2 + ((x[:, 1] - x[:, 0] ** 2) / 0.5) ** 2) - np.log(np.pi)
    assert (truth - found).mean().item() < 0.15


def test_a_flow_makes_what_it_scores(flow):
    model, x = flow
    assert told_apart(x, model.sample(2000, seed=3)).auc < 0.65
    made = model.sample(500, seed=1)
    assert torch.equal(made, model.sample(500, seed=1))
    with pytest.raises(ValueError, match="needs two"):
        Flow(1)


def test_told_apart():
    torch.manual_seed(1)
    x = torch.randn(3000, 3)
    same = told_apart(x[:1500], x[1500:])
    assert abs(same.auc - 0.5) < 4 * same.error
    assert told_apart(x, x + 1).auc > 0.8
    with pytest.raises(ValueError, match="at least 40"):
        told_apart(x[:10], x)
