"""What a parity-odd network is trained to make large; neither objective uses labels.

Both take the values f(x) of a batch, shape (N,), and return a loss to be minimised.  When
training runs in several processes, each passes the values of its own share and gets the
loss of the whole batch, with gradients through every share.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.functional import logsigmoid


def mean_over_std(f: Tensor) -> Tensor:
    """Loss A: minus mean over standard deviation (Gibbon 2023, equation 2; Lester and Tombs 2021).

    The scale of f is free.  The standard deviation has n - 1 in it, as the published code
    has and the published text has not.

    Raises:
        ValueError: for fewer than two values, whose standard deviation does not exist.
    """
    if _processes() > 1:
        n, total = _sum_over_processes(torch.stack([f.new_tensor(f.numel()), f.sum()]))
        mean = total / n
        # A second pass about the mean: a difference of raw moments would lose digits.
        return -mean / (_sum_over_processes((f - mean).square().sum()) / (n - 1)).sqrt()
    if f.numel() < 2:
        raise ValueError(
            "mean_over_std needs at least two values of f in a batch; "
            "merge the last short batch into the one before it"
        )
    return -f.mean() / f.std()


def which_is_real(f: Tensor) -> Tensor:
    """Loss B: mean of -log sigmoid(f) (Tombs and Lester 2022).

    sigmoid(f(x)) is the probability that x, and not its mirror image, is the real one, for
    f(x) = phi; a constant f = 0 scores log 2.
    """
    losses = -logsigmoid(f)
    if _processes() > 1:
        n, total = _sum_over_processes(torch.stack([f.new_tensor(f.numel()), losses.sum()]))
        return total / n
    return losses.mean()


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _SumOverProcesses(torch.autograd.Function):
    """Sum of every process's tensor, known to all of them.

    Every process computes the same loss from it.  Their gradients are summed as well, which
    makes each one too large by the number of processes, and distributed data parallelism
    then takes the mean over processes: the gradient of the whole batch.
    """

    @staticmethod
    def forward(ctx, share: Tensor) -> Tensor:
        total = share.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(share: Tensor) -> Tensor:
    return _SumOverProcesses.apply(share)


OBJECTIVES = {"mean over std": mean_over_std, "which is real": which_is_real}
"""Objectives that a `Recipe` may name."""
