"""Tests of `parity_nb.objectives` against values worked out by hand."""

import math

import pytest
import torch

from parity_nb.objectives import OBJECTIVES, mean_over_std, which_is_real


def test_mean_over_std_by_hand():
    # mean 2, standard deviation with n - 1: sqrt((1 + 0 + 1) / 2) = 1
    assert mean_over_std(torch.tensor([1.0, 2.0, 3.0])) == pytest.approx(-2)


def test_mean_over_std_ignores_the_scale_and_is_odd():
    f = torch.tensor([0.5, -1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(mean_over_std(7 * f), mean_over_std(f))
    torch.testing.assert_close(mean_over_std(-f), -mean_over_std(f))


@pytest.mark.parametrize("n", [0, 1])
def test_mean_over_std_refuses_a_batch_without_a_standard_deviation(n):
    with pytest.raises(ValueError, match=r"at least two values.*merge the last short batch"):
        mean_over_std(torch.ones(n))


def test_which_is_real_by_hand():
    assert which_is_real(torch.zeros(5)) == pytest.approx(math.log(2))
    f = torch.tensor([0.0, math.log(3)])  # sigmoid: 1/2 and 3/4
    assert which_is_real(f) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_which_is_real_stays_finite_for_confident_mistakes():
    assert which_is_real(torch.tensor([-1000.0])) == pytest.approx(1000)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_gradient_pushes_f_up_where_it_should(objective):
    f = torch.tensor([0.3, -0.2, 0.1, 0.4], requires_grad=True)
    objective(f).backward()
    step = (f - 1e-3 * f.grad).detach()
    assert objective(step) < objective(f.detach())
    assert f.grad[1] < 0  # the wrong one is raised


def test_an_odd_function_that_learns_nothing_scores_zero_or_log_2():
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert mean_over_std(signs) == 0
    assert which_is_real(0 * signs) == pytest.approx(math.log(2))
