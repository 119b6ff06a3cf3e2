"""Potentials V(x, y) whose symmetry is known: templates of physics, cut at a level into two tones.

A template is a base potential g of some *family* (wells, charges, waves, ridges, multipoles), made
symmetric under a *class* of transformations of the plane.  For a finite group this is the book's
projection with chi = +1,

    V(x) = 1/|G| * sum over h in G of g(h x),

and for all rotations, or all shifts along a line, g is evaluated at one point of the orbit of x.
Every family occurs in every class, so that a family says nothing about the class, and the number
of terms in g is chosen such that V has about equally many in every finite class.  A smooth
potential with four turns is nearly its own mirror image, unless the plane is twisted,
x -> R(c |x|) x, like milk in coffee; so this is done to the class `turns`, and to half of those
without any symmetry, lest the twist give the class away.

Coordinates are those of the picture, x to the right and y upwards, both from -1 to 1.  All of
this is simulated.  The source (Barenboim et al. 2021) does not list its templates; these are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from parity_nb.data import choose
from parity_nb.discovery.world.correlations import around
from parity_nb.symmetry import Element, Group

MATRICES = {
    "e": ((1, 0), (0, 1)),
    "R90": ((0, -1), (1, 0)),
    "R180": ((-1, 0), (0, -1)),
    "R270": ((0, 1), (-1, 0)),
    "P": ((-1, 0), (0, 1)),
    "R90 P": ((0, -1), (-1, 0)),
    "R180 P": ((1, 0), (0, -1)),
    "R270 P": ((0, 1), (1, 0)),
}
"""The symmetries of the square as matrices that act on points (x, y)."""


def _act(xy: Tensor, name: str) -> Tensor:
    return xy @ torch.tensor(MATRICES[name], dtype=xy.dtype, device=xy.device).T


def point_group(*names: str) -> Group:
    """A group of `MATRICES` acting on points (..., 2), with chi = +1."""
    probe = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    return Group([Element(n, partial(_act, name=n), 1) for n in names], probe)


def _radius_only(xy: Tensor) -> Tensor:
    r = xy.norm(dim=-1)
    return torch.stack([r, torch.zeros_like(r)], -1)


def _height_only(xy: Tensor) -> Tensor:
    return torch.stack([torch.zeros_like(xy[..., 0]), xy[..., 1]], -1)


@dataclass(frozen=True)
class SymmetryClass:
    """The largest symmetry that a template has.

    Attributes:
        name: as in tables.
        symbol: of the group.
        orbit: points (N, M, 2) to copies of them, (k, N, M, 2), over which g is averaged.
        order: of the rotations about the centre, 1 for none.
        terms: how many terms of g are drawn.
        swirled: share of the templates whose plane is twisted, as by a rotating stirrer.
    """

    name: str
    symbol: str
    orbit: Callable[[Tensor], Tensor]
    order: int
    terms: int
    swirled: float = 0.0


def _over(*names: str) -> Callable[[Tensor], Tensor]:
    group = point_group(*names)
    return lambda xy: group.orbit(xy[None])


CLASSES: dict[str, SymmetryClass] = {
    c.name: c
    for c in (
        SymmetryClass("none", "C1", _over("e"), 1, 8, 0.5),
        SymmetryClass("mirror", "D1", _over("e", "P"), 1, 4),
        SymmetryClass("two mirrors", "D2", _over("e", "R180", "P", "R180 P"), 2, 2),
        SymmetryClass("turns", "C4", _over("e", "R90", "R180", "R270"), 4, 2, 1.0),
        SymmetryClass("turns and mirrors", "D4", _over(*MATRICES), 4, 1),
        SymmetryClass("rotation", "O(2)", lambda xy: _radius_only(xy)[None], 1, 2),
        SymmetryClass("translation", "R", lambda xy: _height_only(xy)[None], 1, 3),
    )
}
"""Classes by name; mutually exclusive, since each template is named by its largest symmetry."""


# --- families: parameters (N, K, 7), uniform in 0..1, and points (..., N, M, 2) -> (..., N, M)


def _terms(p: Tensor, xy: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Signed strengths, offsets dx and dy from random centres, and the other three parameters."""
    angle, radius = 2 * math.pi * p[..., 0], 0.25 + 0.6 * p[..., 1]
    strength = (0.5 + p[..., 2]) * (p[..., 6] - 0.5).sign()
    columns = [v[:, None, :] for v in (radius * angle.cos(), radius * angle.sin(), strength)]
    rest = [p[:, None, :, i] for i in (3, 4, 5)]
    return columns[2], xy[..., :1] - columns[0], xy[..., 1:] - columns[1], rest


def wells(p: Tensor, xy: Tensor, order: int = 1) -> Tensor:
    """Gaussian wells and bumps, as of quantum dots: a exp(-d^2 / 2 s^2)."""
    a, dx, dy, (s, _, _) = _terms(p, xy)
    return (a * torch.exp(-(dx**2 + dy**2) / (2 * (0.15 + 0.2 * s) ** 2))).sum(-1)


def charges(p: Tensor, xy: Tensor, order: int = 1) -> Tensor:
    """Charges of both signs, softened at the centre: a / sqrt(d^2 + s^2)."""
    a, dx, dy, (s, _, _) = _terms(p, xy)
    return (a / (dx**2 + dy**2 + (0.05 + 0.1 * s) ** 2).sqrt()).sum(-1)


def waves(p: Tensor, xy: Tensor, order: int = 1) -> Tensor:
    """Standing waves, as in an optical lattice: a cos(k d), with three quarters to two waves."""
    a, dx, dy, (k, turn, _) = _terms(p, xy)
    k, turn = math.pi * (0.75 + 1.25 * k), 2 * math.pi * turn
    return (a * torch.cos(k * (dx * turn.cos() + dy * turn.sin()))).sum(-1)


def ridges(p: Tensor, xy: Tensor, order: int = 1) -> Tensor:
    """Short wires and trenches: Gaussians that are longer one way than the other."""
    a, dx, dy, (s, turn, length) = _terms(p, xy)
    turn = 2 * math.pi * turn
    along, across = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    widths = 0.08 + 0.1 * s, 0.3 + 0.4 * length
    return (a * torch.exp(-((across / widths[0]) ** 2 + (along / widths[1]) ** 2) / 2)).sum(-1)


def multipoles(p: Tensor, xy: Tensor, order: int = 1) -> Tensor:
    """A trap and twisted multipoles: r^2 + a r^q cos(m phi + delta + c r), `order` divides m."""
    a, _, _, (q, c, m) = _terms(p, xy)
    r, phi = xy.norm(dim=-1)[..., None], torch.atan2(xy[..., 1], xy[..., 0])[..., None]
    m = order * (1 + torch.floor(m * (4 if order == 1 else 2)))
    delta, c = 2 * math.pi * p[:, None, :, 0], 6 * (c - 0.5)
    swell = r ** (1 + 2 * q) * torch.cos(m * phi + delta + c * m.sqrt() * r)
    return (a * swell).sum(-1) + 0.7 * r[..., 0] ** 2


FAMILIES: dict[str, Callable[..., Tensor]] = {
    f.__name__: f for f in (wells, charges, waves, ridges, multipoles)
}
"""Families of base potentials by name."""


# --- drawing templates


def pixel_grid(pixels: int) -> Tensor:
    """Coordinates (x, y) of the pixels, row by row from the top: (pixels^2, 2)."""
    middle = (torch.arange(pixels) + 0.5) / pixels * 2 - 1
    y, x = torch.meshgrid(-middle, middle, indexing="ij")
    return torch.stack([x.ravel(), y.ravel()], -1)


def _rotation(angle: Tensor, like: Tensor) -> Tensor:
    """Matrices (N, 2, 2) that turn column vectors by angles (N,)."""
    cos, sin = angle.cos(), angle.sin()
    rows = [torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)]
    return torch.stack(rows, -2).to(like)


def _twisted(xy: Tensor, swirl: Tensor) -> Tensor:
    angle = swirl[:, None] * xy.norm(dim=-1)
    cos, sin = angle.cos(), angle.sin()
    x, y = xy.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


@dataclass
class Templates:
    """N templates of one class and one family, each somewhere in a picture of its own.

    Attributes:
        kind: name of the class.
        family: name of the family.
        parameters: (N, K, 7) of g.
        swirl: (N,), the c of the twist, radians at distance 1.
        turn: (N,), radians.
        centre: (N, 2), within 0.15 of the picture's.
        scale: (N,), from 0.9 to 1.2.
    """

    kind: str
    family: str
    parameters: Tensor
    swirl: Tensor
    turn: Tensor
    centre: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, index) -> Templates:
        return replace(self, **{name: getattr(self, name)[index] for name in DRAWN})

    def own(self, xy: Tensor) -> Tensor:
        """Points of the picture (M, 2) in every template's own frame, (N, M, 2)."""
        shifted = (xy - self.centre[:, None].to(xy)) / self.scale[:, None, None].to(xy)
        return shifted @ _rotation(-self.turn, xy).mT

    def picture(self, own: Tensor) -> Tensor:
        """Points of the templates' own frames, (N, M, 2), in the picture: the reverse of `own`."""
        turned = own @ _rotation(self.turn, own).mT
        return turned * self.scale[:, None, None].to(own) + self.centre[:, None].to(own)

    def own_values(self, own: Tensor) -> Tensor:
        """V at points of the templates' own frames: (N, M, 2) -> (N, M)."""
        chosen = CLASSES[self.kind]
        copies = chosen.orbit(_twisted(own, self.swirl.to(own)))
        g = FAMILIES[self.family]
        return g(self.parameters.to(own), copies, chosen.order).mean(0)

    def values(self, xy: Tensor) -> Tensor:
        """V at points of the picture: (M, 2) -> (N, M)."""
        return self.own_values(self.own(xy))


DRAWN = ("parameters", "swirl", "turn", "centre", "scale")
"""What is drawn at random for every template."""


def two_tones(values: Tensor, share: Tensor) -> Tensor:
    """Cut at a level: (N, M) -> bool (N, M), True for the highest `share` (N,) of the points."""
    rank = values.argsort(-1).argsort(-1)
    return rank >= ((1 - share.to(values)) * values.shape[-1]).round()[:, None]


FALSE_SYMMETRY = 0.65
"""Largest correlation with a transform that a template's class does not have."""


def _is_pure(templates: Templates, share: Tensor) -> Tensor:
    """Whether each two-tone picture has no more symmetry than its class says, (N,) bool.

    It is looked at in the template's own frame.  A rotation by 60 to 180 degrees for classes
    without rotations, 90 for D2, 45 for C4 and D4, any mirror for C1 and C4.
    """
    n, pixels = len(templates), 32
    own = pixel_grid(pixels).expand(n, -1, -1)
    tones = two_tones(templates.own_values(own), share).reshape(n, 1, pixels, pixels)
    profile = around(tones.float(), torch.zeros(1, 2))
    mirrors, turns = profile.mirrors[:, 0], profile.turns[:, 0]
    degrees = torch.arange(turns.shape[-1]) * 360 / turns.shape[-1]
    limits = {
        "none": [mirrors, turns[:, (degrees >= 60) & (degrees <= 180)]],
        "mirror": [turns[:, (degrees >= 60) & (degrees <= 180)]],
        "two mirrors": [turns[:, degrees == 90]],
        "turns": [mirrors, turns[:, degrees == 45]],
        "turns and mirrors": [turns[:, degrees == 45]],
    }
    found = [part.amax(-1) < FALSE_SYMMETRY for part in limits.get(templates.kind, [])]
    return torch.stack(found).all(0) if found else torch.ones(n, dtype=torch.bool)


def draw(kind: str, family: str, n: int, rng: np.random.Generator) -> tuple[Templates, Tensor]:
    """Templates of one class and family, in random poses, and the share of each that is dark.

    Draws whose two-tone picture has, by chance, nearly a larger symmetry than the class are
    thrown away (`FALSE_SYMMETRY`).

    Args:
        kind: a key of `CLASSES`.
        family: a key of `FAMILIES`.
        n: how many.
        rng: numpy generator.

    Returns:
        The templates and (n,) shares between 0.3 and 0.7.

    Raises:
        ValueError: for an unknown class or family, or fewer than one template.
        RuntimeError: if almost all draws are thrown away.
    """
    choose("kind", kind, CLASSES)
    choose("family", family, FAMILIES)
    if n < 1:
        raise ValueError(f"cannot draw {n} templates: at least one")
    chosen, kept = CLASSES[kind], []
    while sum(len(some) for some, _ in kept) < n:
        if len(kept) == 100:
            raise RuntimeError(f"hardly any {family} are purely of class {kind!r}")
        m = max(16, n)
        drawn = (
            rng.random((m, chosen.terms, 7)),
            rng.uniform(1.2, 2.5, m) * rng.choice([-1, 1], m) * (rng.random(m) < chosen.swirled),
            rng.uniform(0, 2 * np.pi, m),
            rng.uniform(-0.15, 0.15, (m, 2)),
            rng.uniform(0.9, 1.2, m),
            rng.uniform(0.3, 0.7, m),
        )
        *tensors, share = (torch.from_numpy(v).float() for v in drawn)
        some = Templates(kind, family, *tensors)
        pure = _is_pure(some, share)
        kept.append((some[pure], share[pure]))
    drawn = {name: torch.cat([getattr(some, name) for some, _ in kept]) for name in DRAWN}
    return replace(some, **drawn)[:n], torch.cat([share for _, share in kept])[:n]
