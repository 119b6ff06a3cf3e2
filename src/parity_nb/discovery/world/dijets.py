"""Simulated proton-proton events with two jets, as lists of particle momenta, and rare signals.

A simplified shower and not a full event generator; the scales are those of the LHC Olympics
(Kasieczka et al. 2021): 13 TeV, two jets of radius 1 with more than 1 TeV across the beam.

- *Normal*: quark and gluon jets.  Partons split in two, at angles that shrink and with momentum
  shares z distributed as 1/z, at the rate of a constant strong coupling, until the relative
  momentum falls below 1 GeV; each parton then becomes up to four hadrons.
- *Two-prong*: a particle of 3.5 TeV decays into two of 500 and 100 GeV, and each of these into two
  quarks, which shower.
- *Narrow*: a particle of 3.5 TeV decays into two quark-like jets that hardly shower, as jets of a
  few hadrons would look like.  Simpler than normal, not more complicated.

Momenta are smeared by 5 % a particle and 5 % a jet, angles by 0.005 rad.  Nothing else of a
detector is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from parity_nb.data import choose

PARTICLES = 64
"""Particles kept of each jet, those with the most transverse momentum."""

LEVELS = 5
"""Generations of splittings."""

HADRONS = 4
"""Hadrons from each parton; those below 1 GeV are lost."""

KICK = 0.4
"""Standard deviation of a hadron's momentum across its parton's, in GeV and in each direction."""

RADIUS = 1.0
"""Radius of a jet in pseudorapidity and azimuth."""

THRESHOLD = 1000.0
"""Least transverse momentum of a jet in GeV."""

FALL = 5.0
"""The spectrum of transverse momenta falls with this power."""

COUPLING = 0.15
"""Strong coupling in the shower, taken as constant."""

COLOURS = {"quark": 4 / 3, "gluon": 3.0}
"""Colour factors: a gluon splits more often."""

SOFTEST = 0.02
"""Least share of momentum that a splitting gives away."""

CUTOFF = 1.0
"""The shower ends below this relative transverse momentum in GeV."""

RESONANCE = 3500.0
"""Mass of the decaying particle of both signals in GeV."""

DAUGHTERS = (500.0, 100.0)
"""Masses of its daughters in the two-prong signal in GeV."""

SMEARING = 0.05, 0.005
"""Relative error of a momentum, and error of an angle in radians."""

JET_SCALE = 0.05
"""Relative error that all momenta of a jet share."""


@dataclass(frozen=True)
class Events:
    """Events of two jets.

    Attributes:
        particles: (N, 2, 64, 3) float32: transverse momentum in GeV, pseudorapidity and azimuth in
            radians of the particles of each jet, the hardest first; zeros where there is none.
        signal: (N,) bool.
        name: what they are.
    """

    particles: Tensor
    signal: Tensor
    name: str = "events"

    def __len__(self) -> int:
        return len(self.particles)

    def __getitem__(self, chosen: Tensor | slice) -> Events:
        return replace(self, particles=self.particles[chosen], signal=self.signal[chosen])


def simulate(n: int, kind: str = "normal", seed: int = 0) -> Events:
    """Simulate n events of a kind: "normal", "two-prong" or "narrow".

    Raises:
        ValueError: for fewer than one event or an unknown kind.
    """
    make = choose("kind", kind, {"normal": _normal, "two-prong": _two_prong, "narrow": _narrow})
    if n < 1:
        raise ValueError(f"n = {n}: at least one event is needed")
    chance = torch.Generator().manual_seed(seed)
    particles = torch.cat([make(min(20_000, n - done), chance) for done in range(0, n, 20_000)])
    return Events(particles, torch.full((n,), kind != "normal"), f"{kind}, simulated")


def _uniform(n: int, chance: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=chance)


def _normal(n: int, chance: torch.Generator) -> Tensor:
    pt = THRESHOLD * _uniform(n, chance).clamp(1e-6) ** (-1 / (FALL - 1))
    axes = _axes(pt, _uniform(n, chance, -1, 1), chance)
    colour, first, jets = torch.tensor(list(COLOURS.values())), torch.full((n, 1), RADIUS), []
    for axis in axes:
        which = torch.randint(0, 2, (n,), generator=chance)
        jets.append(_shower(axis[:, :1], first, colour[which], chance))
    return _assemble(jets, axes, chance)


def _two_body(n: int, masses: tuple[float, float], chance: torch.Generator) -> list[Tensor]:
    """Axes of two jets from a resonance at rest across the beam, each above the threshold."""
    a, b = (m**2 for m in masses)
    momentum = ((RESONANCE**2 - a - b) ** 2 - 4 * a * b) ** 0.5 / (2 * RESONANCE)
    largest = (1 - (THRESHOLD / momentum) ** 2) ** 0.5
    cosine = _uniform(n, chance, -largest, largest)
    return _axes(momentum * (1 - cosine**2).sqrt(), torch.atanh(cosine), chance)


def _two_prong(n: int, chance: torch.Generator) -> Tensor:
    axes = _two_body(n, DAUGHTERS, chance)
    order = torch.randint(0, 2, (n,), generator=chance)
    masses = torch.tensor(DAUGHTERS)[torch.stack([order, 1 - order])]
    jets = []
    for axis, mass in zip(axes, masses, strict=True):
        # z (1 - z) pt^2 angle^2 = mass^2; both quarks must end up in the jet
        ratio = (mass / axis[:, 0]) ** 2
        least = (1 - (1 - 4 * ratio / RADIUS**2).clamp(0.01).sqrt()) / 2
        z = least + (1 - 2 * least) * _uniform(n, chance)
        angle = (ratio / (z * (1 - z))).sqrt()
        jets.append(_pair(axis[:, 0], z, angle, chance))
    return _assemble(jets, axes, chance)


def _pair(pt: Tensor, z: Tensor, angle: Tensor, chance: torch.Generator) -> Tensor:
    """Two quarks with shares z and 1 - z, at an angle, each with half as many splittings."""
    spin = _uniform(len(pt), chance, 0, 2 * torch.pi)
    way = torch.stack([spin.cos(), spin.sin()], dim=-1)[:, None]
    prongs = []
    for share, side in ((z, 1 - z), (1 - z, -z)):
        start, first = (pt * share)[:, None], angle[:, None]
        colour = torch.full_like(pt, COLOURS["quark"])
        prong = _shower(start, first, colour, chance, levels=LEVELS - 1)
        prong[..., 1:] += (side * angle)[:, None, None] * way
        prongs.append(prong)
    return torch.cat(prongs, dim=1)


def _narrow(n: int, chance: torch.Generator) -> Tensor:
    axes = _two_body(n, (1.0, 1.0), chance)
    first, colour = torch.full((n, 1), 0.1), torch.full((n,), 0.4)
    jets = [_shower(axis[:, :1], first, colour, chance, levels=2) for axis in axes]
    return _assemble(jets, axes, chance)


def _axes(pt: Tensor, eta: Tensor, chance: torch.Generator) -> list[Tensor]:
    """Momentum, pseudorapidity and azimuth of two back-to-back jets, (N, 3) each, after a boost."""
    boost = 0.5 * torch.randn(len(pt), generator=chance)
    phi = _uniform(len(pt), chance, -torch.pi, torch.pi)
    apart = torch.pi + 0.05 * torch.randn(len(pt), generator=chance)
    first = torch.stack([pt, boost + eta, phi], dim=-1)
    return [first, torch.stack([pt, boost - eta, phi + apart], dim=-1)]


def _shower(
    pt: Tensor, angle: Tensor, colour: Tensor, chance: torch.Generator, levels: int = LEVELS
) -> Tensor:
    """Split partons again and again.

    Args:
        pt: (N, 1) transverse momentum in GeV.
        angle: (N, 1) largest angle of the first splitting.
        colour: (N,) colour factor.
        chance: random numbers.
        levels: generations.

    Returns:
        (N, 2 ** levels, 3): momentum and position relative to the jet's axis; zeros where a
        parton did not split.
    """
    place = torch.zeros(*pt.shape, 2)
    # Splittings per unit of log angle: 2 alpha_s C / pi times the range of log z.
    log_range = torch.log(torch.tensor(0.5 / SOFTEST))
    rate = (2 * COUPLING / torch.pi * log_range * colour)[:, None]
    for _ in range(levels):
        angle = angle * torch.rand(pt.shape, generator=chance).clamp(1e-9) ** (1 / rate)
        z = SOFTEST * torch.exp(log_range * torch.rand(pt.shape, generator=chance))
        splits = z * pt * angle > CUTOFF
        z = torch.where(splits, z, 0.0)
        spin = 2 * torch.pi * torch.rand(pt.shape, generator=chance)
        way = angle[..., None] * torch.stack([spin.cos(), spin.sin()], dim=-1)
        soft, hard = place + (1 - z)[..., None] * way, place - z[..., None] * way
        pt = torch.cat([pt * z, pt * (1 - z)], dim=1)
        place = torch.cat([soft, hard], dim=1)
        angle = torch.cat([angle, angle], dim=1)
    return torch.cat([pt[..., None], place], dim=-1)


def _assemble(jets: list[Tensor], axes: list[Tensor], chance: torch.Generator) -> Tensor:
    """Jets about their axes -> (N, 2, 64, 3) with smeared momenta, the harder jet first."""
    parts = []
    for jet, axis in zip(jets, axes, strict=True):
        jet = _hadrons(jet, chance)
        scale = 1 + JET_SCALE * torch.randn(len(jet), 1, generator=chance)
        pt = scale * jet[..., 0] * (1 + SMEARING[0] * torch.randn(jet.shape[:2], generator=chance))
        place = jet[..., 1:] + axis[:, None, 1:]
        place = place + SMEARING[1] * torch.randn(place.shape, generator=chance)
        parts.append(torch.cat([pt[..., None], place], dim=-1))
    return hardest_first(torch.stack(parts, dim=1))


def _hadrons(jet: Tensor, chance: torch.Generator) -> Tensor:
    """Partons (N, P, 3) -> hadrons (N, 4 P, 3): random shares, and kicks that add up to nothing."""
    shape = (*jet.shape[:2], HADRONS)
    share = -torch.rand(shape, generator=chance).clamp(1e-6).log()
    share = share / share.sum(-1, keepdim=True)
    pt = jet[..., :1] * share
    kick = KICK * torch.randn(*shape, 2, generator=chance)
    kick = kick - share[..., None] * kick.sum(2, keepdim=True)
    place = jet[:, :, None, 1:] + (kick / pt[..., None].clamp(min=CUTOFF)).clamp(-0.5, 0.5)
    return torch.cat([pt[..., None], place], dim=-1).flatten(1, 2)


def wrapped(angle: Tensor) -> Tensor:
    """Angles (...) in radians, brought between -pi and pi."""
    return torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi


def hardest_first(particles: Tensor) -> Tensor:
    """Particles of two jets in any order, (N, 2, P, 3), as `Events` has them.

    Kept are the hardest of each jet above 1 GeV; azimuths are wrapped, the harder jet comes first.
    """
    pt = torch.where(particles[..., 0] > CUTOFF, particles[..., 0], 0.0)
    full = torch.stack([pt, particles[..., 1], wrapped(particles[..., 2])], dim=-1)
    full = full * (pt > 0)[..., None]
    order = pt.argsort(dim=-1, descending=True)[..., :PARTICLES]
    full = full.gather(2, order[..., None].expand(-1, -1, -1, 3))
    if (missing := PARTICLES - full.shape[2]) > 0:
        full = torch.nn.functional.pad(full, (0, 0, 0, missing))
    harder = full[..., 0].sum(-1).argsort(dim=-1, descending=True)
    return full.gather(1, harder[..., None, None].expand_as(full)).float()
