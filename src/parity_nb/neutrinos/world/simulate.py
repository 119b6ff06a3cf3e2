"""Simulated pixel maps: interactions, transport through the detector, cells, window.

Everything here is simulated by the simple models of `generators`, `transport` and `nova`; it is
neither GENIE nor GiBUU, nor data of NOvA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from parity_nb.images import ImageSet
from parity_nb.neutrinos.world import generators, nova, transport
from parity_nb.neutrinos.world.transport import Deposits, merge, showers, tracks

CHUNK = 250
"""Events that are simulated at once; each chunk has random numbers of its own."""
NOISE = 1.5
"""Mean number of hits in an event that no particle made; our choice."""
SLICE = 20
"""Fewer cells than this are no event: they would be lost in the noise, and are drawn again."""
FIDUCIAL = ((-100.0, 160.0), (-160.0, 100.0), (150.0, 900.0))
"""Where vertices lie, cm in x, y and z: what the source's cut on nu_e vertices keeps."""
EVERYWHERE = ((-190.0, 190.0), (-190.0, 190.0), (0.0, 1275.0))
"""The whole detector before its muon catcher."""
TRACKS = (
    (generators.MUON, transport.MUON),
    (generators.CHARGED_PION, transport.PION),
    (generators.PROTON, transport.PROTON),
)


@dataclass
class PixelMaps(ImageSet):
    """Pixel maps of events, two views each, and one row of truth an event.

    Attributes:
        images: uint8 (N, 2, 100, 80): views x and y, planes along the beam, cells across it.
        meta: N rows: `label`, `mode`, `pdg`, `energy` (GeV), `visible` (GeV), `hits`, `weight`,
            `generator`, what names the event (`run`, `subrun`, `cycle`, `evt`, `subevt`), ...
        name: what the set is called.
        prongs: tracks and showers, one row each, with the column `event` (a row of `meta`); it is
            not saved.

    Raises:
        ValueError: for maps of another shape or type, or another number of rows.
    """

    prongs: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = (nova.VIEWS, nova.PLANES, nova.CELLS)
        if self.images.shape[1:] != shape or self.images.dtype != torch.uint8:
            found = f"{self.images.dtype} {tuple(self.images.shape)}"
            raise ValueError(f"maps must be uint8 (N, {', '.join(map(str, shape))}), not {found}")

    def __getitem__(self, index) -> PixelMaps:
        """The chosen events (slice, indices or mask); with their prongs, unless one comes twice."""
        part = super().__getitem__(index)
        rows, prongs = np.atleast_1d(np.arange(len(self))[index]), None
        if self.prongs is not None and len(np.unique(rows)) == len(rows):
            new = np.full(len(self), -1)
            new[rows] = np.arange(len(rows))
            prongs = self.prongs.assign(event=new[self.prongs["event"]])
            prongs = prongs[prongs["event"] >= 0].sort_values("event", kind="stable")
            prongs = prongs.reset_index(drop=True)
        return PixelMaps(part.images, part.meta, part.name, prongs)


def events(
    n: int,
    generator: str,
    seed: int = 0,
    composition: str = "balanced",
    gap: float = 1.0,
    vertices: tuple = FIDUCIAL,
) -> PixelMaps:
    """Simulated events.

    Args:
        n: number of events.
        generator: "genie-like" (A) or "gibuu-like" (B); the second has weights.
        seed: of all that is drawn; other seeds, and generators, have other random numbers.
        composition: "balanced", a third of each label, or "beam", about 1 nu_e to 20.7 nu_mu.
        gap: how far the second generator is from the first, 0 to 1 (and somewhat beyond).
        vertices: ranges of x, y and z, cm, in which interactions happen.

    Returns:
        Maps, truth and prongs.  `visible` is the energy in the pixel maps, `hits` the number of
        their cells that are not 0.

    Raises:
        ValueError: for no event, or an unknown generator or composition.
    """
    if n < 1:
        raise ValueError(f"n = {n}: a set needs at least one event")
    model = generators.generator_named(generator, gap)
    name = generators.NAMES.get(generator, generator)
    number = list(generators.NAMES.values()).index(name)
    labels = generators.labels_of(n, composition, np.random.default_rng([seed, number, 0]))
    starts = range(0, n, CHUNK)
    bar = tqdm(starts, desc=f"simulating {name} events", unit="chunk", disable=n < 2000)
    made = [
        _chunk(labels[i : i + CHUNK], model, vertices, np.random.default_rng([seed, number, 1, i]))
        for i in bar
    ]
    pictures = torch.from_numpy(np.concatenate([picture for picture, _, _ in made]))
    meta = pd.concat([truth for _, truth, _ in made], ignore_index=True)
    numbered = zip(starts, made, strict=True)
    parts = [part.assign(event=part["event"] + i) for i, (_, _, part) in numbered]
    prongs = pd.concat(parts, ignore_index=True)
    meta["generator"] = name
    meta["run"] = 10_000 + 1000 * number + seed % 1000
    meta["subrun"], meta["cycle"] = np.arange(n) // 1000, 0
    meta["evt"], meta["subevt"] = np.arange(n) % 1000 // 2 + 1, np.arange(n) % 2
    return PixelMaps(pictures, meta, f"{name} (simulated)", prongs)


def _chunk(label, model, vertices, rng) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Pictures, truth and prongs of events that each hit `SLICE` cells, with these labels."""
    pictures, truth, prongs = _attempt(label, model, vertices, rng)
    while len(again := np.flatnonzero(truth["hits"].to_numpy() < SLICE)):
        tries = np.repeat(again, int(np.clip(CHUNK // len(again), 1, 6)))
        picture, better, parts = _attempt(label[tries], model, vertices, rng)
        good = np.flatnonzero(better["hits"].to_numpy() >= SLICE)
        place, first = np.unique(tries[good], return_index=True)
        pictures[place] = picture[good[first]]
        better = better.iloc[good[first]].set_axis(place)
        truth = pd.concat([truth.drop(index=place), better]).sort_index()
        parts = parts[parts["event"].isin(good[first])]
        parts = parts.assign(event=tries[parts["event"]])
        prongs = pd.concat([prongs[~prongs["event"].isin(place)], parts])
    return pictures, truth, prongs.sort_values("event", kind="stable", ignore_index=True)


def _attempt(label, model, vertices, rng) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    n = len(label)
    energy, weight = generators.energies_of(n, model.weighted, rng)
    about, particles = generators.interact(label, energy, model, rng)
    vertex = np.stack([rng.uniform(*reach, n) for reach in vertices], 1)
    deposits, prongs = _deposits(particles, vertex, rng)
    event = particles["event"].to_numpy()[deposits.particle]
    event, plane, cell, level = _cells(event, deposits, vertex, rng)
    pictures = nova.windows(event, plane, cell, level, n)
    truth = about.assign(
        label=label,
        energy=energy,
        weight=weight,
        visible=pictures.sum((1, 2, 3), dtype=np.int64) / nova.LEVELS_PER_MEV / 1000,
        hits=np.count_nonzero(pictures, axis=(1, 2, 3)),
        x=vertex[:, 0],
        y=vertex[:, 1],
        z=vertex[:, 2],
        **_reach(event, plane, n),
    )
    return pictures, truth, prongs


def _deposits(particles, vertex, rng) -> tuple[Deposits, pd.DataFrame]:
    """What all particles of a chunk leave, and where each begins and ends."""
    kind = particles["kind"].to_numpy()
    energy = 1000 * particles["energy"].to_numpy()
    direction = particles[["ux", "uy", "uz"]].to_numpy()
    start = vertex[particles["event"].to_numpy()]
    stop, parts = start.copy(), []
    start = start.copy()
    for number, mass in TRACKS:
        chosen = np.flatnonzero(kind == number)
        left, stop[chosen] = tracks(energy[chosen], start[chosen], direction[chosen], mass, rng)
        parts.append(Deposits(chosen[left.particle], left.position, left.energy))
    chosen = np.flatnonzero((kind == generators.ELECTRON) | (kind == generators.PHOTON))
    left, start[chosen], stop[chosen] = showers(
        energy[chosen], start[chosen], direction[chosen], kind[chosen] == generators.PHOTON, rng
    )
    parts.append(Deposits(chosen[left.particle], left.position, left.energy))
    ends = {
        f"{end}.{axis}": at[:, i]
        for end, at in (("start", start), ("stop", stop))
        for i, axis in enumerate("xyz")
    }
    prongs = particles[["event"]].assign(
        kind=np.array(generators.KINDS)[kind], energy=particles["energy"], **ends
    )
    return merge(*parts), prongs


def _cells(event, deposits, vertex, rng) -> tuple[np.ndarray, ...]:
    """Hits of a chunk: event, plane, cell and level of every cell that is not silent."""
    n = len(vertex)
    plane = nova.plane_of(deposits.position[:, 2])
    across = np.where(plane % 2 == 0, deposits.position[:, 0], deposits.position[:, 1])
    cell = nova.cell_of(across)
    other = np.where(plane % 2 == 0, deposits.position[:, 1], deposits.position[:, 0])
    seen = (plane >= 0) & (cell >= 0) & (nova.cell_of(other) >= 0)
    place = (event[seen] * nova.ALL_PLANES + plane[seen]) * nova.WIDTH_CELLS + cell[seen]
    at, noise = _noise(vertex, rng)
    place, energy = np.append(place, at), np.append(deposits.energy[seen], noise)
    total = np.bincount(place, energy, n * nova.ALL_PLANES * nova.WIDTH_CELLS)
    hit = np.flatnonzero(total)
    level = nova.digitise(total[hit], rng)
    hit, level = hit[level > 0], level[level > 0]
    event, rest = np.divmod(hit, nova.ALL_PLANES * nova.WIDTH_CELLS)
    return event, rest // nova.WIDTH_CELLS, rest % nova.WIDTH_CELLS, level


def _noise(vertex, rng) -> tuple[np.ndarray, np.ndarray]:
    """Hits that no particle made: within 40 cells and planes of the vertex, some MeV each."""
    event = np.repeat(np.arange(len(vertex)), rng.poisson(NOISE, len(vertex)))
    planes, cells = nova.PLANES, nova.CELLS
    plane = nova.plane_of(vertex[event, 2]) + rng.integers(-planes // 10, planes // 2, len(event))
    cell = nova.cell_of(vertex[event, 0]) + rng.integers(-cells // 2, cells // 2, len(event))
    kept = (plane >= 0) & (plane < nova.ALL_PLANES) & (cell >= 0) & (cell < nova.WIDTH_CELLS)
    at = (event * nova.ALL_PLANES + plane) * nova.WIDTH_CELLS + cell
    return at[kept], 2 + rng.exponential(3, kept.sum())


def _reach(event, plane, n) -> dict[str, np.ndarray]:
    """First and last plane with a hit, and the longest run of planes that have one."""
    has = np.zeros((n, nova.ALL_PLANES + 1), bool)
    has[event, plane] = True
    length = np.zeros(n, int)
    longest = length.copy()
    for column in has.T:
        length = np.where(column, length + 1, 0)
        longest = np.maximum(longest, length)
    some = has.any(1)
    return {
        "firstplane": np.where(some, has.argmax(1), -1),
        "lastplane": np.where(some, nova.ALL_PLANES - has[:, ::-1].argmax(1), -1),
        "ncontplanes": longest,
    }
