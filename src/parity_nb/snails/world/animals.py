"""Snails and slugs that look alive: species, individuals, and their coloured surfaces.

The species are simulated in the likeness of the real ones whose names they carry: the shape of
the shell (Raup's parameters), how it is carried, its colours, its usual chirality.  A body is its
own mirror image up to a bend to either side, so that a snail's shell alone is chiral.

Axes as in `parity_nb.snails.world.shell`; the foot is on z = 0 and some two units long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from matplotlib.colors import to_rgb

from parity_nb.snails.world.shell import ROUND, Shell, carried
from parity_nb.snails.world.surface import Surface, join, tube, turn

HELICOIDEA, OTHER, SLUG = "Helicoidea", "other Stylommatophora", "slug"
TAXA = {HELICOIDEA: 0.625, OTHER: 0.145, SLUG: 0.23}
"""Share of each in the photographs.  The first is that of Gibbon (2023), table 4: 24,470 test
images of L2 for 39,152 of L5."""
REVERSED = 0.01
"""Share of individuals of the rarer chirality in a species that has one.  In Cornu aspersum it is
1 in 40,000 (Gibbon 2023, section 2.4), which no test could tell from none."""

# How a shell is carried: where its apex points, on a right-handed snail.
_FLAT, _TALL = (-0.15, -0.80, 0.60), (-0.88, -0.42, 0.22)


@dataclass(frozen=True)
class Species:
    """What the individuals of a species have in common.

    Attributes:
        name, family: scientific names.
        taxon: a key of `TAXA`.
        shell: Raup's parameters; none for a slug.
        apex: direction of the apex on a right-handed snail.
        size: of the shell, or of a slug's body.
        right: share of right-handed individuals.
        colours: of the shell, or of a slug's body; each individual has one.
        bands: where dark bands run along the whorl, as angles around it; each individual has
            some of them.
        band: their colour.
        mottled: strength of dark flecks.
        body: colour of a snail's body.
        weight: relative number of photographs within its taxon.
    """

    name: str
    family: str
    taxon: str
    shell: Shell | None
    apex: tuple[float, float, float] = ROUND
    size: float = 0.55
    right: float = 1 - REVERSED
    colours: tuple[str, ...] = ("#b08a58",)
    bands: tuple[float, ...] = ()
    band: str = "#3a2414"
    mottled: float = 0.15
    body: str = "#8d7f6a"
    weight: float = 1.0


def _raup(expansion: float, translation: float, distance: float = 0.03, whorls: float = 4) -> Shell:
    return Shell(expansion, translation, distance, whorls, along=18, around=24)


_GLOBE, _CONE, _DISC = _raup(2.1, 1.15), _raup(1.8, 1.5), _raup(1.8, 0.35, 0.1)
_SPIRE, _SPINDLE, _MOUTH = _raup(1.35, 2.6, -0.1, 7), _raup(1.6, 1.9), _raup(3.6, 1.1, 0.0, 3)
_YELLOWS, _BROWNS = ("#d9b84a", "#c98f6b", "#8f5a34"), ("#a0733f", "#7d5730", "#b9935f")
_CREAMS, _HORN = ("#e6dcc3", "#d8c7a0", "#c9b493"), ("#9a7a4c", "#7a5c38", "#b3925f")

SPECIES = (
    # Helicoidea, nearly all right-handed
    Species("Cornu aspersum", "Helicidae", HELICOIDEA, _GLOBE, colours=_BROWNS, mottled=0.45,
            bands=(0.3, 1.0, -0.6), body="#6f6a5c", weight=3),
    Species("Helix pomatia", "Helicidae", HELICOIDEA, _raup(2.0, 1.25), size=0.62, colours=_CREAMS,
            bands=(0.2, 0.9), band="#8a643c", body="#b0a082", weight=2),
    Species("Cepaea nemoralis", "Helicidae", HELICOIDEA, _raup(1.9, 1.05), size=0.52,
            colours=_YELLOWS, bands=(-0.5, 0.1, 0.6, 1.1), mottled=0.05, body="#948a74", weight=2),
    Species("Cepaea hortensis", "Helicidae", HELICOIDEA, _raup(1.95, 1.0), size=0.48,
            colours=("#e2cf6a", "#d4b878"), bands=(-0.4, 0.2, 0.7, 1.2), mottled=0.05),
    Species("Arianta arbustorum", "Helicidae", HELICOIDEA, _GLOBE, size=0.52, bands=(0.4,),
            colours=("#6b4826", "#84603a"), mottled=0.4, body="#3c362e"),
    Species("Theba pisana", "Helicidae", HELICOIDEA, _raup(1.95, 0.9), size=0.50, colours=_CREAMS,
            bands=(-0.3, 0.0, 0.4, 0.8), band="#6e5438", weight=1.5),
    Species("Helicigona lapicida", "Helicidae", HELICOIDEA, _DISC, _FLAT, colours=_BROWNS),
    Species("Helicella itala", "Geomitridae", HELICOIDEA, _DISC, _FLAT, 0.50, colours=_CREAMS,
            bands=(0.0, 0.5, 1.0)),
    Species("Cernuella virgata", "Geomitridae", HELICOIDEA, _raup(1.85, 1.2), size=0.48,
            colours=_CREAMS, bands=(0.1, -0.6), weight=1.5),
    Species("Cochlicella acuta", "Geomitridae", HELICOIDEA, _raup(1.4, 2.4, -0.05, 7), _TALL, 0.62,
            colours=_CREAMS, bands=(0.2,), mottled=0.3),
    Species("Trochulus hispidus", "Hygromiidae", HELICOIDEA, _raup(1.7, 0.7, 0.08), size=0.46,
            colours=_HORN),
    Species("Monacha cantiana", "Hygromiidae", HELICOIDEA, _raup(1.9, 0.9), size=0.50,
            colours=("#e0d2b8", "#cdb094")),
    Species("Bradybaena similaris", "Camaenidae", HELICOIDEA, _CONE, size=0.48, colours=_HORN,
            bands=(0.3,)),
    Species("Euhadra quaesita", "Camaenidae", HELICOIDEA, _GLOBE, size=0.56, right=REVERSED,
            colours=("#c9a04e", "#8a5a2e"), bands=(0.2, 0.8), weight=0.4),
    Species("Amphidromus inversus", "Camaenidae", HELICOIDEA, _SPINDLE, _TALL, 0.66, right=0.5,
            colours=("#e4d77a", "#c8b26a"), mottled=0.3, weight=0.4),
    # Other snails; door snails are left-handed
    Species("Clausilia bidentata", "Clausiliidae", OTHER, _SPIRE, _TALL, 0.66, right=REVERSED,
            colours=("#5f4630", "#78583a"), weight=1.5),
    Species("Cochlodina laminata", "Clausiliidae", OTHER, _SPIRE, _TALL, 0.68, right=REVERSED,
            colours=("#8a6238", "#a07848")),
    Species("Jaminia quadridens", "Enidae", OTHER, _raup(1.4, 2.2, 0, 6), _TALL, 0.56,
            right=REVERSED, colours=_HORN, weight=0.5),
    Species("Merdigera obscura", "Enidae", OTHER, _raup(1.4, 2.0, 0, 6), _TALL, 0.56,
            colours=_HORN),
    Species("Lissachatina fulica", "Achatinidae", OTHER, _SPINDLE, _TALL, 0.74,
            colours=("#a8794a", "#8a5c34"), mottled=0.5, body="#5c4c3c", weight=1.5),
    Species("Discus rotundatus", "Discidae", OTHER, _raup(1.5, 0.45, 0.1, 5), _FLAT, 0.46,
            colours=_BROWNS, mottled=0.5),
    Species("Oxychilus draparnaudi", "Oxychilidae", OTHER, _raup(2.2, 0.4, 0.05), _FLAT, 0.44,
            colours=("#b98d52", "#a87c46"), mottled=0.0, body="#3d4654"),
    Species("Succinea putris", "Succineidae", OTHER, _MOUTH, _TALL, 0.55,
            colours=("#c79a4c", "#d8b468"), mottled=0.0, body="#9c8458"),
    # Slugs, without a shell
    Species("Limax maximus", "Limacidae", SLUG, None, size=1.05,
            colours=("#8a7a68", "#a08c74"), mottled=0.6),
    Species("Ambigolimax valentianus", "Limacidae", SLUG, None, size=0.90,
            colours=("#b89a78", "#a48262"), mottled=0.3),
    Species("Arion rufus", "Arionidae", SLUG, None, size=1.0, weight=2,
            colours=("#a0482a", "#c0683a", "#2c2622"), mottled=0.15),
    Species("Arion hortensis", "Arionidae", SLUG, None, size=0.85,
            colours=("#3c3a40", "#56505a"), mottled=0.2),
    Species("Deroceras reticulatum", "Agriolimacidae", SLUG, None, size=0.85, weight=1.5,
            colours=("#c8b494", "#a8927a"), mottled=0.5),
    Species("Milax gagates", "Milacidae", SLUG, None, size=0.95, colours=("#4a4844", "#2e2c2c"),
            mottled=0.1),
)  # fmt: skip
"""Chosen by us; colours, sizes and shares are no measurements."""


@dataclass(frozen=True)
class Animal:
    """One individual in one posture.

    Attributes:
        species: what it belongs to.
        reflected: whether the surface is the reflection of the right-handed one; for a slug,
            which has no chirality, one of two equally likely postures.
        look: random seed of what the eye would not call posture: colour, bands and flecks.
        bend: curvature of the body, radians from the middle to an end.
        yaw: angle by which the shell is turned about the vertical.
        tilt: angle by which the shell leans to the side.
        out: whether a snail shows its body.
    """

    species: Species
    reflected: bool = False
    look: int = 0
    bend: float = 0.0
    yaw: float = 0.0
    tilt: float = 0.0
    out: bool = True

    @property
    def chirality(self) -> str:
        """The shell's, "right" or "left"; "none" for a slug."""
        if self.species.shell is None:
            return "none"
        return "left" if self.reflected else "right"

    def surface(self) -> Surface:
        """The coloured surface; it stands on z = 0."""
        rng = np.random.default_rng(self.look)
        kind = self.species
        colour = np.array(to_rgb(rng.choice(kind.colours))) * rng.normal(1, 0.03, 3)
        colour = np.clip(colour * rng.uniform(0.85, 1.15), 0.02, 1)
        if kind.shell is None:
            whole = self._body(kind.size, 0.20 * kind.size, colour, kind.mottled, rng)
        else:
            shell = _shell(kind.shell, kind.apex, kind.size)
            shell = replace(shell, colours=_painted(kind, colour, rng))
            pose = turn("z", self.yaw) @ turn("x", self.tilt)
            whole = shell.moved(pose, shift=(0, 0, 0.1 if self.out else 0))
            if self.out:
                skin = np.array(to_rgb(kind.body)) * rng.uniform(0.7, 1.25)
                whole = join([whole, self._body(0.92, 0.15, skin, 0.1, rng)])
        return whole.reflected() if self.reflected else whole

    def _body(
        self,
        half: float,
        width: float,
        colour: np.ndarray,
        mottled: float,
        rng: np.random.Generator,
    ) -> Surface:
        straight = _straight_body(half, width)
        flecks = np.clip(rng.normal(size=(len(straight.points), 1)), -1, 1)
        colours = np.clip(straight.colours * colour * (1 - mottled * flecks), 0, 1)
        return _bent(replace(straight, colours=colours), self.bend / half)


def draw_species(rng: np.random.Generator) -> Species:
    """A species, as often as it is photographed."""
    taxon = rng.choice(list(TAXA), p=list(TAXA.values()))
    among = [species for species in SPECIES if species.taxon == taxon]
    weights = np.array([species.weight for species in among])
    return among[rng.choice(len(among), p=weights / weights.sum())]


def draw_animal(rng: np.random.Generator) -> Animal:
    """An individual; all but the chirality of a shell is as likely as its mirror image."""
    species = draw_species(rng)
    slug = species.shell is None
    return Animal(
        species,
        reflected=bool(rng.random() >= (0.5 if slug else species.right)),
        look=int(rng.integers(2**32)),
        bend=rng.normal(0, 0.7 if slug else 0.4),
        yaw=rng.normal(0, 0.2),
        tilt=rng.normal(0, 0.15),
        out=bool(slug or rng.random() < 0.75),
    )


# --- the parts


@cache
def _shell(shell: Shell, apex: tuple[float, float, float], size: float) -> Surface:
    """A right-handed shell on its bearer, white, its middle above the origin."""
    points = shell.surface()
    placed = (points - points[-1, :-1].mean(axis=0)) @ carried(apex)
    placed *= 2 * size / np.linalg.norm(placed, axis=-1).max()
    low, high = placed.min(axis=(0, 1)), placed.max(axis=(0, 1))
    placed -= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return tube(placed, np.ones(3), shell=True)


def _painted(kind: Species, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours of a shell's points (N, 3): bands, growth lines, flecks and a pale lip."""
    around = kind.shell.around + 1
    along = len(_shell(kind.shell, kind.apex, kind.size).points) // around
    angle = np.linspace(0, 2 * np.pi, around)
    dark = np.zeros(around)
    for place in kind.bands:
        if rng.random() < 0.7:
            width, strength = rng.uniform(0.2, 0.4), rng.uniform(0.7, 1)
            off = np.angle(np.exp(1j * (angle + place)))
            dark = np.maximum(dark, strength * np.exp(-((off / width) ** 2)))
    flecks = rng.normal(size=(along, around)) + rng.normal(size=(along, 1))
    flecks[1:] += flecks[:-1]
    shade = 1 - kind.mottled * np.clip(0.4 * flecks, 0, 1)
    shade *= np.linspace(0.8, 1, along)[:, None]  # the oldest whorls are worn
    band = np.array(to_rgb(kind.band))
    across = colour + dark[:, None] * (band - colour)
    colours = across * shade[..., None]
    colours[-1] = 0.5 + 0.5 * colours[-1]
    return np.clip(colours, 0, 1).reshape(-1, 3)


# A tentacle, as shares of the body's half length and width: where it begins and ends along the
# body, how far from the middle, how high; and how thick it is from the root to the eye.
_TENTACLES = (
    ((0.86, 1.16), (0.30, 0.85), (1.35, 2.80), (0.16, 0.12, 0.20)),
    ((0.92, 1.13), (0.25, 0.45), (1.15, 1.05), (0.12, 0.10, 0.08)),
)


@cache
def _straight_body(half: float, width: float) -> Surface:
    """Foot and head with tentacles, its own mirror image in the x-z plane, nearly white."""
    # Rings begin at the sole, in the plane of symmetry.
    x, ring = np.linspace(-1, 1, 20)[:, None], np.linspace(-np.pi / 2, 1.5 * np.pi, 15)
    # A long tail, and a blunt head that is held up.
    thick = width * (np.clip(1 - np.abs(x) ** np.where(x > 0, 6, 1.8), 0, 1) ** 0.5 + 1e-3)
    rise = 0.36 * half * np.clip(x - 0.55, 0, 1)
    up = np.maximum(1.1 * thick * np.sin(ring), -0.2 * width) + 0.2 * width + rise
    parts = [_rings(half * x, thick * np.cos(ring), up, 1.0)]
    t, ring = np.linspace(0, 1, 3)[:, None], np.linspace(-np.pi / 2, 1.5 * np.pi, 7)
    for (x0, x1), (y0, y1), (z0, z1), radii in _TENTACLES:
        thick = width * np.array(radii)[:, None]
        ahead, aside = half * (x0 + (x1 - x0) * t), width * (y0 + (y1 - y0) * t)
        up = width * (z0 + (z1 - z0) * t) + thick * np.sin(ring)
        for side in (1, -1):
            parts.append(_rings(ahead, side * (aside + thick * np.cos(ring)), up, 0.7))
    return join(parts)


def _rings(x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float) -> Surface:
    return tube(np.stack(np.broadcast_arrays(x, y, z), axis=-1), np.full(3, level))


def _bent(straight: Surface, curvature: float) -> Surface:
    """A body whose spine, the x axis, has become a circle to the left or the right."""
    if abs(curvature) < 1e-6:
        return straight
    x, y, z = straight.points.T
    c, s = np.cos(curvature * x), np.sin(curvature * x)
    ahead, aside = s / curvature - y * s, (1 - c) / curvature + y * c
    forward, left, up = straight.normals.T
    normals = np.stack([c * forward - s * left, s * forward + c * left, up], axis=1)
    return replace(straight, points=np.stack([ahead, aside, z], axis=1), normals=normals)
