"""Many small networks of one kind at once, each with weights of its own.

Ten networks of a hundred thousand weights keep a device as busy as one of a million.  Their
weights are stacked (`torch.func.stack_module_state`) and one batched network evaluates them all;
an optimiser that works weight by weight trains them without exchange between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble:
    """K networks of one kind, evaluated and trained together on one device.

    Attributes:
        weights: stacked parameters by name, (K, ...) each, leaves that take gradients.
        buffers: stacked buffers by name.
        size: K.

    Args:
        networks: the networks, alike but for their weights.
        device: where they are to live.

    Raises:
        ValueError: for no networks.
    """

    def __init__(self, networks: Sequence[nn.Module], device: torch.device | str = "cpu"):
        if not networks:
            raise ValueError("an ensemble needs at least one network")
        weights, buffers = stack_module_state([n.to(device) for n in networks])
        self.weights = {name: w.detach().requires_grad_() for name, w in weights.items()}
        self.buffers = buffers
        self.device = torch.device(device)
        self.skeleton = deepcopy(networks[0]).to("meta")
        self.size = len(networks)

    def __call__(self, x: Tensor, shared: bool = False) -> Tensor:
        """Inputs (K, N, ...), or (N, ...) for all if `shared`, to outputs (K, N, ...)."""

        def one(weights, buffers, x):
            return functional_call(self.skeleton, (weights, buffers), (x,))

        return vmap(one, in_dims=(0, 0, None if shared else 0))(self.weights, self.buffers, x)

    @torch.no_grad()
    def evaluate(self, x: Tensor, owner: Sequence[int] | None = None, batch: int = 500) -> Tensor:
        """Outputs (K, N, ...) on the CPU.

        Args:
            x: (N, ...) for all networks, or (S, N, ...) with `owner`.
            owner: which of the S sets each network gets, K numbers.
            batch: items of a set at a time.
        """
        shared = owner is None
        parts = x.split(batch, dim=0 if shared else 1)
        pick = (lambda part: part) if shared else (lambda part: part[list(owner)])
        values = [self(pick(part.to(self.device)), shared).float().cpu() for part in parts]
        return torch.cat(values, 1)

    def __getitem__(self, index: Tensor) -> Ensemble:
        """Some of the networks, by their numbers or a mask, with copies of their weights."""
        some = copy(self)
        some.weights = {n: w.detach()[index].requires_grad_() for n, w in self.weights.items()}
        some.buffers = {n: b[index] for n, b in self.buffers.items()}
        some.size = len(next(iter(some.weights.values())))
        return some

    def network(self, k: int) -> nn.Module:
        """The k-th network as a module of its own, on the CPU."""
        single = deepcopy(self.skeleton).to_empty(device="cpu")
        state = {n: w[k].detach().cpu() for n, w in (self.weights | self.buffers).items()}
        single.load_state_dict(state)
        return single
