"""Snails and slugs that look alive: species, individuals, and their coloured surfaces.

The species are simulated in the likeness of the real ones whose names they carry: the shape of
the shell (Raup's parameters), how it is carried, its colours, its usual hand.  A body is its own
mirror image up to a bend to either side, so that a snail's shell alone is chiral.

Axes as in `parity_nb.snails.mesh`: x forward, y to the animal's left, z up; the foot is on z = 0
and some two units long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from matplotlib.colors import to_rgb

from parity_nb.snails.mesh import Shell
from parity_nb.snails.surface import Surface, join, tube, turn

HELICOIDEA, OTHER, SLUG = "Helicoidea", "other Stylommatophora", "slug"
TAXA = {HELICOIDEA: 0.625, OTHER: 0.145, SLUG: 0.23}
"""Share of each in the photographs.  The first is that of Gibbon (2023): 24,470 test images of
L2 for 39,152 of L5."""
REVERSED = 0.01
"""Share of individuals of the other hand in a species that has one.  In Cornu aspersum it is 1 in
40,000 (Gibbon 2023, section 2.4), which no test could tell from none."""

# How a shell is carried: where its apex points, on a right-handed snail.
_ROUND, _FLAT, _TALL = (-0.35, -0.80, 0.48), (-0.15, -0.80, 0.60), (-0.88, -0.42, 0.22)


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
    apex: tuple[float, float, float] = _ROUND
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
_SPIRE, _SPINDLE, _MOUTH = _raup(1.35, 3.6, 0.0, 6), _raup(1.55, 2.3), _raup(3.6, 1.3, 0.0, 3)
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
    Species("Cochlicella acuta", "Geomitridae", HELICOIDEA, _raup(1.5, 3.0, 0, 6), _TALL, 0.62,
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
    Species("Jaminia quadridens", "Enidae", OTHER, _raup(1.45, 2.8, 0, 5), _TALL, 0.56,
            right=REVERSED, colours=_HORN, weight=0.5),
    Species("Merdigera obscura", "Enidae", OTHER, _raup(1.5, 2.4, 0, 5), _TALL, 0.56,
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
"""Shares of hands and of taxa are chosen, not measured."""


@dataclass(frozen=True)
class Animal:
    """One individual in one posture.

    Attributes:
        species: what it belongs to.
        reflected: whether the surface is the reflection of the right-handed one; for a slug,
            which has no hand, one of two equally likely postures.
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
    def handedness(self) -> str:
        """ "right", "left", or "none" for a slug."""
        if self.species.shell is None:
            return "none"
        return "left" if self.reflected else "right"

    def surface(self) -> Surface:
        """The coloured surface; it stands on z = 0."""
        rng = np.random.default_rng(self.look)
        kind = self.species
        colour = np.array(to_rgb(rng.choice(kind.colours))) * rng.normal(1, 0.08, 3)
        colour = np.clip(colour * rng.uniform(0.85, 1.15), 0.02, 1)
        if kind.shell is None:
            parts = _body(self.bend, 1.0 * kind.size, 0.20 * kind.size, colour, kind.mottled, rng)
        else:
            shell = _shell(kind, colour, rng).moved(turn("z", self.yaw) @ turn("x", self.tilt))
            skin = np.array(to_rgb(kind.body)) * rng.uniform(0.7, 1.25)
            body = _body(self.bend, 0.92, 0.15, np.clip(skin, 0, 1), 0.1, rng)
            lift = (0, 0, 0.10) if self.out else (0, 0, -shell.points[:, 2].min())
            parts = [shell.moved(np.eye(3), shift=lift), *(body if self.out else [])]
        whole = join(parts)
        return whole.reflected() if self.reflected else whole


def draw_species(rng: np.random.Generator) -> Species:
    """A species, as often as it is photographed."""
    taxon = rng.choice(list(TAXA), p=list(TAXA.values()))
    among = [species for species in SPECIES if species.taxon == taxon]
    weights = np.array([species.weight for species in among])
    return among[rng.choice(len(among), p=weights / weights.sum())]


def draw_animal(rng: np.random.Generator) -> Animal:
    """An individual; all but the hand of a shell is as likely as its mirror image."""
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
def _placed(shell: Shell, apex: tuple[float, float, float], size: float) -> np.ndarray:
    """Points (L, A, 3) of a right-handed shell on its bearer; the rim is near the origin."""
    surface = shell.surface()
    rim = surface[-1, :-1].mean(axis=0)
    up = np.array(apex) / np.linalg.norm(apex)
    out = np.array([0.85, 0.0, -0.55])
    out -= out @ up * up
    out /= np.linalg.norm(out)
    # Rows are where the shell's own x, y and z axes go; a proper rotation keeps the hand.
    pose = np.stack([out, np.cross(-up, out), -up])
    reach = np.linalg.norm(surface - rim, axis=-1).max()
    placed = (surface - rim) @ pose * (2 * size / reach)
    middle = (placed.reshape(-1, 3).min(axis=0) + placed.reshape(-1, 3).max(axis=0)) / 2
    return placed - [middle[0], middle[1], placed[..., 2].min()]


def _shell(kind: Species, colour: np.ndarray, rng: np.random.Generator) -> Surface:
    points = _placed(kind.shell, kind.apex, kind.size)
    along, around = points.shape[:2]
    angle = np.linspace(0, 2 * np.pi, around)
    dark = np.zeros((along, around))
    for place in kind.bands:
        if rng.random() < 0.6:
            width, strength = rng.uniform(0.12, 0.3), rng.uniform(0.5, 1)
            off = np.angle(np.exp(1j * (angle - place)))
            dark = np.maximum(dark, strength * np.exp(-((off / width) ** 2)))
    flecks = rng.normal(size=(along, around))
    flecks += np.roll(flecks, 1, axis=0) + rng.normal(size=(along, 1))  # growth lines
    shade = 1 - kind.mottled * np.clip(0.4 * flecks, 0, 1)
    shade *= np.linspace(0.8, 1, along)[:, None]  # the oldest whorls are worn
    colours = colour * (1 - dark[..., None]) + np.array(to_rgb(kind.band)) * dark[..., None]
    colours *= shade[..., None]
    colours[-1] = 0.5 + 0.5 * colours[-1]  # the lip
    return tube(points, np.clip(colours, 0, 1), shell=True)


def _body(
    bend: float, half: float, width: float, colour: np.ndarray, mottled: float, rng
) -> list[Surface]:
    """Foot and head with tentacles and eyes, on a spine that is bent to one side."""

    def on_spine(s, y, z):
        """(forward, left, up) along the bent spine to x, y, z."""
        turned = bend * s / half
        x = np.sin(turned) / bend * half if abs(bend) > 1e-6 else s
        side = (1 - np.cos(turned)) / bend * half if abs(bend) > 1e-6 else 0 * s
        return np.stack([x - y * np.sin(turned), side + y * np.cos(turned), z + 0 * s], axis=-1)

    s = np.linspace(-1, 1, 22)[:, None]
    round_ = np.linspace(0, 2 * np.pi, 17)
    # A long tail, a blunt head that is held up.
    profile = np.clip(1 - np.abs(s) ** np.where(s > 0, 6, 1.8), 0, 1) ** 0.5 + 1e-3
    rise = 0.16 * np.clip(s - 0.55, 0, 1) / 0.45 * half
    across, height = width * profile * np.cos(round_), 1.1 * width * profile * np.sin(round_)
    skin = on_spine(half * s, across, np.maximum(height, -0.2 * width) + 0.2 * width + rise)
    flecks = np.clip(rng.normal(size=skin.shape[:2]), -1, 1)[..., None]
    flecks[:, -1] = flecks[:, 0]
    parts = [tube(skin, np.clip(colour * (1 - mottled * flecks), 0, 1))]
    for side in (1, -1):
        for ends, radius in (
            (((0.86, 0.30), (1.16, 0.85), (0.45, 1.9)), 0.16),
            (((0.92, 0.25), (1.13, 0.45), (0.25, 0.15)), 0.12),
        ):
            t = np.linspace(0, 1, 3)[:, None]
            (s0, s1), (y0, y1), (z0, z1) = (
                (ends[0][0], ends[1][0]),
                (ends[0][1], ends[1][1]),
                (ends[2][0], ends[2][1]),
            )
            ring = np.linspace(0, 2 * np.pi, 6)
            thick = radius * width * (1 - 0.4 * t + 0.8 * (t == 1) * (radius > 0.14))
            centre = (half * (s0 + (s1 - s0) * t), side * width * (y0 + (y1 - y0) * t))
            level = width * (0.9 + z0 + (z1 - z0) * t)
            parts.append(
                tube(
                    on_spine(
                        centre[0] + 0 * ring,
                        centre[1] + thick * np.cos(ring),
                        level + thick * np.sin(ring),
                    ),
                    0.7 * colour,
                )
            )
    return parts
