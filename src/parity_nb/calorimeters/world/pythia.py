"""The same hard processes, showered and hadronised by Pythia 8 (the extra `hep`).

Pythia has neither black holes nor sphalerons.  It reads them from a Les Houches event file, and
then has to find a colour flow in it.

- A black hole's colour lines are drawn by lot: each starts at an incoming quark or an outgoing
  antiquark, passes some gluons and ends at an outgoing quark.
- A sphaleron has nine quarks of three generations, each generation a junction of three colours.
  Three junctions at one vertex are refused, so the second and third generation sit inside a
  colour-neutral carrier that decays at once.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from parity_nb.calorimeters.world.fragmentation import REACH
from parity_nb.calorimeters.world.hard_process import BEAM, Partons, process
from parity_nb.calorimeters.world.particles import (
    CHARGED_HADRON,
    ELECTRON,
    MUON,
    NEUTRAL_HADRON,
    PHOTON,
    Particles,
)

CARRIER = 9900001
"""Code of the colour-neutral carrier of a generation; charges are checked at the end only."""


def make_class(name: str, n: int, seed: int = 0, settings: tuple[str, ...] = ()) -> Particles:
    """Particles of n events of a class, as `generator.make_class` names them.

    Args:
        name: such as "BH_n4_M10".
        n: number of events.
        seed: random seed of the hard process, of colours and of Pythia.
        settings: further lines for Pythia, such as "PartonLevel:MPI = off".

    Raises:
        ValueError: for a name of another form.
        ModuleNotFoundError: without the package, naming the extra.
        RuntimeError: if Pythia refuses the file, or fails on more than one event in a hundred.
    """
    _, make = process(name)
    return shower(make(n, torch.Generator().manual_seed(seed)), seed, settings)


def shower(partons: Partons, seed: int = 0, settings: tuple[str, ...] = ()) -> Particles:
    """Let Pythia shower and hadronise a hard process.

    Raises:
        ModuleNotFoundError: without the package, naming the extra.
        RuntimeError: if Pythia refuses the file, or fails on more than one event in a hundred.
    """
    try:
        import pythia8mc
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "this needs Pythia 8: install the package with its extra, parity-nb[hep], or use "
            "parity_nb.calorimeters.world.generator, which needs nothing"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.lhe"
        write_lhe(partons, path, seed)
        pythia = pythia8mc.Pythia("", False)
        for line in (
            "Beams:frameType = 4",
            f"Beams:LHEF = {path}",
            "LesHouches:matchInOut = off",
            f"{CARRIER}:new = carrier carrierbar 1 0 0 9000 0 0 0 0",
            f"{CARRIER}:isResonance = true",
            "Random:setSeed = on",
            f"Random:seed = {1 + seed % 900_000_000}",
            "Print:quiet = on",
            *settings,
        ):
            pythia.readString(line)
        if not pythia.init():
            raise RuntimeError(f"Pythia does not start with these settings: {settings}")
        return _run(pythia, partons.n)


def _run(pythia, n: int) -> Particles:
    columns, failed, done = [], 0, 0
    with tqdm(total=n, desc="Pythia", unit="event") as progress:
        while not pythia.infoPython().atEndOfFile() and done + failed < n:
            if not pythia.next():
                failed += not pythia.infoPython().atEndOfFile()
                continue
            columns.append(_final(pythia.event, done))
            done += 1
            progress.update()
    if failed > max(1, n / 100) or not done:
        raise RuntimeError(f"Pythia failed on {failed} of {n} events")
    event, pt, eta, phi, charge, kind = np.concatenate(columns, 1)
    phi = np.where(phi >= math.pi, -math.pi, phi)
    return Particles(
        torch.tensor(event, dtype=torch.int64),
        *(torch.tensor(x, dtype=torch.float32) for x in (pt, eta, phi)),
        *(torch.tensor(x, dtype=torch.int8) for x in (charge, kind)),
        done,
    )


def _final(event, number: int) -> np.ndarray:
    """Visible particles of one event: (6, m), rows event, pt, eta, phi, charge, kind."""
    rows = []
    for p in event:
        if p.isFinal() and p.isVisible() and p.pT() > 0.1 and abs(p.eta()) < REACH:
            rows.append((number, p.pT(), p.eta(), p.phi(), round(p.charge()), _kind(p)))
    return np.array(rows).reshape(-1, 6).T


def _kind(p) -> int:
    code = p.idAbs()
    named = {22: PHOTON, 11: ELECTRON, 13: MUON}
    return named.get(code, CHARGED_HADRON if p.isCharged() else NEUTRAL_HADRON)


# --- the event file


def write_lhe(partons: Partons, path: Path, seed: int = 0) -> None:
    """A Les Houches event file (Alwall et al. 2007) with colour flows.

    Args:
        partons: the hard process.
        path: where to write.
        seed: random seed of the colour flow.
    """
    rng = np.random.default_rng(seed)
    lines = [
        '<LesHouchesEvents version="1.0">',
        "<init>",
        f"2212 2212 {BEAM:.8e} {BEAM:.8e} 0 0 0 0 3 1",
        "1.0 0.0 1.0 1",
        "</init>",
    ]
    starts = np.searchsorted(partons.event.numpy(), np.arange(partons.n + 1))
    for k in range(partons.n):
        lines += _event(partons, k, slice(starts[k], starts[k + 1]), rng)
    path.write_text("\n".join([*lines, "</LesHouchesEvents>", ""]), encoding="ascii")


def _event(partons: Partons, k: int, here: slice, rng: np.random.Generator) -> list[str]:
    codes = partons.code[here].numpy()
    momenta = partons.momentum[here].numpy()
    groups = partons.group[here].numpy()
    total = momenta.sum(0)
    x = (total[0] + total[3]) / 2, (total[0] - total[3]) / 2
    incoming = partons.incoming[k].tolist()
    rows = [
        _row(code, -1, (0, 0), (501 + i, 0), (energy, 0, 0, (energy, -energy)[i]))
        for i, (code, energy) in enumerate(zip(incoming, x, strict=True))
    ]
    if groups.max() == 1:
        colours = _lines(codes, rng)
        rows += [
            _row(c, 1, (1, 2), colour, p)
            for c, colour, p in zip(codes, colours, momenta, strict=True)
        ]
    else:
        rows += _generations(codes, momenta, groups)
    scale = math.sqrt(max(4 * x[0] * x[1], 1.0)) / len(codes)
    head = f"{len(rows)} 1 1.0 {scale:.8e} 0.0078125 0.1"
    return ["<event>", head, *rows, "</event>"]


def _row(code: int, status: int, mothers: tuple, colours: tuple, p) -> str:
    mass = math.sqrt(max(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0.0))
    mass = mass if mass > 1e-3 * p[0] else 0.0
    numbers = " ".join(f"{value:.12e}" for value in (p[1], p[2], p[3], p[0], mass))
    return f"{code} {status} {mothers[0]} {mothers[1]} {colours[0]} {colours[1]} {numbers} 0 9"


def _lines(codes: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Colour and anticolour of each outgoing parton of a black hole, lines drawn by lot."""
    quarks = rng.permutation(np.flatnonzero((codes >= 1) & (codes <= 6)))
    antiquarks = np.flatnonzero((codes <= -1) & (codes >= -6))
    gluons = rng.permutation(np.flatnonzero(codes == 21))
    colours = [(0, 0)] * len(codes)
    tag = 503
    ends = [501, 502]  # the open tag of each line
    for i in antiquarks:
        colours[i] = (0, tag)
        ends.append(tag)
        tag += 1
    for i in gluons:
        line = rng.integers(len(ends))
        colours[i] = (ends[line], tag)
        ends[line] = tag
        tag += 1
    for i, end in zip(quarks, ends, strict=True):
        colours[i] = (end, 0)
    return colours


def _generations(codes: np.ndarray, momenta: np.ndarray, groups: np.ndarray) -> list[str]:
    """Rows of a sphaleron: one antiquark at the vertex, two carriers of three each, leptons."""
    rows, inside, tag = [], [], 503
    for group in (1, 2, 3):
        mine = groups == group
        quark = mine & (np.abs(codes) <= 6)
        for i in np.flatnonzero(mine & ~quark):
            rows.append(_row(codes[i], 1, (1, 2), (0, 0), momenta[i]))
        if group == 1:
            i = np.flatnonzero(quark)[0]
            rows.append(_row(codes[i], 1, (1, 2), (0, tag), momenta[i]))
            tag += 1
            continue
        rows.append(_row(CARRIER, 2, (1, 2), (0, 0), momenta[quark].sum(0)))
        mother = len(rows) + 2
        for i in np.flatnonzero(quark):
            inside.append(_row(codes[i], 1, (mother, mother), (0, tag), momenta[i]))
            tag += 1
    return rows + inside
