"""Living snails, simulated: truth, symmetry of all that should be symmetric, sets, cache."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from parity_nb.snails.data import rendering, splits
from parity_nb.snails.data.living_sets import (
    LIVING_SETS,
    draw_photographs,
    first_of_each,
    living_set,
    living_shells,
    living_snails,
)
from parity_nb.snails.data.rendering import PIXELS
from parity_nb.snails.data.splits import train_and_test
from parity_nb.snails.world.animals import HELICOIDEA, OTHER, SLUG, SPECIES, TAXA, Animal
from parity_nb.snails.world.field import _ODD, Field, Photograph, draw_again, draw_photograph
from parity_nb.snails.world.hand_model import MODEL, hand_surface
from parity_nb.snails.world.surface import join, tube, turn
from parity_nb.symmetry import mirror_where

N = 30
pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="module")
def population(data):
    return living_snails(N, workers=1)


def shell_masks(*given, **options):
    return living_shells(*given, **options).images[:, 0] > 127


@pytest.fixture(scope="module")
def drawn():
    """What 3,000 photographs show; nothing is rendered."""
    return [photo for _, photo in draw_photographs(3000, seed=1, burst=1)]


@pytest.fixture(scope="module")
def out_there():
    with Field(128) as field:
        yield field


# --- truth


def test_images_and_their_truth(population):
    assert population.images.shape == (N, 3, PIXELS, PIXELS)
    assert population.images.dtype == torch.uint8
    assert (population.images.float().std((1, 2, 3)) > 3).all(), "no empty picture"
    truth = population.meta
    assert list(truth) == [
        "observation", "species", "family", "taxon", "chirality", "hand", "mirrored"
    ]  # fmt: skip
    assert ((truth["taxon"] == SLUG) == (truth["chirality"] == "none")).all()
    assert set(truth["hand"]) <= {"none", "left", "right"}
    assert not truth["mirrored"].any()
    assert truth["observation"].is_monotonic_increasing
    assert truth["observation"].nunique() < N, "some observations have several photographs"
    assert (truth.groupby("observation")["species"].nunique() == 1).all()


def test_the_population_has_the_shares_it_says(drawn):
    taxa = pd.Series([photo.animal.species.taxon for photo in drawn]).value_counts()
    for taxon, share in TAXA.items():
        assert abs(taxa[taxon] / len(drawn) - share) < 4 * (share / len(drawn)) ** 0.5
    hands = pd.Series([photo.hand for photo in drawn]).value_counts()
    assert 0.08 < 1 - hands["none"] / len(drawn) < 0.12
    assert hands["left"] > 1.5 * hands["right"]


def test_chiralities_of_shells(drawn):
    truth = pd.DataFrame([(p.animal.species.family, p.animal.chirality) for p in drawn])
    left = (truth[1] == "left").groupby(truth[0]).mean()
    assert left["Clausiliidae"] > 0.9, "door snails are left-handed"
    assert 0 < left["Helicidae"] < 0.04, "and elsewhere it is rare"
    assert {s.taxon for s in SPECIES if s.family == "Clausiliidae"} == {OTHER}


def test_masks_show_the_shells(population):
    masks = shell_masks(N)
    assert masks.shape == (N, PIXELS, PIXELS)
    assert masks.dtype == torch.bool
    seen = masks.flatten(1).sum(1).numpy()
    slug = (population.meta["taxon"] == SLUG).to_numpy()
    assert (seen[slug] == 0).all()
    assert (seen[~slug & (population.meta["hand"] == "none").to_numpy()] > 50).all()


def test_a_mask_is_where_the_picture_changes_with_the_shell(out_there):
    snail = Animal(SPECIES[0], look=3)
    photo = Photograph(snail, heading=1.0)
    picture, mask = out_there.shoot(photo)
    # Another look of the same animal has other colours on the shell and on the body.
    other, same = out_there.shoot(replace(photo, animal=replace(snail, look=4)))
    assert np.array_equal(mask, same)
    gap = np.abs(picture.astype(int) - other).max(axis=-1)
    assert gap[mask].mean() > 3
    shell_only = replace(snail, out=False)
    _, alone = out_there.shoot(replace(photo, animal=shell_only))
    assert 0.7 < alone.sum() / mask.sum() < 1.5, "the body is no shell"


# --- all but the two hands is as likely as its mirror image


def test_the_mirrored_scene_gives_the_mirrored_picture(out_there):
    for i in range(8):
        rng = np.random.default_rng([2, i])
        photo = draw_photograph(rng, hands=0.5)
        photo = draw_again(photo, rng) if i % 2 else photo
        other = photo.mirrored()
        if photo.animal.chirality != "none":
            assert {photo.animal.chirality, other.animal.chirality} == {"left", "right"}
        assert (photo.hand, other.hand) in {
            ("none", "none"), ("left", "right"), ("right", "left")
        }  # fmt: skip
        (picture, shell), (seen, shell_seen) = out_there.shoot(photo), out_there.shoot(other)
        gap = np.abs(picture[:, ::-1].astype(int) - seen).max(axis=-1)
        assert (gap > 8).mean() < 0.005, "only single pixels on edges"
        assert (shell[:, ::-1] != shell_seen).mean() < 0.005
        assert (np.abs(picture.astype(int) - seen).max(axis=-1) > 8).mean() > 0.02


def test_mirrored_twice_is_the_photograph():
    photo = draw_photograph(np.random.default_rng(3), hands=1)
    assert photo.mirrored().mirrored() == photo


@pytest.mark.parametrize("name", [n for n in _ODD if not n.startswith("hand")])
def test_what_a_mirror_negates_is_drawn_symmetrically(drawn, name):
    values = np.array([getattr(photo, name) for photo in drawn if photo.hand == "none"])
    assert stats.ks_2samp(values[::2], -values[1::2]).pvalue > 1e-3
    right = np.array([photo.animal.chirality == "right" for photo in drawn if photo.hand == "none"])
    assert stats.ks_2samp(values[right], values[~right]).pvalue > 1e-3


@pytest.mark.parametrize("name", ["bend", "yaw", "tilt"])
def test_postures_are_drawn_symmetrically(drawn, name):
    values = np.array([getattr(photo.animal, name) for photo in drawn])
    assert stats.ks_2samp(values[::2], -values[1::2]).pvalue > 1e-3


def test_slugs_and_stones_are_drawn_symmetrically(drawn):
    slugs = [photo.animal.reflected for photo in drawn if photo.animal.species.taxon == SLUG]
    assert stats.binomtest(sum(slugs), len(slugs)).pvalue > 1e-3
    aside = [y for photo in drawn for _, y, *_ in photo.stones]
    assert stats.binomtest(int(np.sum(np.array(aside) > 0)), len(aside)).pvalue > 1e-3


def test_left_and_right_human_hands_are_held_alike(drawn):
    for name in ("hand_azimuth", "hand_lean"):
        hands = {
            hand: np.array([getattr(p, name) for p in drawn if p.hand == hand])
            for hand in ("left", "right")
        }
        assert stats.ks_2samp(hands["left"], -hands["right"]).pvalue > 1e-3
        if name == "hand_azimuth":
            assert stats.ks_2samp(hands["left"], hands["right"]).pvalue < 1e-3


def test_slugs_without_hands_show_nothing(out_there):
    """A linear odd function, fitted to half of them, is a coin for the rest, unless marked."""
    slugs = []
    for i in range(400):
        photo = draw_photograph(np.random.default_rng([4, i]), hands=0)
        if photo.animal.species.taxon == SLUG:
            slugs.append(out_there.shoot(photo)[0])
    pictures = np.stack(slugs).reshape(len(slugs), 16, 8, 16, 8, 3).mean(axis=(2, 4, 5))

    def positive(pictures):
        odd = (pictures - pictures[:, :, ::-1]).reshape(len(pictures), -1)
        half = len(odd) // 2
        return np.mean(odd[half:] @ odd[:half].mean(axis=0) > 0), len(odd) - half

    fraction, n = positive(pictures)
    assert abs(fraction - 0.5) < 3.5 * 0.5 / n**0.5
    marked = pictures.copy()
    marked[:, :2, :2] += 120  # a stamp in the corner
    assert positive(marked)[0] > 0.95


# --- the control, chance, and the cache


def test_the_control_mirrors_what_s_shows(population):
    control = living_snails(N, variant="SLR")
    coin = control.meta["mirrored"].tolist()
    assert 0 < sum(coin) < N
    assert control.meta.drop(columns="mirrored").equals(population.meta.drop(columns="mirrored"))
    # Without JPEG the pipeline commutes up to rounding, so the flip can be undone afterwards.
    undone = mirror_where(control.images, coin)
    assert (undone.int() - population.images.int()).abs().max() <= 1
    assert mirror_where(shell_masks(N, variant="SLR"), coin).equal(shell_masks(N))


def test_the_same_seed_gives_the_same_photographs():
    assert draw_photographs(40, seed=5) == draw_photographs(60, seed=5)[:40]
    assert draw_photographs(40, seed=5) != draw_photographs(40, seed=6)
    bursts = pd.Series([observation for observation, _ in draw_photographs(600, 0, burst=3)])
    assert 2.5 < len(bursts) / bursts.nunique() < 3.5
    alone = [observation for observation, _ in draw_photographs(50, 0, burst=1)]
    assert alone == list(range(50))


def test_a_burst_looks_like_its_first_photograph(out_there):
    rng = np.random.default_rng(8)
    first = draw_photograph(rng, hands=0)
    again = draw_again(first, rng)
    assert again.animal == first.animal
    pictures = [out_there.shoot(p)[0].astype(int) for p in (first, again)]
    stranger = out_there.shoot(draw_photograph(rng, hands=0))[0]
    near, far = (np.abs(pictures[0] - other).mean() for other in (pictures[1], stranger))
    assert 0 < near < 0.7 * far


def test_rendered_once(population, monkeypatch):
    # What is asked before rendering; to replace a step itself would change the folder.
    monkeypatch.setattr(rendering, "check_opengl", lambda: pytest.fail("rendered"))
    assert living_snails(N).images.equal(population.images)
    assert living_snails(N, variant="SLR").images.shape == population.images.shape
    for other in ({"seed": 1}, {"burst": 2.0}, {"hands": 0.5}):
        with pytest.raises(pytest.fail.Exception, match="rendered"):
            living_snails(N, **other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "at least one image"),
        ({"variant": "s"}, "neither"),
        ({"burst": 0.5}, "at least one photograph"),
        ({"hands": 1.5}, "no share"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        living_snails(**({"images": 5} | options))
    with pytest.raises(ValueError, match=message):
        shell_masks(**({"images": 5} | options))


# --- L1 to L6


def test_the_six_sets(population):
    sets = {name: living_set(name, population) for name in LIVING_SETS}
    truth = population.meta
    helicoidea, hand = truth["taxon"] == HELICOIDEA, truth["hand"] != "none"
    assert len(sets["L1"]) == helicoidea.sum()
    assert len(sets["L2"]) == len(sets["L4"]) == len(sets["L6"]) == (helicoidea & ~hand).sum()
    assert len(sets["L3"]) == (helicoidea & hand).sum() == len(sets["L1"]) - len(sets["L2"])
    assert len(sets["L5"]) == (~hand).sum() > len(sets["L2"])
    assert (sets["L3"].meta["hand"] != "none").all()
    assert sets["L4"].images.equal(sets["L2"].grey().images)
    assert sets["L6"].images.equal(sets["L2"].images)
    assert [s.name for s in sets.values()] == list(LIVING_SETS)


def test_hands_are_removed_as_a_remover_decides(population):
    removed = np.arange(N) % 3 == 0
    kept, gone = (living_set(name, population, removed) for name in ("L5", "L3"))
    assert kept.images.equal(population[np.flatnonzero(~removed)].images)
    helicoidea = (population.meta["taxon"] == HELICOIDEA).to_numpy()
    assert len(gone) == (helicoidea & removed).sum()
    with pytest.raises(ValueError, match=f"3 decisions for {N}"):
        living_set("L2", population, [True, False, True])
    with pytest.raises(ValueError, match="none of: L1, L2"):
        living_set("L7", population)


def test_train_and_test_share_no_observation(population):
    train, test = train_and_test("L1", "S", N, fold=1)
    assert not set(train.meta["observation"]) & set(test.meta["observation"])
    assert not test.meta["observation"].duplicated().any()
    chosen = living_set("L1", population)
    assert set(chosen.meta["observation"]) == {
        *train.meta["observation"],
        *test.meta["observation"],
    }
    assert len(first_of_each(chosen)) == chosen.meta["observation"].nunique()
    with pytest.raises(ValueError, match=r"M0.*L6"):
        train_and_test("L0", "S", N)


def test_l6_tests_what_the_other_variant_has_not_seen():
    train, test = train_and_test("L6", "S", N)
    seen, tested = train_and_test("L2", "SLR", N)
    assert train.images.equal(seen.images)
    assert train.name == "L6 SLR"
    assert test.meta["observation"].equals(tested.meta["observation"])
    assert not test.meta["mirrored"].any()


def test_l6_shared_has_the_images_of_l6():
    train, test = train_and_test("L6-shared", "S", N, fold=2)
    fresh = train_and_test("L6", "S", N, fold=2)
    assert train.images.equal(fresh[0].images)
    assert test.images.equal(fresh[1].images)


def test_shells_of_the_test_images(population):
    _, test = train_and_test("L2", "S", N, fold=3)
    _, drawn = living_set("L2", living_shells(N)).split(fold=3, by="observation")
    shells = first_of_each(drawn).images[:, 0] > 127
    assert shells.shape == (len(test), PIXELS, PIXELS)
    masks = shell_masks(N)
    for image, shell in zip(test.images, shells, strict=True):
        where = int((population.images == image).flatten(1).all(1).nonzero()[0, 0])
        assert shell.equal(masks[where])


def test_model_sets_are_split_as_before(monkeypatch, population):
    monkeypatch.setattr(splits, "model_set", lambda *given: population)
    for ours, theirs in zip(
        train_and_test("M3", "S", N, fold=2), population.split(fold=2), strict=True
    ):
        assert ours.images.equal(theirs.images)


# --- surfaces and the human hand


def test_a_tube_faces_outwards():
    ring, along = np.linspace(0, 2 * np.pi, 13), np.linspace(0, 1, 5)[:, None]
    for side in (1, -1):
        points = np.stack(np.broadcast_arrays(np.cos(ring), side * np.sin(ring), along), axis=-1)
        made = tube(points, np.ones(3))
        outward = made.points * [1, 1, 0]
        assert np.allclose(made.normals, outward, atol=1e-6)
        a, b, c = made.points[made.faces].swapaxes(0, 1)
        assert (np.einsum("ni,ni->n", np.cross(b - a, c - a), a * [1, 1, 0]) > 0).all()
    both = join([made, made.moved(turn("z", 0.3), 2.0, (1, 0, 0))])
    assert len(both.points) == 2 * len(made.points)
    assert both.faces.max() == len(both.points) - 1
    for axis in "xyz":
        rotation = turn(axis, 0.7)
        assert np.allclose(rotation @ rotation.T, np.eye(3))
        assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.allclose(turn("z", np.pi / 2) @ [1, 0, 0], [0, 1, 0])


def test_the_hand_is_the_one_of_the_package():
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert digest == "bc67783144944ea1cda54d9247885825ea5fb9d4651469fe7d00be517a5c2b87"
    notice = (MODEL.parent / "LICENSE-left-hand.md").read_text()
    assert "MIT License" in notice
    assert "Copyright (c) 2019 Amazon" in notice


def test_left_and_right_hands():
    left, joints = hand_surface("left", (0.8, 0.6, 0.5))
    right, mirrored = hand_surface("right", (0.8, 0.6, 0.5))
    assert np.allclose(left.points, right.points * [1, -1, 1])
    assert 0.15 < np.ptp(left.points[:, 0]) < 0.25, "metres"
    # Palm up and fingers away, the thumb of a left hand is on the left.
    assert joints["thumb-tip"][1] > 0.03
    assert mirrored["thumb-tip"][1] < -0.03
    assert joints["middle-finger-tip"][0] > 0.1
    with pytest.raises(ValueError, match="neither"):
        hand_surface("none", (0.8, 0.6, 0.5))


def test_fingers_bend_without_changing_length():
    (_, flat), (_, bent) = (hand_surface("left", (1, 1, 1), curl) for curl in (0.0, 0.5))
    assert bent["index-finger-tip"][2] > flat["index-finger-tip"][2] + 0.02
    for one, other in (("proximal", "intermediate"), ("intermediate", "distal")):
        a, b = f"index-finger-phalanx-{one}", f"index-finger-phalanx-{other}"
        lengths = [np.linalg.norm(j[a] - j[b]) for j in (flat, bent)]
        assert lengths[0] == pytest.approx(lengths[1])
