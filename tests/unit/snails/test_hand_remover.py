"""The hand remover of its chapter: network, rules, training, performance, what it leaves."""

import os
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
import torch
from chapter_code import chapter_code
from torchvision.models import resnet18

from parity_nb.images import ImageSet, normalise
from parity_nb.statistics import optimum, positive_fraction
from parity_nb.symmetry import equivariance_error, identity, mirror
from parity_nb.training import evaluate, load_weights, save_weights

code = chapter_code("snails/hand-remover")
ResNet18, RULES, Remover = code.ResNet18, code.RULES, code.Remover
RECIPE, fit_to_labels = code.RECIPE, code.fit_to_labels
performance, remove_hands, balanced = code.performance, code.remove_hands, code.balanced
OneSided, one_sided = code.OneSided, code.one_sided
MEDIAPIPE, NoMediaPipeError, mediapipe_hands = (
    code.MEDIAPIPE,
    code.NoMediaPipeError,
    code.mediapipe_hands,
)

RNG = np.random.default_rng(0)


def shown(hands, **columns):
    meta = pd.DataFrame({"observation": range(len(hands)), "hand": hands, **columns})
    return ImageSet(torch.zeros(len(hands), 3, 16, 16, dtype=torch.uint8), meta)


def test_balanced():
    sets = [shown(["none"] * 6, category="dog"), shown(["right", "left", "left"], aspect="dorsal")]
    both = balanced(sets, seed=1)
    assert (both.meta.hand != "none").tolist().count(True) == len(both) / 2 == 3
    assert len(balanced(sets, images=4)) == 4
    with pytest.raises(ValueError, match="3 pictures with hands and 6 without"):
        balanced(sets, images=8)


# --- the network and the rules


def images(n=24, size=64):
    return torch.from_numpy(RNG.integers(0, 256, (n, 3, size, size), dtype=np.uint8))


def test_the_widest_network_is_resnet18():
    ours, theirs = ResNet18(), resnet18(weights=None, num_classes=1)
    shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == shapes
    ours.load_state_dict(theirs.state_dict())
    x = normalise(images(4))
    assert torch.equal(ours.eval()(x), theirs.eval()(x)[:, 0])


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("rule", "even"), [("plain", False), ("or", True), ("even", True)])
def test_two_rules_make_the_network_even(rule, even, train):
    torch.manual_seed(0)
    remover = Remover(ResNet18(8), rule).train(train)
    x = normalise(images())
    single, double = (
        equivariance_error(remover.to(kind), x.to(kind), mirror, identity).relative
        for kind in (torch.float32, torch.float64)
    )
    if not even:
        assert min(single, double) > 0.01
    else:
        # statistics of a batch of noise hardly differ: what is left of them is rounding
        assert train or single < 1e-6
        assert double < 1e-12


def test_or_is_the_answer_or_the_answer_about_the_mirror_image():
    torch.manual_seed(0)
    g = ResNet18(8)
    x = images(64)
    cut = float(evaluate(g, x).median())
    decision = evaluate(Remover(g, "or", cut), x) > 0
    either = (evaluate(g, x) > cut) | (evaluate(g, mirror(x)) > cut)
    assert torch.equal(decision, either)
    assert decision.sum() > (evaluate(g, x) > cut).sum()


def test_rules_have_names():
    with pytest.raises(ValueError, match=", ".join(RULES)):
        Remover(ResNet18(8), "odd")


def test_a_saved_remover_decides_alike(tmp_path):
    torch.manual_seed(0)
    remover = Remover(ResNet18(8), "even", cut=0.25)
    path = save_weights(remover, tmp_path / "remover.pt")
    x = images()
    again = load_weights(Remover(ResNet18(8), "even"), path)
    assert torch.equal(evaluate(remover, x), evaluate(again, x))
    with pytest.raises(ValueError, match="rule 'even', not 'or'"):
        load_weights(Remover(ResNet18(8), "or"), path)
    with pytest.raises(ValueError, match="another network"):
        load_weights(Remover(ResNet18(16), "even"), path)


# --- training and judging


def with_bars(n, side="left", size=32):
    """Dark noise; the first half has a bright bar at one side."""
    x = torch.from_numpy(RNG.integers(0, 60, (n, 3, size, size), dtype=np.uint8))
    bar = slice(4, 10) if side == "left" else slice(size - 10, size - 4)
    x[: n // 2, :, 8:24, bar] = 250
    return x, np.arange(n) < n // 2


def test_training_finds_what_is_labelled_and_no_mirror_image():
    """A network that was trained on bars at the left knows these; an even one knows both."""
    x, bar = with_bars(160)
    recipe = RECIPE.shortened(3)
    new, truth = with_bars(80)
    right, _ = with_bars(80, "right")
    right_bars = torch.cat([x, with_bars(160, "right")[0]])
    accuracy = {}
    for rule, pictures, labels in (
        ("plain", right_bars, [*bar, *[False] * 160]),
        ("even", x, bar),
    ):
        torch.manual_seed(0)
        remover = Remover(ResNet18(8), rule)
        history = fit_to_labels(remover, pictures, labels, recipe)
        assert history.losses[-3:].mean() < 0.3 < history.losses[:3].mean()
        accuracy[rule] = [
            ((evaluate(remover, some) > 0).numpy() == truth).mean() for some in (new, right)
        ]
    assert min(accuracy["even"]) > 0.95
    assert accuracy["plain"][0] > 0.95
    assert accuracy["plain"][1] < 0.6


@pytest.mark.parametrize("labels", [[True] * 4, [False] * 4, [True, False]])
def test_training_needs_both_kinds(labels):
    with pytest.raises(ValueError, match="4 pictures"):
        fit_to_labels(ResNet18(8), images(4), labels)


def test_performance_is_counted():
    score = [0.9, 0.8, 0.7, 0.6, 0.1, 0.1, 0.0, -1.0, -1.0, -2.0]
    hand = [1, 1, 0, 1, 0, 0, 0, 0, 0, 1]
    table = performance(score, hand, cuts=[0.5, 0.6, 5.0]).set_index("cut")
    assert table.removed.tolist() == pytest.approx([0.4, 0.3, 0.0])
    assert table.efficiency.tolist() == [0.75, 0.5, 0.0]
    assert table.false.tolist() == pytest.approx([1 / 6, 1 / 6, 0])
    assert table.purity[0.5] == pytest.approx(3 / 4)
    assert table.purity[0.6] == pytest.approx(2 / 3)
    assert np.isnan(table.purity[5.0])
    assert table.left.tolist() == pytest.approx([1 / 6, 2 / 7, 0.4])
    assert table["efficiency error"][0.5] == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    whole = performance(score, hand)
    assert whole.removed[0] == 0
    assert whole.removed.is_monotonic_increasing
    assert len(whole) == len(set(score))
    rarer = performance(score, hand, share=0.1, cuts=[0.5])
    assert rarer.removed[0] == pytest.approx(0.1 * 0.75 + 0.9 / 6)
    assert rarer.purity[0] == pytest.approx(0.075 / 0.225)


def test_performance_errors_are_those_of_repeated_samples():
    rng, hand = np.random.default_rng(0), np.arange(400) < 150
    samples = [
        performance(rng.normal(hand), hand, share=0.1, cuts=[1.0]).iloc[0] for _ in range(600)
    ]
    frame = pd.DataFrame(samples)
    for name in ("efficiency", "false", "removed", "purity", "left"):
        assert frame[name].std() == pytest.approx(frame[f"{name} error"].mean(), rel=0.12), name


@pytest.mark.parametrize(("hand", "share"), [([0] * 3, None), ([1] * 3, None), ([0, 1, 0], 1.0)])
def test_performance_needs_both_kinds(hand, share):
    with pytest.raises(ValueError, match=r"both kinds|share"):
        performance([1.0, 2.0, 3.0], hand, share)


def test_removing_marks_and_divides():
    class Bright(torch.nn.Module):
        def forward(self, x):
            return x.mean((1, 2, 3))

    pictures = torch.stack([torch.full((3, 8, 8), v, dtype=torch.uint8) for v in (0, 250, 10)])
    kept, removed = remove_hands(ImageSet(pictures, pd.DataFrame({"k": [0, 1, 2]})), Bright())
    assert kept.meta.k.tolist() == [0, 2]
    assert removed.meta.k.tolist() == [1]
    assert removed.meta["hand found"].tolist() == [True]
    assert (kept.meta["hand score"] <= 0).all()


# --- what an uneven decision does to a symmetric population


class Leftish(torch.nn.Module):
    """Finds pictures that are brighter on the left by more than `cut`."""

    def __init__(self, cut):
        super().__init__()
        self.cut = cut

    def forward(self, x):
        return (x - mirror(x))[..., : x.shape[-1] // 2].mean((1, 2, 3)) - self.cut


def test_one_sided_is_the_bound_of_the_best_odd_function():
    """Symmetric noise, cut by a decision that is not even: f = brighter on the right sees it."""
    noise = images(4000, size=4)
    remover = Leftish(0.3)
    left = one_sided(*(evaluate(remover, x) > 0 for x in (noise, mirror(noise))))
    assert left.both + left.one + left.none == 4000
    pairs = torch.cat([noise, mirror(noise)])
    stays, mirror_stays = (evaluate(remover, copies) <= 0 for copies in (pairs, mirror(pairs)))
    a = (1.0 - mirror_stays.double()[stays]) / (1.0 + mirror_stays.double()[stays])
    phi = 2 * np.arctanh(np.clip(a.numpy(), 0, 1 - 1e-15))
    assert left.largest_fraction == pytest.approx(optimum(phi).fraction, abs=1e-9)
    assert 0.6 < left.largest_fraction < 0.9

    kept = noise[evaluate(remover, noise) <= 0]
    best = positive_fraction(-Leftish(0.0)(normalise(kept)))
    assert best.fraction == pytest.approx(left.largest_fraction, abs=4 * best.std)
    assert best.p_exact < 1e-6
    with pytest.raises(ValueError, match="all 10 pictures go"):
        one_sided([True] * 10, [True] * 10)
    with pytest.raises(ValueError, match="decisions"):
        one_sided([True] * 10, [False])


def test_the_error_of_the_share_is_that_of_repeated_samples():
    rng = np.random.default_rng(1)
    pairs = rng.multinomial(500, [0.1, 0.2, 0.7], size=4000)
    samples = [OneSided(both=b, one=o, none=n) for n, o, b in pairs.tolist()]
    spread = np.std([sample.share for sample in samples])
    assert spread == pytest.approx(np.mean([sample.error for sample in samples]), rel=0.05)


def test_an_even_remover_leaves_nothing_alone():
    torch.manual_seed(0)
    g, x = ResNet18(8), images(40)
    cut = float(evaluate(g, x).median())
    for rule in RULES:
        remover = Remover(g, rule, cut)
        pairs = one_sided(evaluate(remover, x) > 0, evaluate(remover, mirror(x)) > 0)
        assert (pairs.one == 0) == (rule != "plain")


# --- MediaPipe


def test_mediapipe_is_skipped_with_a_message(monkeypatch):
    monkeypatch.delenv(MEDIAPIPE, raising=False)
    with pytest.raises(NoMediaPipeError, match=f"skipped: {MEDIAPIPE}"):
        mediapipe_hands(images(1))
    with pytest.raises(NoMediaPipeError, match=r"skipped: cannot run .*no-such-python"):
        mediapipe_hands(images(1), python="no-such-python")
    monkeypatch.setenv(MEDIAPIPE, sys.executable)
    with pytest.raises(NoMediaPipeError, match=r"skipped: .*mediapipe"):
        mediapipe_hands(images(1), size=32)


def test_mediapipe_answers_are_read(tmp_path, monkeypatch):
    """With a Python that has another mediapipe, of the same interface."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    package = tmp_path / "mediapipe.py"
    package.write_text(
        "import os\n"
        "assert 'MPLBACKEND' not in os.environ\n"
        "from types import SimpleNamespace as N\n"
        "class Hands:\n"
        "    def __init__(self, **options): pass\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *error): pass\n"
        "    def process(self, image):\n"
        "        labels = {0: None, 1: ['Left'], 2: ['Right'], 3: ['Left', 'Right']}\n"
        "        found = labels[int(image[0, 0, 0])]\n"
        "        found = found and [N(classification=[N(label=l)]) for l in found]\n"
        "        return N(multi_handedness=found)\n"
        "solutions = N(hands=N(Hands=Hands))\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    pictures = torch.arange(4, dtype=torch.uint8).reshape(4, 1, 1, 1).expand(4, 3, 8, 8)
    assert mediapipe_hands(pictures, str(python), size=16) == ["none", "right", "left", "both"]


def test_mediapipe_has_a_group_of_its_own(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert "mediapipe==0.10.14" in project["dependency-groups"]["hands"]
    assert "numpy>=2" in project["project"]["dependencies"]  # which is why it is no extra


@pytest.mark.skipif(MEDIAPIPE not in os.environ, reason=f"{MEDIAPIPE} names no Python")
def test_mediapipe_sees_no_hands_in_noise():
    assert mediapipe_hands(images(2)) == ["none", "none"]
