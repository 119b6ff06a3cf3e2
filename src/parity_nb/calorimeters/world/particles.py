"""Final-state particles of many events, as flat tensors, and the symmetries that act on them.

The beam is the z axis.  A particle has a transverse momentum, a pseudorapidity
eta = -log tan(theta / 2) and an azimuth phi; a proton collider with unpolarised beams prefers
no azimuth, and its two beams are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from parity_nb.symmetry import reflect

KINDS = ("photon", "electron", "charged hadron", "neutral hadron", "muon", "invisible")
"""What a detector tells apart; a particle's `kind` is the position here."""
PHOTON, ELECTRON, CHARGED_HADRON, NEUTRAL_HADRON, MUON, INVISIBLE = range(len(KINDS))

COLUMNS = ("event", "pt", "eta", "phi", "charge", "kind")
"""What is known of a particle, in the order of `Particles`."""


@dataclass(frozen=True)
class Particles:
    """The particles of n events, one entry a particle, in order of events.

    Attributes:
        event: number of the event, 0 to n - 1, never falling: (M,) int64.
        pt: transverse momentum in GeV, (M,) float32.
        eta: pseudorapidity at the vertex, (M,) float32.
        phi: azimuth at the vertex in [-pi, pi), (M,) float32.
        charge: in units of the proton's, (M,) int8.
        kind: position in `KINDS`, (M,) int8.
        n: number of events; some may have no particles.

    Raises:
        ValueError: if lengths differ, an event number is out of range or order, or a momentum
            is negative or not finite.
    """

    event: Tensor
    pt: Tensor
    eta: Tensor
    phi: Tensor
    charge: Tensor
    kind: Tensor
    n: int

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in COLUMNS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"particles need one entry each everywhere, not {lengths}")
        if len(self.event):
            if self.event[0] < 0 or self.event[-1] >= self.n or (self.event.diff() < 0).any():
                raise ValueError(
                    f"event numbers must rise from 0 to {self.n - 1}; sort the particles by event"
                )
            for name in ("pt", "eta", "phi"):
                wrong = ~torch.isfinite(getattr(self, name))
                if wrong.any():
                    where = int(self.event[wrong][0])
                    raise ValueError(f"{name} of a particle of event {where} is not finite")
            if (self.pt < 0).any():
                where = int(self.event[self.pt < 0][0])
                raise ValueError(f"a particle of event {where} has a negative pt")

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, events: slice) -> Particles:
        """The events of a slice without a step, numbered from 0 again."""
        start, stop, step = events.indices(self.n)
        if step != 1:
            raise ValueError("events are sliced without a step; use `take` for others")
        stop = max(start, stop)
        edges = torch.tensor([start, stop], device=self.event.device)
        first, last = torch.searchsorted(self.event, edges).tolist()
        part = self.where(slice(first, last))
        return replace(part, event=part.event - start, n=stop - start)

    def where(self, chosen: Tensor | slice) -> Particles:
        """The chosen particles, a mask (M,) or a slice; the number of events stays."""
        if isinstance(chosen, Tensor) and chosen.dtype == torch.bool:
            chosen = chosen.nonzero()[:, 0]
        return replace(self, **{name: getattr(self, name)[chosen] for name in COLUMNS})

    def take(self, events: Sequence[int] | Tensor) -> Particles:
        """The given events in the given order, numbered from 0 again."""
        events = torch.as_tensor(events, device=self.event.device)
        counts = torch.bincount(self.event, minlength=self.n)
        starts = counts.cumsum(0) - counts
        size = counts[events]
        new = torch.arange(len(events), device=events.device).repeat_interleave(size)
        within = torch.arange(len(new), device=events.device) - (size.cumsum(0) - size)[new]
        return replace(self.where(starts[events][new] + within), event=new, n=len(events))

    def to(self, device: torch.device | str) -> Particles:
        """The same particles on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in COLUMNS})

    @property
    def energy(self) -> Tensor:
        """Energy of each particle without mass, pt cosh(eta) in GeV: (M,)."""
        return self.pt * torch.cosh(self.eta)

    def sum(self, values: Tensor) -> Tensor:
        """Sum of a value (M,) over the particles of each event: (n,)."""
        total = torch.zeros(self.n, dtype=values.dtype, device=values.device)
        return total.index_add_(0, self.event, values)

    # --- what a symmetry does to the events

    def eta_flip(self) -> Particles:
        """Reflection z -> -z, which exchanges the beams: eta -> -eta.  The book's parity here.

        Up to a rotation about the beam it is the inversion of space.
        """
        eta, _ = reflect(self._angles(), 0).T.contiguous()
        return replace(self, eta=eta)

    def phi_flip(self) -> Particles:
        """Reflection y -> -y in a plane that holds the beam: phi -> -phi."""
        _, phi = reflect(self._angles(), 1).T.contiguous()
        return replace(self, phi=_wrapped(phi))

    def _angles(self) -> Tensor:
        return torch.stack([self.eta, self.phi], 1)

    def half_turn(self) -> Particles:
        """Rotation by 180 degrees about the x axis, across the beam: eta -> -eta, phi -> -phi."""
        return self.eta_flip().phi_flip()

    def phi_rotation(self, angle: float | Tensor) -> Particles:
        """Rotation about the beam by one angle in radians, or by one an event: (n,)."""
        if isinstance(angle, Tensor) and angle.ndim:
            angle = angle.to(self.phi)[self.event]
        return replace(self, phi=_wrapped(self.phi + angle))

    def conjugate(self) -> Particles:
        """All charges the other way round."""
        return replace(self, charge=-self.charge)


def _wrapped(phi: Tensor) -> Tensor:
    return torch.remainder(phi + math.pi, 2 * math.pi) - math.pi


def concatenate(sets: Sequence[Particles]) -> Particles:
    """All events of several sets, one set after the other.

    Raises:
        ValueError: for no sets.
    """
    if not sets:
        raise ValueError("there are no sets of particles to put together")
    columns = {name: torch.cat([getattr(s, name) for s in sets]) for name in COLUMNS[1:]}
    starts = list(accumulate((s.n for s in sets), initial=0))
    event = torch.cat([s.event + start for s, start in zip(sets, starts, strict=False)])
    return Particles(event=event, n=starts[-1], **columns)
