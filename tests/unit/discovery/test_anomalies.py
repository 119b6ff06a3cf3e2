"""Features of events, and scores of outliers, as the chapter on anomalies has them."""

import h5py
import numpy as np
import pytest
import torch
from chapter_code import chapter_code
from sklearn.metrics import roc_auc_score
from zuko.flows import RealNVP

from parity_nb.discovery.methods.latents import bottleneck_recipe
from parity_nb.discovery.world import dijets
from parity_nb.symmetry import equivariance_error, identity, reflect
from parity_nb.training import fit

chapter = chapter_code("discovery/anomalies")
KINDS = ("normal", "two-prong", "narrow")


@pytest.fixture(scope="module")
def sets():
    return {kind: dijets.simulate(1500, kind, seed=1) for kind in KINDS}


def mirrored(particles):
    return reflect(particles, axis=2)


def test_masses_are_those_of_the_decay(sets):
    x = chapter.features_of(sets["two-prong"].particles)
    column = chapter.FEATURES.index
    heavy, light = (x[:, column(f"log mass {i}")].exp().median().item() for i in (1, 2))
    assert heavy == pytest.approx(dijets.DAUGHTERS[0], rel=0.1)
    assert light == pytest.approx(dijets.DAUGHTERS[1], rel=0.15)
    both = x[:, column("log dijet mass")].exp().median().item()
    assert both == pytest.approx(dijets.RESONANCE, rel=0.05)


def test_mass_of_two_particles():
    """m^2 = 2 pt pt' (cosh d eta - cos d phi), and tau21 of two particles is zero."""
    particles = torch.zeros(1, 2, dijets.PARTICLES, 3, dtype=torch.float64)
    particles[0, 0, :2] = torch.tensor([[300.0, 0.2, 3.1], [100.0, 0.5, -3.0]])
    particles[0, 1, 0] = torch.tensor([350.0, -0.3, 0.0])
    x = chapter.features_of(particles)[0]
    mass = (2 * 300 * 100 * (np.cosh(0.3) - np.cos(3.1 + 3.0))) ** 0.5
    assert x[0].exp().item() == pytest.approx(mass, rel=1e-6)
    assert x[2].item() == pytest.approx(0, abs=1e-6)
    assert x[4:6].tolist() == [2, 1]


def test_signals_are_more_and_less_complicated(sets):
    medians = {k: chapter.features_of(s.particles).median(0).values for k, s in sets.items()}
    tau, count = chapter.FEATURES.index("tau21 1"), chapter.FEATURES.index("particles 1")
    assert medians["two-prong"][tau] < 0.6 * medians["normal"][tau]
    assert medians["narrow"][count] < 0.5 * medians["normal"][count]


def test_features_have_the_symmetries_of_an_event(sets):
    x = sets["normal"].particles.double()
    for act in (lambda p: chapter.turn(p, 2.5), mirrored):
        assert equivariance_error(chapter.features_of, x, act, identity).relative < 1e-9
    assert (
        equivariance_error(chapter.momenta_of, x, lambda p: chapter.turn(p, 2.5), identity).relative
        < 1e-9
    )
    assert equivariance_error(chapter.momenta_of, x, mirrored, identity).relative > 0.01


def test_hiding(sets):
    mixed = chapter.hide(sets["two-prong"], sets["normal"], 0.02)
    assert len(mixed) == 1500 and int(mixed.signal.sum()) == 30
    kept = ~mixed.signal
    assert torch.equal(mixed.particles[kept], sets["normal"].particles[kept])
    with pytest.raises(ValueError, match=r"share = 0\.5 .* wants 750 signal events; there are 9"):
        chapter.hide(sets["two-prong"][:9], sets["normal"], 0.5)


def test_a_search_has_the_area_and_every_cut():
    rng = np.random.default_rng(0)
    b, s = rng.integers(0, 20, 500), rng.integers(5, 25, 300)
    found = chapter.Search.of(b, s)
    theirs = roc_auc_score(np.repeat([0, 1], [500, 300]), np.concatenate([b, s]))
    assert found.area.value == pytest.approx(theirs)
    cuts = np.unique([*b, *s])[::-1]
    assert found.background == pytest.approx([0, *((b >= cut).mean() for cut in cuts)])
    assert found.signal == pytest.approx([0, *((s >= cut).mean() for cut in cuts)])
    assert chapter.Search.of([1.0, 1.0], [1.0, 1.0]).area.value == 0.5
    with pytest.raises(ValueError, match="NaN"):
        chapter.Search.of([0.0, np.nan], [1.0, 2.0])


def test_error_of_the_area_is_its_scatter():
    rng = np.random.default_rng(1)
    found = [
        chapter.Search.of(rng.normal(size=200), rng.normal(1, 1, 100)).area for _ in range(300)
    ]
    scatter = np.std([f.value for f in found], ddof=1)
    assert np.mean([f.error for f in found]) == pytest.approx(scatter, rel=0.15)


def test_improvement_of_a_perfect_and_a_useless_score():
    perfect = chapter.Search.of(np.linspace(0, 1, 1000), np.linspace(2, 3, 500))
    value, _, left = perfect.improvement(least=20)
    assert left == pytest.approx(0.02) and value == pytest.approx(0.02**-0.5)
    rng = np.random.default_rng(2)
    value, error, _ = chapter.Search.of(
        rng.normal(size=20_000), rng.normal(size=20_000)
    ).improvement()
    assert value == pytest.approx(1, abs=6 * max(error, 0.02))
    with pytest.raises(ValueError, match="at least 20"):
        chapter.Search.of([0.0, 1.0], [1.0, 2.0]).improvement()


def test_distance_is_that_of_a_gaussian():
    torch.manual_seed(0)
    root = torch.randn(4, 4)
    x = torch.randn(20_000, 4) @ root.T + 3
    d = chapter.Scale.fit(x).distance(x)
    assert d.mean().item() == pytest.approx(4, abs=0.1)
    assert d.var().item() == pytest.approx(8, rel=0.1)
    with pytest.raises(ValueError, match=r"features \[1\] are the same"):
        chapter.Scale.fit(torch.stack([torch.randn(9), torch.ones(9)], 1))


@pytest.fixture(scope="module")
def flow():
    """A flow trained on a banana, and held-out points."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(6000, 2, generator=chance)
    x = torch.stack([x[:, 0], 0.5 * x[:, 1] + x[:, 0] ** 2], 1)
    torch.manual_seed(0)
    model = RealNVP(2, transforms=4, hidden_features=(24, 24))
    recipe = bottleneck_recipe(8, 128, 5e-3)
    fit(model, x[:4000], recipe, step=lambda m: lambda b: -m().log_prob(b).mean(), progress=False)
    return model.eval(), x[4000:]


def test_a_flow_learns_a_density(flow):
    model, x = flow
    grid = torch.linspace(-8, 16, 600)
    points = torch.cartesian_prod(grid[:400], grid)
    with torch.no_grad():
        mass = model().log_prob(points).exp().sum().item() * (24 / 599) ** 2
        found = model().log_prob(x)
    assert mass == pytest.approx(1, abs=0.02), "a density integrates to one"
    truth = -0.5 * (x[:, 0] ** 2 + ((x[:, 1] - x[:, 0] ** 2) / 0.5) ** 2) - np.log(np.pi)
    assert (truth - found).mean().item() < 0.15


def test_a_flow_makes_what_it_scores(flow):
    model, x = flow
    with torch.no_grad():
        torch.manual_seed(3)
        assert chapter.told_apart(x, model().sample((2000,))).value < 0.65


def test_told_apart():
    torch.manual_seed(1)
    x = torch.randn(3000, 3)
    same = chapter.told_apart(x[:1500], x[1500:])
    assert abs(same.value - 0.5) < 4 * same.error
    assert chapter.told_apart(x, x + 1).value > 0.8
    with pytest.raises(ValueError, match="at least 40"):
        chapter.told_apart(x[:10], x)


# --- the file of the LHC Olympics


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


def test_reads_the_olympics_file(tmp_path):
    path = tmp_path / "events_anomalydetection.h5"
    events = dijets.simulate(200, "two-prong", seed=1)
    write_olympics(path, events.particles.numpy(), np.arange(200) % 2)
    read = chapter.read_olympics(path)
    assert read.signal.tolist() == [bool(i % 2) for i in range(200)]
    features_of = chapter.features_of
    ours, theirs = features_of(events.particles), features_of(read.particles)
    # Jets are found again by cones; what lies outside of them is lost.
    assert (ours[:, 0] - theirs[:, 0]).abs().median() < 0.01
    assert (ours[:, -1] - theirs[:, -1]).abs().median() < 0.01
    assert len(chapter.read_olympics(path, n=10)) == 10


def test_bad_olympics_files_are_refused(tmp_path):
    path = tmp_path / "bad.h5"
    with pytest.raises(FileNotFoundError, match=r"zenodo\.org/records/4536377"):
        chapter.read_olympics(path)
    path.write_text("no file of events")
    with pytest.raises(ValueError, match=r"bad\.h5 is not the Olympics' file"):
        chapter.read_olympics(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("df/block0_values", data=np.zeros((3, 15)))
    with pytest.raises(ValueError, match=r"bad\.h5 has rows of \(15,\)"):
        chapter.read_olympics(path)
    write_olympics(path, np.tile([100.0, 0.0, 0.0], (4, 1, 1)), 0)
    with pytest.raises(ValueError, match=r"bad\.h5: 4 of 4 events have no jet number 2"):
        chapter.read_olympics(path)
