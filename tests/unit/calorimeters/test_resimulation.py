"""Events in the disc, their detectors, networks on lists of cells, and many trained at once."""

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from parity_nb.calorimeters.methods.resimulation import (
    ANGLES,
    SCHEMES,
    copies,
    make_ensemble,
    objective,
    train,
    turn_images,
    turn_images_as_published,
)
from parity_nb.calorimeters.networks.cell_lists import FCN, NETWORKS, PFN, InvariantNet
from parity_nb.calorimeters.world.disc import (
    CONCENTRATION,
    DETECTORS,
    FEWEST,
    OBLONG,
    POINTS,
    SOFTEST,
    UNIFORM,
    draw_events,
    log_likelihood_ratio,
    shower,
    turn,
)
from parity_nb.data import project_root
from parity_nb.ensembles import Ensemble
from parity_nb.making.chapters import chapters
from parity_nb.statistics import roc_area
from parity_nb.symmetry import equivariance_error, identity


@pytest.fixture(scope="module")
def events():
    return draw_events(400, torch.Generator().manual_seed(1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# --- events


def test_events_are_what_they_are_called(events):
    points, label = events
    present = points[..., 2] > 0
    assert points.shape == (400, POINTS, 3) and label.sum() == 200
    assert present.sum(1).min() == FEWEST and present.sum(1).max() == POINTS
    assert points[..., 2][present].min() >= SOFTEST
    assert points[..., :2].square().sum(-1).max() <= 1 + 1e-6


def test_the_radius_has_the_density_it_should_have():
    points, label = draw_events(20_000, generator(), concentration=0.8)
    u = points[..., :2].square().sum(-1)
    for kind, mean in ((0, 1 / 2), (1, 1 / 2 - 0.8 / 6)):  # E u = 1/2 - a/6
        chosen = u[label == kind][points[label == kind][..., 2] > 0]
        assert abs(chosen.mean() - mean) < 4 * chosen.std() / len(chosen) ** 0.5


def test_the_likelihood_ratio_is_one():
    """The mean of p(signal)/p(background) over background is 1, and turning changes nothing."""
    points, label = draw_events(40_000, generator(2))
    ratio = log_likelihood_ratio(points)
    background = ratio[label == 0].exp()
    assert abs(background.mean() - 1) < 4 * background.std() / len(background) ** 0.5
    turned = log_likelihood_ratio(turn(points, 33.0))
    assert (turned - ratio).abs().max() < 1e-4


def test_no_concentration_is_no_signal():
    points, label = draw_events(4000, generator(3), concentration=0.0)
    r = points[..., :2].square().sum((1, 2))
    area = roc_area(r, label)
    assert abs(area.value - 0.5) < 4 * area.error


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 10, "concentration": 1.5}])
def test_events_that_cannot_be(arguments):
    with pytest.raises(ValueError, match=r"at least one|between 0 and 1"):
        draw_events(generator=generator(), **arguments)


def test_a_wrong_point_is_named(events):
    points = events[0][:5].clone()
    points[3, 2, 2] = -1
    with pytest.raises(ValueError, match="event 3, point 2"):
        shower(points, generator())
    points[3, 2, 2] = math.nan
    with pytest.raises(ValueError, match="event 3, point 2"):
        shower(points, generator())
    with pytest.raises(ValueError, match=r"\(N, P, 3\)"):
        shower(points[..., :2], generator())


# --- detectors


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_energy_is_kept_but_for_the_edge(detector, events):
    seen = detector.respond(events[0], generator()).sum((1, 2))
    made = events[0][..., 2].sum(1)
    assert (seen <= made * (1 + 1e-5)).all() and seen.sum() > 0.98 * made.sum()


def test_one_particle_is_in_its_cell():
    particle = torch.tensor([[[0.30, -0.90, 2.0]]])
    image = OBLONG.image(particle)
    assert image.shape == (1, 32, 4) and image[0, 20, 0] == 2 and image.sum() == 2
    x, y = OBLONG.centres()[20 * 4]
    assert abs(x - 0.30) < 1 / 32 and abs(y + 0.90) < 1 / 4
    assert UNIFORM.image(torch.tensor([[[1.5, 0.0, 2.0]]])).sum() == 0


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_lists_hold_the_image(detector, events):
    images = detector.respond(events[0], generator())
    cells = detector.cells(images)
    assert cells.shape == (400, detector.capacity, 3)
    fits = (images > 0).sum((1, 2)) <= detector.capacity
    assert fits.float().mean() > 0.99
    particles = cells[fits]  # a cell as one particle makes the image again
    assert torch.allclose(detector.image(particles), images[fits])
    order = cells[0][cells[0, :, 2] > 0]
    place = ((order[:, 0] + 1) * 16).floor() * detector.columns + (
        (order[:, 1] + 1) / 2 * detector.columns
    ).floor()
    assert (place.diff() > 0).all()


def test_overfull_lists():
    image = torch.zeros(1, 32, 32)
    image[0].fill_(1.0)
    image[0, 31, 31] = 5.0
    largest, first = UNIFORM.cells(image), UNIFORM.cells(image, keep="first")
    assert largest[0, -1, 2] == 5 and first[0, -1, 2] == 1
    assert first[0, :, 0].max() < 0  # nothing from the upper half of the disc
    with pytest.raises(ValueError, match="neither"):
        UNIFORM.cells(image, keep="last")
    with pytest.raises(ValueError, match="32, 4"):
        OBLONG.cells(image)


def residual(detector, particles, degrees, how=turn_images):
    return equivariance_error(
        detector.image, particles, lambda p: turn(p, degrees), lambda i: how(i, degrees)
    ).relative


def test_where_the_detector_keeps_the_symmetry(events):
    particles = shower(events[0].double(), generator())
    for degrees in ANGLES[1:]:
        kept = degrees % 90 == 0
        assert (residual(UNIFORM, particles, degrees) < 1e-6) == kept
        assert (residual(OBLONG, particles, degrees) < 1e-6) == (degrees == 180)
    assert residual(OBLONG, particles, 90) > 0.5


def test_turned_images_are_turned(events):
    """The centre of energy goes where it should: not exactly where energy leaves the square."""
    inner = events[0].clone()
    inner[..., :2] *= 0.6
    images = UNIFORM.respond(inner, generator())

    def centre(images):
        return images.flatten(1) @ UNIFORM.centres() / images.flatten(1).sum(1, keepdim=True)

    for degrees in (30, 45, 135):
        turned = turn(torch.cat([centre(images), torch.ones(400, 1)], 1), degrees)[:, :2]
        assert (centre(turn_images(images, degrees)) - turned).abs().max() < 12e-3
        assert (centre(turn_images(images, degrees)) - turned).mean(0).norm() < 2e-3
        assert (centre(turn_images_as_published(images, degrees)) - turned).mean(0).norm() > 0.01


def test_copies(events):
    points = events[0][:20]
    for way in ("pre", "post", "post-published"):
        made = copies(points, OBLONG, way, generator())
        assert made.shape == (20, 8, OBLONG.capacity, 3)
    first = copies(points, OBLONG, "pre", generator())[:, 0]
    assert torch.equal(first, OBLONG.cells(OBLONG.respond(points, generator())))
    with pytest.raises(ValueError, match="none of"):
        copies(points, OBLONG, "sideways", generator())


# --- networks


@pytest.mark.parametrize("name", NETWORKS)
def test_which_networks_are_invariant(name, events):
    cells = UNIFORM.cells(UNIFORM.respond(events[0], generator())).double()
    network = NETWORKS[name](UNIFORM.capacity, 16).double()
    network.set_scale(cells)
    error = equivariance_error(network, cells, lambda c: turn(c, 37.0), identity).relative
    assert (error < 1e-6) == (name == "invariant")


def test_the_scale_comes_from_the_training_events(events):
    cells = UNIFORM.cells(UNIFORM.respond(events[0], generator()))
    network = FCN(UNIFORM.capacity, 8)
    network.set_scale(cells)
    x = (cells.flatten(1) - network.mean) / network.std
    used = cells.flatten(1).std(0) > 0
    assert torch.allclose(x.std(0, correction=0)[used], torch.ones(int(used.sum())), atol=1e-3)
    assert x.isfinite().all()


def test_empty_cells_count_for_nothing(events):
    cells = OBLONG.cells(OBLONG.respond(events[0], generator()))
    longer = torch.cat([cells, torch.zeros(400, 9, 3)], 1)
    for make in (PFN, InvariantNet):
        network = make(width=8)
        assert torch.allclose(network(cells), network(longer), atol=1e-4)


# --- many at once


def test_an_ensemble_is_its_networks(events):
    cells = OBLONG.cells(OBLONG.respond(events[0], generator()))
    networks = [FCN(OBLONG.capacity, 8) for _ in range(3)]
    alone = torch.stack([n(cells) for n in networks])
    ensemble = Ensemble(networks)
    assert torch.allclose(ensemble.evaluate(cells), alone, atol=1e-5)
    assert torch.allclose(ensemble.network(2)(cells), alone[2], atol=1e-5)
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([])


def small(sizes, scheme, seeds, **options):
    """An FCN for each size, on one sample of 60 events."""
    points, labels = draw_events(60, generator(5), concentration=1.0)
    cells = copies(points, OBLONG, SCHEMES[scheme].way or "pre", generator(6))[None]
    owner = [0] * len(sizes)
    ensemble = make_ensemble(lambda: FCN(OBLONG.capacity, 8), cells, sizes, owner, seeds)
    curve = train(
        ensemble,
        cells,
        labels[None],
        sizes,
        owner,
        SCHEMES[scheme],
        (cells[:, :, 0], labels[None]),
        progress=False,
        **{"steps": 40, "images": 16, "rate": 1e-2, "checkpoints": 4, **options},
    )
    return ensemble, curve


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_learns_something(scheme):
    _, curve = small([60, 60], scheme, [1, 2], steps=150)
    assert curve.auc.shape == (4, 2) and curve.steps.tolist() == [38, 75, 113, 150]
    assert (curve.auc.max(0) > 0.75).all()  # training events are the validation events here


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_trained(name):
    """All of it: stacked, three steps, one with a penalty of its own, and taken out again."""
    points, labels = draw_events(40, generator(5), concentration=1.0)
    cells = copies(points, OBLONG, "pre", generator(6))[None]
    kind = NETWORKS[name]
    ensemble = make_ensemble(lambda: kind(OBLONG.capacity, 8), cells, [40, 20], [0, 0], [1, 2])
    before = ensemble.evaluate(cells[0, :, 0])
    train(
        ensemble,
        cells,
        labels[None],
        [40, 20],
        [0, 0],
        SCHEMES["pre-encouraged"],
        (cells[:, :, 0], labels[None]),
        steps=3,
        images=16,
        rate=1e-2,
        penalty=[0.0, 10.0],
        checkpoints=1,
        progress=False,
    )
    after = ensemble.evaluate(cells[0, :, 0])
    assert not torch.allclose(before, after)
    assert torch.allclose(ensemble.network(1)(cells[0, :, 0]), after[1], atol=1e-4)


def test_members_do_not_talk_to_each_other():
    """A member trained beside another one is what it would have been beside a third."""
    first, _ = small([60, 20], "pre", [1, 2])
    second, _ = small([60, 40], "pre", [1, 3])
    for (name, a), b in zip(first.weights.items(), second.weights.values(), strict=True):
        assert torch.allclose(a[0], b[0], atol=1e-6), name
        assert not torch.allclose(a[1], b[1], atol=1e-6)


def test_fewer_steps_than_checkpoints():
    _, curve = small([60], "none", [1], steps=3, checkpoints=10)
    assert curve.steps.tolist() == [1, 2, 3] and curve.auc.shape == (3, 1)


def test_the_kept_weights_are_those_of_the_best_checkpoint():
    ensemble, curve = small([60, 60, 60], "none", [1, 2, 3], steps=60)
    points, labels = draw_events(60, generator(5), concentration=1.0)
    cells = copies(points, OBLONG, "pre", generator(6))[:, 0]
    for k, scores in enumerate(ensemble.evaluate(cells)):
        assert abs(roc_area(scores, labels).value - curve.auc[:, k].max()) < 1e-9


def test_the_objective_is_the_published_one():
    logits = torch.randn(2, 5, 8, generator=generator())
    labels = torch.tensor([[0.0, 1, 0, 1, 1]] * 2)
    penalty = torch.tensor([0.0, 10.0])
    p = logits.sigmoid()
    entropy = -(labels[..., None] * p.log() + (1 - labels[..., None]) * (1 - p).log())
    expected = entropy.mean((1, 2)) + penalty * p.std(2).square().mean(1)
    assert torch.allclose(objective(logits, labels, penalty), expected, atol=1e-6)
    single = objective(logits[..., :1], labels, penalty)
    assert torch.allclose(single, objective(logits[..., :1], labels, 0 * penalty))


def test_a_large_penalty_silences_the_network():
    loud, _ = small([60], "pre-encouraged", [1], penalty=0.0, steps=100)
    silent, _ = small([60], "pre-encouraged", [1], penalty=1e5, steps=100)
    points, _ = draw_events(200, generator(8), concentration=1.0)
    cells = OBLONG.cells(OBLONG.respond(points, generator(9)))
    spread = [e.evaluate(cells).sigmoid().std().item() for e in (loud, silent)]
    assert spread[1] < 0.1 * spread[0]


def test_what_training_refuses():
    with pytest.raises(ValueError, match="do not hold"):
        small([60], "pre-encouraged", [1], images=4)
    with pytest.raises(ValueError, match="at least one of each"):
        small([60], "pre", [1], steps=0)
    with pytest.raises(ValueError, match="no size above"):
        small([61], "pre", [1])
    with pytest.raises(FloatingPointError, match="lower the rate"):
        small([60], "pre", [1], rate=1e20)


def test_auc_and_its_error():
    labels = (torch.arange(2000) % 2).float()
    scores = torch.randn(2000, generator=generator()) + 0.5 * labels
    area = roc_area(scores, labels)
    assert abs(area.value - roc_auc_score(labels, scores)) < 1e-12
    resampled = []
    for seed in range(200):
        chosen = torch.randint(2000, (2000,), generator=generator(seed))
        resampled.append(roc_auc_score(labels[chosen], scores[chosen]))
    assert 0.85 < torch.tensor(resampled).std() / area.error < 1.15
    assert roc_area(torch.zeros(2000), labels).value == 0.5
    with pytest.raises(ValueError, match="at least two"):
        roc_area(scores[:2], labels[:2])
    with pytest.raises(ValueError, match="NaN"):
        roc_area(scores.log(), labels)


def test_the_chapters_have_the_tuned_concentration():
    known = chapters(project_root())
    for name in ("calorimeters/resimulation", "calorimeters/resimulation-training"):
        assert known[name].defaults["concentration"] == CONCENTRATION
