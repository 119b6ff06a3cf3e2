"""Tests of `parity_nb.audit`: functions, random steps, their null distribution and power."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import center_crop

from parity_nb.audit import WHOLE, audit_pipeline
from parity_nb.images import reencode_jpeg
from parity_nb.symmetry import equivariance_error, mirror, mirror_vertical, mirror_where

FEW = {"draws": 8, "permutations": 199, "level": 0.01}


def pictures(n=8, size=16, channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, size, size, generator=generator)


def shifted_by(choices):
    """Shift to the right by one of the numbers of pixels, each as likely."""
    return lambda x: x.roll(choices[int(torch.randint(len(choices), ()))], -1)


def unequal_amplitudes(x):
    """A ramp is added, with an amplitude of mean zero and a long tail on one side."""
    return x + (-torch.rand(()).log() - 1) * torch.linspace(-1, 1, x.shape[-1])


def flip(x):
    return mirror_where(x, torch.rand(len(x)) < 0.5)


# --- functions


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (lambda x: 2 * x + 1, "commutes"),
        (lambda x: x.mean(1, keepdim=True), "commutes"),
        (partial(center_crop, output_size=[12]), "commutes"),
        (partial(center_crop, output_size=[13]), "breaks"),
        (lambda x: x + 1e-4 * torch.linspace(0, 1, x.shape[-1]), "nearly"),
        (lambda x: torch.zeros_like(x), "commutes"),
    ],
)
def test_a_function_is_judged_by_its_equivariance_error(step, verdict):
    x = pictures(channels=3)
    row = audit_pipeline({"step": step}, x, **FEW).loc["step"]
    assert row.verdict == verdict and not row.random and np.isnan(row.p)
    error = equivariance_error(step, x, mirror, mirror)
    assert row.rms == pytest.approx(error.rms, abs=1e-7)
    assert row.relative == pytest.approx(error.relative, abs=1e-6)


def test_jpeg_breaks_where_its_blocks_do_not_fit():
    steps = {"JPEG": partial(reencode_jpeg, quality=20)}
    smooth = torch.nn.functional.avg_pool2d(pictures(8, 68), 5, 1)
    level = ((smooth - smooth.min()) / (smooth.max() - smooth.min()) * 255).byte()
    verdict = {w: audit_pipeline(steps, level[..., :w], **FEW).verdict["JPEG"] for w in (60, 64)}
    assert verdict[60] == "breaks"
    assert verdict[64] in ("commutes", "nearly")


def test_each_step_is_judged_on_what_reaches_it():
    crop = partial(center_crop, output_size=[12])
    alone = audit_pipeline({"crop": crop}, pictures(), **FEW)
    later = audit_pipeline({"pad": v2.Pad((0, 0, 1, 0)), "crop": crop}, pictures(), **FEW)
    assert alone.verdict["crop"] == "commutes"
    assert later.verdict["crop"] == "breaks"


def test_two_wrongs_may_make_a_right_as_a_whole():
    there, back = partial(torch.roll, shifts=1, dims=-1), partial(torch.roll, shifts=-1, dims=-1)
    table = audit_pipeline({"there": there, "back": back}, pictures(), **FEW)
    assert table.verdict.to_dict() == {"there": "breaks", "back": "breaks", WHOLE: "commutes"}


def test_the_mirror_is_a_parameter():
    step = {"shift": partial(torch.roll, shifts=1, dims=-1)}
    assert audit_pipeline(step, pictures(), **FEW).verdict["shift"] == "breaks"
    upright = audit_pipeline(step, pictures(), act=mirror_vertical, **FEW)
    assert upright.verdict["shift"] == "commutes"
    vectors = torch.randn(8, 3)
    assert (
        audit_pipeline({"cube": lambda x: x**3}, vectors, torch.neg).verdict.iloc[0] == "commutes"
    )
    assert audit_pipeline({"square": torch.square}, vectors, torch.neg).verdict.iloc[0] == "breaks"


# --- random steps


def test_a_random_step_is_judged_by_its_law():
    steps = {"both ways": shifted_by([-2, -1, 0, 1, 2]), "one way": shifted_by([0, 1, 2])}
    for name, step in steps.items():
        row = audit_pipeline({name: step}, pictures(), **FEW).loc[name]
        assert row.random
        assert row.verdict == ("not seen" if name == "both ways" else "breaks")


def test_the_size_is_that_of_the_difference_of_means():
    """A ramp of amplitude 1 + noise: P T P has -1, so the means differ by twice the ramp."""
    ramp = torch.linspace(-1, 1, 16)
    x = 0.0 * pictures(32)
    step = {"ramp": lambda v: v + (1 + torch.randn(())) * ramp}
    row = audit_pipeline(step, x, **FEW | {"draws": 64}).loc["ramp"]
    assert row.rms == pytest.approx(2 * ramp.square().mean().sqrt().item(), rel=0.1)


def test_laws_of_equal_means_are_told_apart_by_enough_draws():
    table = audit_pipeline({"ramp": unequal_amplitudes}, pictures(4), draws=64)
    assert table.verdict["ramp"] == "breaks"


def test_a_flip_at_the_end_hides_no_fault():
    """It makes any odd function a fair coin; but what is made of x and of Px still differs."""
    steps = {"crop": partial(center_crop, output_size=[13]), "random flip": flip}
    verdicts = audit_pipeline(steps, pictures(), **FEW).verdict.to_dict()
    assert verdicts == {"crop": "breaks", "random flip": "not seen", WHOLE: "breaks"}


def test_no_two_images_share_their_chance():
    """Torchvision draws one offset for a whole batch; here every image is a batch."""
    seen = []
    crop = v2.RandomCrop(12)
    audit_pipeline({"crop": lambda x: (seen.append(len(x)), crop(x))[1]}, pictures(), **FEW)
    assert set(seen) == {1}


def test_p_is_uniform_under_the_null():
    """On the same image twice: the images need not be a fair sample."""
    x = torch.cat([pictures(1, 6), pictures(1, 6)])
    step = {"shift": lambda v: v.roll(int(torch.randint(-2, 3, ())), -1) + 0.1 * torch.rand(())}
    few = {"draws": 5, "permutations": 99, "level": 0.01}
    p = [audit_pipeline(step, x, seed=seed, **few).p["shift"] for seed in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_chance_is_reproducible_and_the_callers_is_left_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one, other = (
        audit_pipeline({"s": shifted_by([-1, 0, 1])}, pictures(), **FEW) for _ in range(2)
    )
    assert one.equals(other)
    assert torch.equal(torch.get_rng_state(), state)


# --- bad input


def test_bad_input_is_refused():
    x, step = pictures(), {"step": lambda v: v}
    for steps, images in (({}, x), (step, x[:0])):
        with pytest.raises(ValueError, match="nothing to audit"):
            audit_pipeline(steps, images)
    with pytest.raises(ValueError, match="may not be called"):
        audit_pipeline({WHOLE: step["step"]}, x)
    with pytest.raises(ValueError, match="no mirror"):
        audit_pipeline(step, x, act=partial(torch.roll, shifts=1, dims=-1))
    with pytest.raises(ValueError, match="draws"):
        audit_pipeline(step, x, draws=1)
    with pytest.raises(ValueError, match="no p-value"):
        audit_pipeline(step, x, permutations=99)


def test_results_that_cannot_be_compared_are_refused():
    sizes = iter(range(4, 100))
    with pytest.raises(ValueError, match="'grow'"):
        audit_pipeline({"grow": lambda x: x[..., : next(sizes)]}, pictures())
    with pytest.raises(ValueError, match="'double'"):
        audit_pipeline({"double": lambda x: torch.cat([x, x])}, pictures())
