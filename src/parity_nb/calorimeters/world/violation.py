"""Simulated collisions that know left from right, by a known amount.

A heavy particle X decays to a charged lepton and a quark, as a leptoquark would, while a jet
recoils against it.  In the symmetric world q(x) the decay is isotropic.  So alpha, the azimuth of
the lepton about X's flight b, counted from the plane of b and the beam z, is uniform, and

    h(x) = sin 2 alpha = 2 c s / (c^2 + s^2),   s = p . (z x b),   c = p . (b x (z x b)),

with p the lepton's momentum in the rest frame of X.  In h there are five momenta, the p twice and
b three times, and the beam twice.  So h changes its sign under parity; it does not change under
rotations about the beam nor if the beams are exchanged.  On the unrolled cylinder its sign tells
whether lepton and quark lie like a slash or like a backslash.

The world of strength e has the density p(x) = q(x) (1 + e h(x)).  So the asymmetry is
a(x) = e h(x), and what any function can find is known in closed form (`bound`).  It is made from
q by a coin: an event is replaced by its mirror image with probability (1 - e h) / 2.  Nothing
that parity leaves alone depends on e.

Momenta in GeV, beams along z, pseudorapidity eta = asinh(pz / pt), azimuth phi in (-pi, pi].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from parity_nb.calorimeters.world.fragmentation import Tune, fragment
from parity_nb.calorimeters.world.hard_process import Partons
from parity_nb.calorimeters.world.particles import Particles
from parity_nb.data import choose
from parity_nb.statistics import Optimum
from parity_nb.symmetry import reflect

MASS = 500.0
"""Mass of X, in GeV."""
LEAST_PT, MORE_PT = 600.0, 150.0
"""Transverse momentum of X: its least, and the mean of the exponential excess, in GeV.

Two mass over transverse momentum is how far apart decay products fly: here somewhat more than
one, in pseudorapidity and radians."""
RAPIDITY = 0.6
"""Standard deviation of the rapidity of X; the recoiling jet has that of 1."""

OBJECTS = ("lepton", "quark", "recoiling jet")
"""What the rows of `Decays.momenta` are."""

LAWS = {
    "lepton": lambda events: torch.ones_like(events.charge),
    "flavour": lambda events: torch.where(events.muon, -1.0, 1.0),
    "charge": lambda events: events.charge,
}
"""The sign of the correlation, by the kind of lepton: a name and a function (n,) of the events.

lepton: the same for all.  flavour: electrons one way, muons the other.  charge: by its charge.
The truth holds as much information in all three; a detector may see less."""


@dataclass(frozen=True)
class Decays:
    """Hard objects of n collisions, before quarks become jets.

    Attributes:
        momenta: (n, 3, 3) px, py, pz in GeV of `OBJECTS`.
        muon: (n,) whether the lepton is a muon; else an electron.
        charge: (n,) of the lepton, +1 or -1.
    """

    momenta: Tensor
    muon: Tensor
    charge: Tensor

    def __len__(self) -> int:
        return len(self.momenta)

    def __getitem__(self, index) -> Decays:
        return Decays(self.momenta[index], self.muon[index], self.charge[index])

    @classmethod
    def join(cls, parts: Sequence[Decays]) -> Decays:
        """All events of several sets, one set after the other."""
        return cls(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    @property
    def pt(self) -> Tensor:
        """Transverse momenta in GeV, (n, 3)."""
        return self.momenta[..., :2].norm(dim=-1)

    @property
    def eta(self) -> Tensor:
        """Pseudorapidities, (n, 3)."""
        return torch.asinh(self.momenta[..., 2] / self.pt)

    @property
    def phi(self) -> Tensor:
        """Azimuths in (-pi, pi], (n, 3)."""
        return torch.atan2(self.momenta[..., 1], self.momenta[..., 0])


def draw(n: int, seed: int = 0) -> Decays:
    """Draw n independent collisions of the symmetric world.

    Raises:
        ValueError: for no events.
    """
    if n < 1:
        raise ValueError(f"n = {n} events: at least one is needed")
    chance = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=chance, dtype=torch.float64)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, dtype=torch.float64)

    axis = normal(n, 3)
    axis = MASS / 2 * axis / axis.norm(dim=1, keepdim=True)
    pt = LEAST_PT - MORE_PT * torch.log1p(-uniform(n))
    phi = 2 * torch.pi * uniform(n)
    across = pt[:, None] * torch.stack([phi.cos(), phi.sin()], 1)
    along = (pt.square() + MASS**2).sqrt() * (RAPIDITY * normal(n)).sinh()
    x = torch.cat([across, along[:, None]], 1)
    products = _boosted(torch.stack([axis, -axis], 1), x / MASS)
    recoil = torch.cat([-across, (pt * normal(n).sinh())[:, None]], 1)
    momenta = torch.cat([products, recoil[:, None]], 1)
    coins = uniform(2, n) < 0.5
    return Decays(momenta, coins[0], torch.where(coins[1], 1.0, -1.0))


def _boosted(p: Tensor, u: Tensor) -> Tensor:
    """Massless momenta (n, k, 3) seen from where their frame has velocity times gamma u (n, 3)."""
    u = u[:, None]
    gamma = (1 + u.square().sum(-1, keepdim=True)).sqrt()
    pu = (p * u).sum(-1, keepdim=True)
    return p + u * (p.norm(dim=-1, keepdim=True) + pu / (1 + gamma))


def pseudoscalar(events: Decays, law: str = "lepton") -> Tensor:
    """Return h of each event, with the sign of the law: (n,), from -1 to 1.

    A boost along b leaves what is across it alone, so momenta need not be boosted back.

    Raises:
        ValueError: for an unknown law.
    """
    sign = choose("law", law, LAWS)(events)
    lepton, b = events.momenta[:, 0], events.momenta[:, :2].sum(1)
    z = torch.tensor([0.0, 0.0, 1.0], dtype=b.dtype).expand_as(b)
    normal = torch.linalg.cross(z, b)
    other = torch.linalg.cross(b / b.norm(dim=1, keepdim=True), normal)
    s, c = (lepton * normal).sum(1), (lepton * other).sum(1)
    return sign * 2 * s * c / (s.square() + c.square())


def mirrored(events: Decays) -> Decays:
    """The events in a mirror across the beam, z -> -z: parity, then half a turn about the beam.

    It is what the mirror of images does, eta -> -eta, with azimuths as they are.
    """
    return replace(events, momenta=reflect(events.momenta, 2))


def mirrored_where(events: Decays, chosen: Tensor) -> Decays:
    """The events, of which those chosen, (n,), are replaced by their mirror images."""
    momenta = torch.where(chosen[:, None, None], mirrored(events).momenta, events.momenta)
    return replace(events, momenta=momenta)


def coin(h: Tensor, strength: float, seed: int = 0) -> Tensor:
    """Which events to mirror so that symmetric ones get the density q (1 + strength h): (n,).

    The mirror image of an event has -h, so the density of what is left alone, (1 + e h) / 2, and
    of what comes in by the mirror, again (1 + e h) / 2, add up to 1 + e h.

    Args:
        h: the pseudoscalar of events of the symmetric world, (n,).
        strength: from 0, no violation, to 1.
        seed: of the coin; one uniform number an event, whatever the strength.

    Raises:
        ValueError: for a strength outside 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength = {strength} makes a density only between 0 and 1")
    u = torch.rand(len(h), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return u < (1 - strength * h) / 2


def truth(events: Decays, strength: float, law: str = "lepton") -> Tensor:
    """The true log ratio log p(x) / p(Px) = 2 atanh(strength h): (n,)."""
    return 2 * torch.atanh(strength * pseudoscalar(events, law))


def bound(strength: float) -> Optimum:
    """The best that any function of the event can reach, in closed form.

    In the symmetric world h is the sine of a uniform angle, so E|a| = 2 e / pi,
    E[a^2] = e^2 / 2, and the quality is the mean of (1 + e sin) log(1 + e sin) over the circle.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength = {strength} makes a density only between 0 and 1")
    power, root = strength**2 / 2, math.sqrt(1 - strength**2)
    return Optimum(
        0.5 + strength / math.pi,
        math.sqrt(power / (1 - power)),
        1 - root + math.log((1 + root) / 2),
    )


# --- particles


CHUNK = 2000
"""Events made at a time, which bounds the memory."""


def partons(events: Decays) -> Partons:
    """The hard objects with the codes of the Particle Data Group: a u quark, a gluon."""
    lepton = torch.where(events.muon, 13, 11) * -events.charge.long()
    rest = torch.tensor([2, 21]).expand(len(events), 2)
    code = torch.cat([lepton[:, None], rest], 1).flatten()
    energy = events.momenta.norm(dim=-1, keepdim=True)
    n = len(events)
    return Partons(
        torch.arange(n).repeat_interleave(3),
        code,
        torch.cat([energy, events.momenta], -1).reshape(-1, 4),
        torch.zeros((n, 2), dtype=torch.int64),
        torch.ones_like(code),
        n,
    )


def batches(
    n: int, strength: float, law: str = "flavour", seed: int = 0, tune: Tune | None = None
) -> Iterator[tuple[Particles, Decays]]:
    """Particles of n events of known strength, and their truth, up to `CHUNK` events at a time.

    Symmetric events become particles first, then the coin replaces some of them by their mirror
    images, and only then may a detector look at them.  With the same seed, events of another
    strength or law differ by nothing but the coin.

    Args:
        n: number of events.
        strength: of the violation, from 0 to 1.
        law: a name in `LAWS`.
        seed: of all chance.
        tune: numbers of the fragmentation.
    """
    symmetric = draw(n, seed)
    chosen = coin(pseudoscalar(symmetric, law), strength, seed + 2_000_003)
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        particles = fragment(partons(symmetric[part]), generator, tune)
        flipped = chosen[part].to(particles.event.device)[particles.event]
        eta = torch.where(flipped, particles.eta_flip().eta, particles.eta)
        yield replace(particles, eta=eta), mirrored_where(symmetric[part], chosen[part])
