"""Photographs of living snails, simulated: ground, sun, stones, a hand, and a camera above.

A `Photograph` lists all that is in a picture.  Its `mirrored()` is what a mirror would show, and
every number that a mirror negates is drawn from a distribution that is symmetric about zero: so
all but the chirality of a shell and the hand of a human is as likely as its mirror image.

Axes: z is up, the camera stands in the plane y = 0 on the side of +x, and y points to the right
in the picture.  One unit is about half an animal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyvista as pv
from matplotlib.colors import to_rgb
from scipy.ndimage import gaussian_filter

from parity_nb.snails.world.animals import Animal, draw_animal
from parity_nb.snails.world.hand_model import hand_surface
from parity_nb.snails.world.offscreen import OffScreen
from parity_nb.snails.world.surface import Surface, join, tube, turn

HANDS = 0.1
"""Share of photographs with a human hand; Gibbon (2023) counted 9.8% and 9.1%, section 3.1."""
LEFT_HANDS = 0.7
"""Share of left ones among them, chosen by us: most people hold the camera in the right hand."""
GRIPS = ("palm", "fingers")
GROUNDS = 24
"""Number of textures."""
VIEW = 30.0
"""Angle of view, degrees."""
PIXELS = 64
"""Width of a picture in the data sets, in whose pixels the blur is given."""
_ODD = ("heading", "roll", "shift", "sun_azimuth", "ground_side", "hand_azimuth", "hand_lean")
_OTHER_HAND = {"left": "right", "right": "left", "none": "none"}
_PALETTES = (
    ("#2f2419", "#6b5238", "#a58a63"),  # soil
    ("#5c5a56", "#8f8c86", "#c0bdb4"),  # concrete
    ("#16300f", "#3f6d24", "#8fb054"),  # grass
    ("#24402a", "#4f7d3f", "#7ea85c"),  # leaf
    ("#2b211b", "#55443a", "#8d7a68"),  # bark
    ("#8a7455", "#b89d75", "#dccba6"),  # sand
    ("#4a2c18", "#84522c", "#b98a52"),  # fallen leaves
    ("#7a3b2c", "#a55c46", "#c98c72"),  # brick
)
_SKINS = ("#f1c9a9", "#e0ac86", "#c68a5f", "#8d5a3a", "#5c3a26")


@dataclass(frozen=True)
class Photograph:
    """All that one picture shows.  Angles are in radians.

    Attributes:
        animal: who is portrayed.
        heading: which way it crawls; 0 is towards the camera.
        elevation: of the camera above the horizon.
        roll: of the camera about its line of sight.
        distance: of the camera.
        shift, lift: of the animal from the middle of the picture, to the right and up.
        sun_height, sun_azimuth: where the light comes from.
        sun: its strength; the sky gives the rest.
        ground: number of the ground's texture.
        ground_turn: by which it is turned.
        ground_side: 1, or -1 if it is reflected.
        stones: rows of x, y, size, elongation and grey level.
        hand: "none", or the human hand in the picture, "left" or "right".
        grip: on the "palm", or held by the "fingers".
        hand_azimuth: where the arm comes from; 0 is the photographer.
        hand_lean: by which the hand leans to a side.
        hand_size: units to a metre.
        curl: bend of the fingers.
        skin: number of its colour.
        blur: of the focus, pixels in 64.
        exposure: factor on all levels.
        warmth: factor on red, and its inverse on blue.
    """

    animal: Animal
    heading: float = 0.0
    elevation: float = 1.0
    roll: float = 0.0
    distance: float = 4.5
    shift: float = 0.0
    lift: float = 0.0
    sun_height: float = 1.0
    sun_azimuth: float = 0.0
    sun: float = 0.7
    ground: int = 0
    ground_turn: float = 0.0
    ground_side: int = 1
    stones: tuple[tuple[float, float, float, float, float], ...] = ()
    hand: str = "none"
    grip: str = "palm"
    hand_azimuth: float = 0.0
    hand_lean: float = 0.0
    hand_size: float = 24.0
    curl: float = 0.2
    skin: int = 0
    blur: float = 0.0
    exposure: float = 1.0
    warmth: float = 1.0

    def mirrored(self) -> Photograph:
        """What a mirror beside the camera would show."""
        odd = {name: -getattr(self, name) for name in _ODD}
        return replace(
            self,
            animal=replace(self.animal, reflected=not self.animal.reflected),
            hand=_OTHER_HAND[self.hand],
            stones=tuple((x, -y, *rest) for x, y, *rest in self.stones),
            **odd,
        )

    def surface(self) -> Surface:
        """Everything but the ground."""
        animal = self.animal.surface().moved(turn("z", self.heading))
        parts = [animal, *(_stone(*stone) for stone in self.stones)]
        if self.hand != "none":
            parts.append(self._hand())
        return join(parts)

    def _hand(self) -> Surface:
        skin = np.array(to_rgb(_SKINS[self.skin]))
        surface, joints = hand_surface(self.hand, skin, self.curl)
        azimuth = turn("z", self.hand_azimuth) @ turn("z", np.pi)  # fingers away from the camera
        lean = turn("x", self.hand_lean)
        if self.grip == "palm":
            return surface.moved(azimuth @ lean, self.hand_size, (0, 0, -0.03 * self.hand_size))
        # The palm faces down, the shell is between thumb and forefinger.
        pose = azimuth @ turn("y", 0.1) @ lean @ turn("x", np.pi)
        between = (joints["thumb-tip"] + joints["index-finger-tip"]) / 2
        return surface.moved(pose, self.hand_size, (0, 0, 0.3) - self.hand_size * pose @ between)


def draw_photograph(rng: np.random.Generator, hands: float = HANDS) -> Photograph:
    """A photograph of a new animal in a new place.

    Args:
        rng: source of chance.
        hands: share of photographs with a human hand.
    """
    animal = draw_animal(rng)
    hand, grip = "none", "palm"
    if rng.random() < hands:
        hand = "left" if rng.random() < LEFT_HANDS else "right"
        grip = rng.choice(GRIPS)
    # A right-handed photographer's left arm comes from the left.
    side = {"left": -1, "right": 1, "none": 0}[hand]
    spread = 0.5 if grip == "palm" else 0.8
    stones = () if hand != "none" and grip == "palm" else _draw_stones(rng)
    return Photograph(
        animal,
        heading=rng.uniform(-np.pi, np.pi),
        elevation=np.arcsin(rng.uniform(0.55, 1)),
        roll=rng.normal(0, 0.12),
        distance=rng.uniform(3.5, 5.5) * (1 if hand == "none" else 1.25),
        shift=rng.normal(0, 0.12),
        lift=rng.normal(0, 0.12),
        sun_height=rng.uniform(0.4, 1.4),
        sun_azimuth=rng.uniform(-np.pi, np.pi),
        sun=rng.uniform(0.4, 0.85),
        ground=int(rng.integers(GROUNDS)),
        ground_turn=rng.uniform(-np.pi, np.pi),
        ground_side=int(rng.choice([-1, 1])),
        stones=stones,
        hand=hand,
        grip=str(grip),
        hand_azimuth=0.4 * side + rng.normal(0, spread),
        hand_lean=rng.normal(0, 0.2),
        hand_size=rng.uniform(18, 28),
        curl=rng.uniform(0.0, 0.3) if grip == "palm" else rng.uniform(0.0, 0.25),
        skin=int(rng.integers(len(_SKINS))),
        blur=rng.gamma(2.0, 0.25),
        exposure=rng.uniform(0.8, 1.2),
        warmth=rng.normal(1, 0.03),
    )


def draw_again(first: Photograph, rng: np.random.Generator) -> Photograph:
    """Another photograph of the same animal, a moment later and from nearly the same place."""
    step = rng.normal(0, 0.10)  # of the photographer around the animal
    return replace(
        first,
        heading=first.heading + step,
        sun_azimuth=first.sun_azimuth + step,
        ground_turn=first.ground_turn - step * first.ground_side,
        stones=tuple((*_turned(x, y, step), *rest) for x, y, *rest in first.stones),
        hand_azimuth=first.hand_azimuth + (step if first.hand != "none" else 0),
        elevation=min(first.elevation + rng.normal(0, 0.05), np.pi / 2),
        roll=first.roll + rng.normal(0, 0.04),
        distance=first.distance * np.exp(rng.normal(0, 0.05)),
        shift=first.shift + rng.normal(0, 0.04),
        lift=first.lift + rng.normal(0, 0.04),
        blur=rng.gamma(2.0, 0.25),
        exposure=first.exposure * np.exp(rng.normal(0, 0.05)),
    )


class Field(OffScreen):
    """Where the photographs are taken.

    Animals, stones and hands are rendered; the ground behind them, a plane with a texture, is
    looked up pixel by pixel, which is quicker.

    Args:
        size: width and height of a picture, pixels.

    Raises:
        RuntimeError: if this machine cannot render, with the package that would help.
    """

    def __init__(self, size: int):
        super().__init__(size, background="black")
        self._sun = pv.Light(light_type="scene light", positional=False)
        self._sky = pv.Light(light_type="headlight")
        self.plotter.add_light(self._sun)
        self.plotter.add_light(self._sky)
        start = _drawable(Photograph(draw_animal(np.random.default_rng(0))).surface())
        self._things = self.plotter.add_mesh(
            start, scalars="colour", rgb=True, smooth_shading=True, specular=0.25, specular_power=25
        )
        # What is where: red for shells, green for everything, and no light.
        self._labels = self.plotter.add_mesh(
            start.copy(), scalars="label", rgb=True, lighting=False
        )
        self.plotter.camera.view_angle = VIEW
        self.plotter.show(auto_close=False)

    def shoot(self, photo: Photograph) -> tuple[np.ndarray, np.ndarray]:
        """A picture, uint8 (size, size, 3), and where the shell is, bool (size, size)."""
        scene = _drawable(photo.surface())
        labelled = scene.copy(deep=False)
        labelled.set_active_scalars("label")
        self._things.mapper.SetInputData(scene)
        self._labels.mapper.SetInputData(labelled)
        place, axes = _camera(photo)
        camera = self.plotter.renderer.GetActiveCamera()
        camera.SetFocalPoint(*(place - axes[2]))
        camera.SetPosition(*place)
        camera.SetViewUp(*axes[1])
        camera.SetClippingRange(0.3, 20)
        sun, sky = _light(photo)
        self._sun.SetPosition(*sun)
        self._sun.SetIntensity(photo.sun)
        self._sky.SetIntensity(sky)
        things, labels = self._render(self._things), self._render(self._labels)
        picture = np.where(labels[..., 1:2] > 127, things, self._ground(photo, place, axes))
        return _expose(picture, photo), labels[..., 0] > 127

    def _render(self, shown: pv.Actor) -> np.ndarray:
        for actor in (self._things, self._labels):
            actor.SetVisibility(actor is shown)
        return self.screenshot()

    def _ground(self, photo: Photograph, place: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Levels of the ground in each pixel, float (size, size, 3)."""
        on_palm = photo.hand != "none" and photo.grip == "palm"
        depth = 4.0 if on_palm else 0.0
        t = np.tan(np.radians(VIEW / 2)) * ((2 * np.arange(self.size) + 1) / self.size - 1)
        ray = t[:, None] * axes[0] - axes[2] - t[:, None, None] * axes[1]
        flat = place[:2] - (place[2] + depth) * ray[..., :2] / ray[..., 2:]
        x, y = _turned(flat[..., 0], photo.ground_side * flat[..., 1], photo.ground_turn)
        texture = _textures()[photo.ground]
        texel = np.floor(0.17 * np.stack([x, y]) * len(texture)).astype(int) % len(texture)
        sun, sky = _light(photo)
        # The ground faces up, and the animal's shadow lies away from the sun.
        light = photo.sun * sun[2] + sky * np.sin(photo.elevation)
        if depth == 0:
            offset = flat + 0.25 * sun[:2] / (sun[2] + 0.3)
            ahead, aside = _turned(offset[..., 0], offset[..., 1], -photo.heading)
            light = light * (1 - 0.6 * np.exp(-((ahead / 0.8) ** 2) - (aside / 0.45) ** 2))
            light = light[..., None]
        return light * texture[texel[0], texel[1]]


def _camera(photo: Photograph) -> tuple[np.ndarray, np.ndarray]:
    """Its place, and unit vectors to the right, up and back, as rows."""
    c, s = np.cos(photo.elevation), np.sin(photo.elevation)
    right, up, back = np.array([[0.0, 1, 0], [-s, 0, c], [c, 0, s]])
    place = photo.distance * back + (0, 0, 0.2) - photo.shift * right - photo.lift * up
    c, s = np.cos(photo.roll), np.sin(photo.roll)
    return place, np.stack([c * right - s * up, c * up + s * right, back])


def _light(photo: Photograph) -> tuple[np.ndarray, float]:
    """Direction to the sun, and the strength of the sky, which shines from the camera."""
    ahead, up = np.cos(photo.sun_height), np.sin(photo.sun_height)
    towards = ahead * np.cos(photo.sun_azimuth), ahead * np.sin(photo.sun_azimuth), up
    return np.array(towards), 0.8 - 0.6 * photo.sun


def _expose(levels: np.ndarray, photo: Photograph) -> np.ndarray:
    """The picture out of focus, in its own exposure and white balance, uint8."""
    sigma = photo.blur * len(levels) / PIXELS
    if sigma > 0.2:
        levels = gaussian_filter(levels, (sigma, sigma, 0), mode="nearest", truncate=3)
    levels = levels * (photo.exposure * np.array([photo.warmth, 1, 1 / photo.warmth]))
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


# --- what lies around


@cache
def _textures(size: int = 256) -> np.ndarray:
    """Soil, stone, grass, bark and leaves that tile: levels (GROUNDS, size, size, 3), float."""
    rng = np.random.default_rng(2023)
    return np.stack([_noise(size, _PALETTES[i % len(_PALETTES)], rng) for i in range(GROUNDS)])


def _noise(size: int, palette: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    k = np.fft.fftfreq(size) * size
    stretch = rng.choice([1.0, 1.0, 3.0, 6.0])  # blades and fibres
    wave = np.hypot(k[:, None] * stretch, k) + 1.0
    spectrum = wave ** -rng.uniform(0.7, 1.5) * (wave > 3)
    grain = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * spectrum).real
    level = np.clip(0.5 + 0.25 * grain / grain.std(), 0, 1)
    ramp = np.array([to_rgb(colour) for colour in palette])
    return 255 * np.stack([np.interp(level, [0, 0.5, 1], ramp[:, i]) for i in range(3)], axis=-1)


def _draw_stones(rng: np.random.Generator) -> tuple[tuple[float, float, float, float, float], ...]:
    stones = []
    for _ in range(rng.poisson(1.5)):
        far, azimuth = rng.uniform(0.9, 2.2), rng.uniform(-np.pi, np.pi)
        size, grey = rng.uniform(0.08, 0.3), rng.uniform(0.25, 0.75)
        place = far * np.cos(azimuth), far * np.sin(azimuth)
        stones.append((*place, size, rng.uniform(0.6, 1.7), grey))
    return tuple(stones)


def _stone(x: float, y: float, size: float, elongation: float, grey: float) -> Surface:
    s, ring = np.linspace(-0.98, 0.98, 9)[:, None], np.linspace(0, 2 * np.pi, 13)
    wide = np.sqrt(1 - s**2)
    points = np.stack(
        [elongation * s + 0 * ring, wide * np.cos(ring), 0.7 * wide * np.sin(ring)], axis=-1
    )
    colour = grey * np.array([1.0, 0.95, 0.85])
    return tube(size * points + [x, y, 0.3 * size], colour)


def _turned(x, y, angle: float):
    c, s = np.cos(angle), np.sin(angle)
    return c * x - s * y, s * x + c * y


def _drawable(surface: Surface) -> pv.PolyData:
    mesh = pv.PolyData.from_regular_faces(surface.points.astype(np.float32), surface.faces)
    mesh.point_data.active_normals = surface.normals.astype(np.float32)
    mesh.point_data["colour"] = np.round(255 * np.clip(surface.colours, 0, 1)).astype(np.uint8)
    label = np.zeros((len(surface.points), 3), np.uint8)
    label[:, 0], label[:, 1] = 255 * surface.shell, 255
    mesh.point_data["label"] = label
    return mesh
