"""From partons to particles, fast: a parametric stand-in for showers and hadrons.

Everything is drawn from a few densities for all events at once, several thousand events a
second.  It is no generator of jets: what it is tuned to, in the chapter
`calorimeters/detector`, is what a coarse calorimeter sees of events made by Pythia 8.

- heavy particles decay in two bodies, tau leptons to neutrinos, a pion and two photons;
- a quark or gluon emits gluons of energy fraction z at an angle theta, both uniform in their
  logarithms;
- it then turns into hadrons, as many as a multiplicity that grows with a power of its energy
  says, with a Gaussian density in log(1/z) (the hump-backed plateau of QCD coherence) and an
  angle between k0/(zE) and the jet's edge;
- the rest of the two protons adds soft particles flat in eta and a few jets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from parity_nb.calorimeters.world.hard_process import (
    MASSES,
    Partons,
    boost,
    charge_thirds,
    isotropic,
)
from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    ELECTRON,
    INVISIBLE,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
)


@dataclass(frozen=True)
class Tune:
    """The numbers of the parametric fragmentation.

    The defaults come from a random search that made histograms of 1,500 black holes and 1,500
    sphalerons (`summary.EDGES`) agree with those of Pythia 8, and were then rounded.  They are
    effective: each stands for more than its name says.

    Attributes:
        emissions: gluons emitted by a quark per unit of log z and log theta (a gluon: 9/4).
        softest: smallest energy fraction of an emitted gluon.
        narrowest: smallest angle of an emitted gluon, in radians.
        multiplicity: particles that a quark of 1 TeV turns into.
        growth: power of the energy with which that number grows.
        gluon: how many times more particles a gluon makes.
        hump: mean of log(1/z) as a share of log(E / 0.25 GeV).
        width: standard deviation of log(1/z), as a share of the same.
        k0: transverse momentum in GeV that sets the smallest angle of a hadron.
        edge: largest angle of a hadron to its jet, in radians.
        core: power to which the uniform number is raised that places the angle in between.
        soft: soft particles a unit of eta from the rest of the event.
        soft_pt: their mean transverse momentum, in GeV.
        extra_jets: mean number of further jets, from the incoming quarks.
        extra_pt: smallest transverse momentum of those, in GeV; they fall with its square.
    """

    emissions: float = 0.042
    softest: float = 0.03
    narrowest: float = 0.05
    multiplicity: float = 45.0
    growth: float = 0.06
    gluon: float = 1.0
    hump: float = 0.52
    width: float = 0.225
    k0: float = 0.19
    edge: float = 0.44
    core: float = 2.5
    soft: float = 9.5
    soft_pt: float = 0.4
    extra_jets: float = 0.14
    extra_pt: float = 21.0


REACH = 5.2
"""Particles beyond this |eta| are not kept."""
SHARES = {
    CHARGED_HADRON: (0.47, 1.0),
    PHOTON: (0.43, 0.5),
    NEUTRAL_HADRON: (0.07, 1.2),
    ELECTRON: (0.006, 0.5),
    MUON: (0.002, 0.8),
}
"""Share in number of each kind of particle in a jet, and its mean energy in arbitrary units."""


@dataclass(frozen=True)
class _Flock:
    """Particles on their way: event, code or kind, four-momentum."""

    event: Tensor
    code: Tensor
    momentum: Tensor

    def where(self, chosen: Tensor) -> _Flock:
        return _Flock(self.event[chosen], self.code[chosen], self.momentum[chosen])

    def __add__(self, other: _Flock) -> _Flock:
        return _Flock(
            torch.cat([self.event, other.event]),
            torch.cat([self.code, other.code]),
            torch.cat([self.momentum, other.momentum]),
        )


def fragment(partons: Partons, generator: torch.Generator, tune: Tune | None = None) -> Particles:
    """Particles that reach |eta| < 5.2, of every event's partons and the rest of its collision.

    Args:
        partons: the hard process.
        generator: of random numbers.
        tune: the numbers; the fitted ones if not given.
    """
    tune = tune or Tune()
    flock = _decay(_Flock(partons.event, partons.code, partons.momentum), generator)
    size = flock.code.abs()
    coloured = (size <= 5) | (size == 21)
    jets = flock.where(coloured) + _extra_jets(partons.n, tune, generator)
    event, kind, momentum = _hadrons(_emit(jets, tune, generator), tune, generator)
    lone = flock.where(~coloured)
    sign = charge_thirds(lone.code).sign().to(torch.int8)
    charge = torch.cat([sign, _signs(kind, generator)])
    momentum = torch.cat([lone.momentum, momentum]).float()
    pt = momentum[:, 1:3].norm(dim=1)
    eta = torch.asinh(momentum[:, 3] / pt.clamp(min=1e-9))
    phi = torch.atan2(momentum[:, 2], momentum[:, 1])
    event, kind = torch.cat([lone.event, event]), torch.cat([_kind(lone.code), kind])
    soft = _soft(partons.n, tune, generator)
    columns = zip((event, pt, eta, phi, charge, kind), soft, strict=True)
    event, pt, eta, phi, charge, kind = map(torch.cat, columns)
    keep = ((eta.abs() < REACH) & (kind != INVISIBLE) & (pt > 0.1)).nonzero()[:, 0]
    phi = torch.where(phi >= math.pi, -math.pi, phi)
    whole = (event, pt, eta, phi, charge, kind.to(torch.int8))
    pick = keep[torch.argsort(event[keep], stable=True)]
    return Particles(*(column[pick] for column in whole), n=partons.n)


def _kind(code: Tensor) -> Tensor:
    """Kinds of photons, leptons and, by their own code, pions."""
    size = code.abs()
    kind = torch.full_like(code, INVISIBLE)
    for pdg, value in ((22, PHOTON), (11, ELECTRON), (13, MUON), (211, CHARGED_HADRON)):
        kind[size == pdg] = value
    return kind


def _signs(kind: Tensor, generator: torch.Generator) -> Tensor:
    """Charge +1 or -1 of charged particles by a coin, 0 of others: int8."""
    coin = torch.rand(len(kind), generator=generator) < 0.5
    sign = torch.where(coin, 1, -1)
    neutral = (kind == PHOTON) | (kind == NEUTRAL_HADRON)
    return torch.where(neutral, 0, sign).to(torch.int8)


# --- decays


DECAYS = {
    6: ((24, 5, 1.0),),
    25: ((5, -5, 1.0),),  # 53 %, and all of it here
    24: ((2, -1, 0.337), (4, -3, 0.337), (12, -11, 0.1086), (14, -13, 0.1086), (16, -15, 0.1086)),
    23: (
        *((1, -1, 0.154), (2, -2, 0.119), (3, -3, 0.154), (4, -4, 0.120), (5, -5, 0.152)),
        *((11, -11, 0.0337), (13, -13, 0.0337), (15, -15, 0.0337), (12, -12, 0.2)),
    ),
}
"""Two-body decays of heavy particles, in order: codes of both and their share."""


def _decay(flock: _Flock, generator: torch.Generator) -> _Flock:
    """Top quarks, Higgs, W and Z bosons in two bodies each, then tau leptons."""
    for pdg in DECAYS:
        heavy = flock.code.abs() == pdg
        parents, rest = flock.where(heavy), flock.where(~heavy)
        first, second = _daughters(pdg, parents.code.sign(), generator)
        mass = torch.full((len(parents.code),), MASSES[pdg], dtype=torch.float64)
        other = torch.where(first.abs() == 24, MASSES[24], 0.0).double()
        energy = (mass**2 + other**2) / (2 * mass)
        light = isotropic((mass**2 - other**2) / (2 * mass), generator)
        back = torch.cat([energy[:, None], -light[:, 1:]], 1)
        for code, momentum in ((first, back), (second, light)):
            rest = rest + _Flock(parents.event, code, boost(momentum, parents.momentum))
        flock = rest
    return _tau(flock, generator)


def _daughters(pdg: int, sign: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Codes of the two that each particle, or antiparticle where the sign is -1, decays to."""
    pairs = torch.tensor([pair for *pair, _ in DECAYS[pdg]])
    share = torch.tensor([share for *_, share in DECAYS[pdg]])
    which = torch.zeros_like(sign)
    if len(share) > 1 and len(sign):
        which = torch.multinomial(share, len(sign), replacement=True, generator=generator)
    first, second = (pairs[which] * sign[:, None]).T
    return first, second


def _tau(flock: _Flock, generator: torch.Generator) -> _Flock:
    """A tau shares its momentum among a neutrino, a charged pion and two photons."""
    tau = flock.code.abs() == 15
    parents, rest = flock.where(tau), flock.where(~tau)
    share = -torch.rand((len(parents.code), 4), generator=generator).clamp(min=1e-9).log()
    share = (share * torch.tensor([1.3, 1.0, 0.35, 0.35])).double()
    share = share / share.sum(1, keepdim=True)
    sign = -parents.code.sign()
    codes = (16 * -sign, 211 * sign, torch.full_like(sign, 22), torch.full_like(sign, 22))
    for k, code in enumerate(codes):
        rest = rest + _Flock(parents.event, code, share[:, k, None] * parents.momentum)
    return rest


# --- jets


def _extra_jets(n: int, tune: Tune, generator: torch.Generator) -> _Flock:
    """Gluons off the incoming quarks: flat in eta, falling with the square of pt."""
    count = torch.poisson(torch.full((n,), tune.extra_jets), generator=generator).long()
    event = torch.arange(n).repeat_interleave(count)
    u, v, w = torch.rand((3, len(event)), generator=generator, dtype=torch.float64)
    pt = (tune.extra_pt / u.clamp(min=1e-3)).clamp(max=1000)
    eta, phi = 9 * v - 4.5, 2 * math.pi * w
    momentum = torch.stack([pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], 1)
    return _Flock(event, torch.full_like(event, 21), momentum)


def _colour(code: Tensor) -> Tensor:
    """Emission of a gluon relative to that of a quark, C_A / C_F."""
    return torch.where(code == 21, 9 / 4, 1.0)


def _emit(jets: _Flock, tune: Tune, generator: torch.Generator) -> _Flock:
    """Emission of gluons; a parton keeps the rest of its momentum."""
    area = math.log(0.5 / tune.softest) * math.log(1 / tune.narrowest)
    rate = tune.emissions * area * _colour(jets.code)
    count = torch.poisson(rate, generator=generator).long()
    parent = torch.arange(len(count)).repeat_interleave(count)
    u, v, w = torch.rand((3, len(parent)), generator=generator, dtype=torch.float64)
    z = tune.softest * (0.5 / tune.softest) ** u
    # several emissions must not take more than there is
    taken = torch.zeros(len(count), dtype=z.dtype).index_add_(0, parent, z)
    z = z * (0.7 / taken.clamp(min=0.7))[parent]
    axis = jets.momentum[parent]
    gluon = _at_angle(axis, z * axis[:, 0], tune.narrowest**v, 2 * math.pi * w)
    left = jets.momentum.clone().index_add_(0, parent, -gluon)
    left[:, 0] = left[:, 1:].norm(dim=1)
    kept = replace(jets, momentum=left)
    return kept + _Flock(jets.event[parent], torch.full_like(parent, 21), gluon)


def _hadrons(jets: _Flock, tune: Tune, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Event, kind and momentum (M, 4) of the particles of all jets, in single precision."""
    energy = jets.momentum[:, 0].float()
    mean = tune.multiplicity * (energy / 1000) ** tune.growth
    mean = mean * torch.where(jets.code == 21, tune.gluon, 1.0)
    count = 1 + torch.poisson(mean, generator=generator).long()
    parent = torch.arange(len(count)).repeat_interleave(count)
    log_energy = (energy / 0.25).clamp(min=4).log()[parent]
    xi = log_energy * (
        tune.hump + tune.width * torch.randn(len(parent), generator=generator)
    ).clamp(min=0.02)
    kind, scale = _hadron_kinds(len(parent), generator)
    z = torch.exp(-xi) * scale
    z = z / torch.zeros(len(count)).index_add_(0, parent, z)[parent]
    size = z * energy[parent]
    smallest = (tune.k0 / size.clamp(min=1e-3)).clamp(max=1.5)
    largest = torch.maximum(smallest, torch.tensor(tune.edge))
    place = torch.rand(len(parent), generator=generator) ** tune.core
    angle = smallest * (largest / smallest) ** place
    turn = 2 * math.pi * torch.rand(len(parent), generator=generator)
    momentum = _at_angle(jets.momentum.float()[parent], size, angle, turn)
    return jets.event[parent], kind, momentum


def _hadron_kinds(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    kinds = torch.tensor(list(SHARES))
    number, scale = torch.tensor(list(SHARES.values())).unbind(1)
    edges = number.cumsum(0) / number.sum()
    drawn = torch.searchsorted(edges, torch.rand(count, generator=generator)).clamp(
        max=len(kinds) - 1
    )
    return kinds[drawn], scale[drawn]


def _at_angle(axis: Tensor, energy: Tensor, angle: Tensor, turn: Tensor) -> Tensor:
    """Massless momenta of given energy at an angle to an axis, turned about it: (..., 4)."""
    unit = axis[:, 1:] / axis[:, 1:].norm(dim=1, keepdim=True).clamp(min=1e-9)
    # a vector that is not along the axis: the coordinate axis it is farthest from
    helper = torch.nn.functional.one_hot(unit.abs().argmin(1), 3).to(unit)
    across = torch.linalg.cross(unit, helper)
    across = across / across.norm(dim=1, keepdim=True)
    third = torch.linalg.cross(unit, across)
    side = turn.cos()[:, None] * across + turn.sin()[:, None] * third
    direction = angle.cos()[:, None] * unit + angle.sin()[:, None] * side
    return torch.cat([energy[:, None], energy[:, None] * direction], 1)


# --- the rest of the event


def _soft(n: int, tune: Tune, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Soft particles flat in eta: event, pt, eta, phi, charge, kind."""
    # their number varies more than Poisson's from event to event: a gamma of shape 4 does it
    activity = -torch.rand((n, 4), generator=generator).clamp(min=1e-9).log().sum(1) / 4
    count = torch.poisson(2 * REACH * tune.soft * activity, generator=generator).long()
    event = torch.arange(n).repeat_interleave(count)
    u, v, w = torch.rand((3, len(event)), generator=generator)
    second = torch.rand(len(event), generator=generator)
    pt = -tune.soft_pt / 2 * (u * second).clamp(min=1e-12).log()
    kind, scale = _hadron_kinds(len(event), generator)
    return (
        event,
        pt * scale,
        REACH * (2 * v - 1),
        2 * math.pi * w - math.pi,
        _signs(kind, generator),
        kind,
    )
