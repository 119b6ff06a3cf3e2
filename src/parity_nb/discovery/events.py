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
from pathlib import Path

import h5py
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


def mix(normal: Events, signal: Events, share: float, seed: int = 0) -> Events:
    """Replace a random share of normal events by signal events; the number stays the same.

    Raises:
        ValueError: if the share is no probability, or there are too few signal events.
    """
    rare = round(share * len(normal))
    if not 0 <= share <= 1 or rare > len(signal):
        raise ValueError(
            f"share = {share} of {len(normal)} events wants {rare} signal events; there are "
            f"{len(signal)}, and a share lies between 0 and 1"
        )
    chosen = torch.randperm(len(normal), generator=torch.Generator().manual_seed(seed))[:rare]
    particles, label = normal.particles.clone(), normal.signal.clone()
    particles[chosen], label[chosen] = signal.particles[:rare], signal.signal[:rare]
    return Events(particles, label, f"{normal.name} with {share:.2%} {signal.name}")


def _uniform(n: int, chance: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=chance)


def _normal(n: int, chance: torch.Generator) -> Tensor:
    pt = THRESHOLD * _uniform(n, chance).clamp(1e-6) ** (-1 / (FALL - 1))
    star = _uniform(n, chance, -1, 1)
    axes = _axes(pt, pt, star, -star, chance)
    colour = torch.tensor(list(COLOURS.values()))
    jets = []
    for axis in axes:
        which = torch.randint(0, 2, (n,), generator=chance)
        start = axis[:, :1].clone()
        jets.append(_shower(start, torch.full_like(start, RADIUS), colour[which], chance))
    return _assemble(jets, axes, chance)


def _two_body(n: int, masses: tuple[float, float], chance: torch.Generator) -> list[Tensor]:
    """Axes of two jets from a resonance at rest across the beam, each above the threshold."""
    a, b = (m**2 for m in masses)
    s = RESONANCE**2
    momentum = ((s - a - b) ** 2 - 4 * a * b) ** 0.5 / (2 * RESONANCE)
    largest = (1 - (THRESHOLD / momentum) ** 2) ** 0.5
    cosine = _uniform(n, chance, -largest, largest)
    pt = momentum * (1 - cosine**2).sqrt()
    eta = torch.atanh(cosine)
    return _axes(pt, pt, eta, -eta, chance)


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
    jets = []
    for axis in axes:
        start, first = axis[:, :1].clone(), torch.full((n, 1), 0.1)
        jets.append(_shower(start, first, torch.full((n,), 0.4), chance, levels=2))
    return _assemble(jets, axes, chance)


def _axes(pt1, pt2, eta1, eta2, chance: torch.Generator) -> list[Tensor]:
    """Momentum, pseudorapidity and azimuth of two back-to-back jets, (N, 3) each."""
    n = len(pt1)
    boost = 0.5 * torch.randn(n, generator=chance)
    phi = _uniform(n, chance, -torch.pi, torch.pi)
    apart = torch.pi + 0.05 * torch.randn(n, generator=chance)
    first = torch.stack([pt1, eta1 + boost, phi], dim=-1)
    return [first, torch.stack([pt2, eta2 + boost, phi + apart], dim=-1)]


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
        u = torch.rand(pt.shape, generator=chance).clamp(1e-9)
        angle = angle * u ** (1 / rate)
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
    return _sorted(torch.stack(parts, dim=1))


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


def _sorted(particles: Tensor) -> Tensor:
    """The hardest particles of each jet above 1 GeV, azimuths wrapped, the harder jet first."""
    pt = torch.where(particles[..., 0] > CUTOFF, particles[..., 0], 0.0)
    phi = torch.remainder(particles[..., 2] + torch.pi, 2 * torch.pi) - torch.pi
    full = torch.stack([pt, particles[..., 1], phi], dim=-1) * (pt > 0)[..., None]
    order = pt.argsort(dim=-1, descending=True)[..., :PARTICLES]
    full = full.gather(2, order[..., None].expand(-1, -1, -1, 3))
    if (missing := PARTICLES - full.shape[2]) > 0:
        full = torch.nn.functional.pad(full, (0, 0, 0, missing))
    harder = full[..., 0].sum(-1).argsort(dim=-1, descending=True)
    return full.gather(1, harder[..., None, None].expand_as(full)).float()


# --- symmetries of an event


def turn(particles: Tensor, angle: float) -> Tensor:
    """Turn events (N, 2, 64, 3) about the beam by an angle in radians."""
    present = particles[..., 0] > 0
    phi = torch.remainder(particles[..., 2] + angle + torch.pi, 2 * torch.pi) - torch.pi
    phi = torch.where(present, phi, 0.0)
    return torch.cat([particles[..., :2], phi[..., None]], dim=-1)


def reflect(particles: Tensor) -> Tensor:
    """Mirror image of events (N, 2, 64, 3) in a plane that holds the beam: azimuths change sign."""
    return particles * particles.new_tensor([1.0, 1.0, -1.0])


# --- what a physicist would compute

FEATURES = (
    "log mass 1", "log mass 2", "tau21 1", "tau21 2", "particles 1", "particles 2",
    "width 1", "width 2", "log dijet mass",
)  # fmt: skip
"""Columns of `features`; jet 1 is the heavier one."""


def features(particles: Tensor) -> Tensor:
    """Nine features of events, (N, 2, 64, 3) -> (N, 9), columns as in `FEATURES`.

    Masses in GeV under the logarithm (at least 1 GeV), the number of particles, the width
    sum pt R / sum pt about the jet's axis, and tau21: how much narrower the jet is about two axes
    than about one, from 0 (two prongs) to 1 (Thaler and Van Tilburg 2011, with axes from three
    steps of 2-means instead of a minimisation).
    """
    vector = _four_vectors(particles).sum(2)
    mass = _mass(vector)
    pt = particles[..., 0]
    total = pt.sum(-1).clamp(min=1e-6)
    centre = _centre(particles, pt)
    shift = particles[..., 1:] - centre[:, :, None]
    shift = torch.stack([shift[..., 0], _wrap(shift[..., 1])], dim=-1)
    distance = shift.norm(dim=-1)
    one = (pt * distance).sum(-1) / total
    two = (pt * _two_axes(pt, shift)).sum(-1) / total
    count = (pt > 0).sum(-1).float()
    columns = [mass.clamp(min=1).log(), (two / one.clamp(min=1e-6)).clamp(0, 1), count, one]
    heavier = mass.argsort(dim=1, descending=True)
    pairs = [column.gather(1, heavier) for column in columns]
    dijet = _mass(vector.sum(1)).clamp(min=1).log()
    return torch.cat([*pairs, dijet[:, None]], dim=1).to(particles.dtype)


def relative(particles: Tensor, keep: int = 16) -> Tensor:
    """Momenta as a network may see them, (N, 2, 64, 3) -> (N, 2 * keep * 3 + 2).

    For the hardest particles of each jet its share of the jet's momentum, and that share times its
    distance from the jet's centre in either direction; then the logarithm of each jet's momentum
    in TeV.  Turning the event about the beam changes nothing; a mirror changes signs.
    """
    pt = particles[..., 0]
    total = pt.sum(-1)
    shift = particles[..., 1:] - _centre(particles, pt)[:, :, None]
    shift = torch.stack([shift[..., 0], _wrap(shift[..., 1])], dim=-1)
    share = (pt / total[..., None].clamp(min=1e-6))[..., None]
    seen = torch.cat([share, share * shift], dim=-1)[:, :, :keep].flatten(1)
    return torch.cat([seen, (total / 1000).clamp(min=1e-3).log()], dim=1)


def _four_vectors(particles: Tensor) -> Tensor:
    """Massless four-vectors (..., 4) in GeV: energy and three components."""
    pt, eta, phi = particles.double().unbind(-1)
    return torch.stack([pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], dim=-1)


def _mass(vector: Tensor) -> Tensor:
    square = vector[..., 0] ** 2 - vector[..., 1:].square().sum(-1)
    return square.clamp(min=0).sqrt()


def _wrap(angle: Tensor) -> Tensor:
    return torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi


def _centre(particles: Tensor, pt: Tensor) -> Tensor:
    """Momentum-weighted centre of each jet, (N, 2, 2)."""
    weight = pt / pt.sum(-1, keepdim=True).clamp(min=1e-6)
    eta = (weight * particles[..., 1]).sum(-1)
    first = particles[..., :1, 2]
    phi = first[..., 0] + (weight * _wrap(particles[..., 2] - first)).sum(-1)
    return torch.stack([eta, phi], dim=-1)


def _two_axes(pt: Tensor, place: Tensor) -> Tensor:
    """Distance of each particle to the nearer of two axes, found by three steps of 2-means."""
    first = place.gather(2, pt.argmax(-1)[..., None, None].expand(-1, -1, 1, 2))
    away = (place - first).norm(dim=-1)
    second = place.gather(2, (pt * away).argmax(-1)[..., None, None].expand(-1, -1, 1, 2))
    axes = torch.cat([first, second], dim=2)
    for step in range(4):
        distance = (place[..., None, :] - axes[:, :, None]).norm(dim=-1)
        if step == 3:
            break
        near = torch.nn.functional.one_hot(distance.argmin(-1), 2) * pt[..., None]
        weight = near.sum(2).clamp(min=1e-6)
        axes = torch.einsum("njpk,njpd->njkd", near, place) / weight[..., None]
    return distance.amin(-1)


# --- the real format


def read_olympics(path: str | Path, n: int = 0) -> Events:
    """Events of the LHC Olympics R&D data set, `events_anomalydetection.h5` (Zenodo 4536377).

    The file is pandas' fixed format: under `df/block0_values`, one row an event, 700 particles with
    transverse momentum, pseudorapidity and azimuth each, zeros where there are fewer, and a last
    column that is 1 for signal.  Jets are not in the file; they are found here by two fixed cones
    of radius 1 about the hardest particle and the hardest outside the first cone, each moved to its
    centre once.  (The Olympics used the anti-kt algorithm.)

    Args:
        path: the file.
        n: the first so many events; 0 for all.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else, or events without two jets; it says how many.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}: get events_anomalydetection.h5 from zenodo.org/records/4536377"
        )
    try:
        with h5py.File(path) as file:
            table = torch.tensor(file["df/block0_values"][: n or None]).float()
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is not the Olympics' file, df/block0_values: {error}") from error
    if table.ndim != 2 or table.shape[1] % 3 != 1:
        raise ValueError(
            f"{path} has rows of {tuple(table.shape)[1:]} numbers; expected are three for each "
            "particle, and a label"
        )
    particles = table[:, :-1].reshape(len(table), -1, 3)
    jets, rest = [], particles
    for number in (1, 2):
        jet, rest = _cone(rest)
        if empty := int((jet[..., 0].sum(1) == 0).sum()):
            raise ValueError(f"{path}: {empty} of {len(table)} events have no jet number {number}")
        jets.append(jet)
    wide = max(PARTICLES, particles.shape[1])
    both = torch.zeros(len(table), 2, wide, 3)
    both[:, :, : particles.shape[1]] = torch.stack(jets, dim=1)
    return Events(_sorted(both), table[:, -1] > 0.5, path.name)


def _cone(particles: Tensor) -> tuple[Tensor, Tensor]:
    """Particles (N, P, 3) inside a cone about the hardest one, and those outside."""
    pt = particles[..., 0]
    hardest = pt.argmax(1)[:, None, None].expand(-1, 1, 3)
    axis = particles.gather(1, hardest)[..., 1:]
    for _ in range(2):
        shift = particles[..., 1:] - axis
        shift = torch.stack([shift[..., 0], _wrap(shift[..., 1])], dim=-1)
        inside = (shift.norm(dim=-1) < RADIUS) & (pt > 0)
        weight = (pt * inside)[..., None]
        axis = axis + (weight * shift).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(
            min=1e-6
        )
    return particles * inside[..., None], particles * ~inside[..., None]
