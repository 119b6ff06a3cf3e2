"""Two simple models of how neutrinos interact with nuclei; neither is GENIE or GiBUU.

They stand for two event generators that share the physics and differ in what is poorly known:
mixture of modes, energy given to hadrons, number of pions, and what the nucleus does to them on
their way out.  Kinematics are exact for the lepton on a nucleon at rest and schematic for hadrons.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from parity_nb.data import choose

LABELS = ("numu", "nue", "nc")
"""Charged current of muon and electron neutrinos, and neutral current of either."""
MODES = ("qe", "res", "dis", "mec")
"""Quasi-elastic, resonant, deep-inelastic, meson exchange currents."""
ENERGIES = (1.0, 3.0)
"""Range of neutrino energies, GeV: the narrow beam that the detector sees off axis."""
PEAK, WIDTH = 2.0, 0.5
"""Mean and standard deviation of the energies before the range is cut, GeV."""
BEAM = {"numu": 239_932, "nue": 11_564, "nc": 119_366}
"""What Shokar (2020) had in his unbalanced training set: 1 nu_e to 20.7 nu_mu."""
NUCLEON, PION = 0.93892, 0.13957
"""Masses, GeV."""
NONE, MUON, ELECTRON, PHOTON, CHARGED_PION, PROTON = range(6)
"""Kinds of particles that a detector sees; neutrons are taken to escape."""
KINDS = ("none", "muon", "electron", "photon", "pion", "proton")


@dataclass(frozen=True)
class Generator:
    """What distinguishes one model of interactions from another; by default the first, A.

    Attributes:
        qe, res, dis, mec: shares of the four modes.
        inelasticity: factor on the mean share of the energy that hadrons receive.
        pions: mean number of pions beyond the first of a deep-inelastic event.
        neutral: probability that a pion is neutral in a neutral-current event; in a
            charged-current event it is 0.7 of that.
        absorption: probability that a nucleus swallows a pion, whose energy goes to nucleons.
        rescattering: probability that a proton loses half of its energy, to a neutron mostly.
        debris: mean number of slow protons that a nucleus sheds in a charged-current event.
        debris_nc: the same in a neutral-current event.
        debris_energy: their mean kinetic energy, GeV.
        weighted: energies are drawn evenly, and the beam's spectrum is in the weights.
    """

    qe: float = 0.27
    res: float = 0.38
    dis: float = 0.25
    mec: float = 0.10
    inelasticity: float = 0.9
    pions: float = 0.5
    neutral: float = 0.28
    absorption: float = 0.15
    rescattering: float = 0.25
    debris: float = 1.8
    debris_nc: float = 0.7
    debris_energy: float = 0.08
    weighted: bool = False

    def __post_init__(self) -> None:
        if not np.isclose(self.qe + self.res + self.dis + self.mec, 1):
            raise ValueError(f"the shares of {', '.join(MODES)} must add up to 1: {self}")


GENERATORS = {
    "genie-like": Generator(),
    "gibuu-like": Generator(
        qe=0.235,
        res=0.365,
        dis=0.27,
        mec=0.13,
        inelasticity=0.83,
        pions=0.85,
        neutral=0.47,
        absorption=0.25,
        rescattering=0.43,
        debris=4.5,
        debris_nc=4.5,
        debris_energy=0.08,
        weighted=True,
    ),
}
"""A, which stands for GENIE, and B, which stands for GiBUU.

They are as far apart as makes a small network that learnt from A lose four to six points on B.
What does it is mostly `debris`: in A a nucleus sheds slow protons after charged currents above all,
which helps to tell the two currents apart, and in B after both, and more of them.
"""


NAMES = dict(zip("AB", GENERATORS, strict=True))
"""Short for long."""


def generator_named(name: str, gap: float = 1.0) -> Generator:
    """One of `GENERATORS`, moved away from the first by `gap`.

    Args:
        name: "genie-like" or "gibuu-like"; "A" and "B" for short.
        gap: 1 is the generator as it stands, 0 the physics of the first; weights stay.

    Raises:
        ValueError: for an unknown name, or a gap that makes no generator.
    """
    wanted = choose("generator", NAMES.get(name, name), GENERATORS)
    first = next(iter(GENERATORS.values()))
    moved = {
        f.name: getattr(first, f.name) + gap * (getattr(wanted, f.name) - getattr(first, f.name))
        for f in fields(Generator)
        if f.name != "weighted"
    }
    if min(moved.values()) < 0 or max(moved["absorption"], moved["rescattering"]) > 1:
        raise ValueError(f"gap = {gap} makes a share negative or larger than one: {moved}")
    return Generator(**moved, weighted=wanted.weighted)


def labels_of(n: int, composition: str, rng: np.random.Generator) -> np.ndarray:
    """Labels of n events: (n,) of strings.

    Args:
        n: how many.
        composition: "balanced" has as many of each of `LABELS`, up to one; "beam" draws from the
            mixture `BEAM`.
        rng: numpy generator.

    Raises:
        ValueError: for another composition.
    """
    if composition == "balanced":
        return np.array(LABELS)[rng.permutation(n) % len(LABELS)]
    choose("composition", composition, {"beam": 0, "balanced": 0})
    share = np.array([BEAM[label] for label in LABELS], float)
    return rng.choice(LABELS, n, p=share / share.sum())


def energies_of(n: int, weighted: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Neutrino energies, GeV, and weights, (n,) each.

    Drawn from the beam, a cut Gaussian, with weight 1; or, if `weighted`, evenly over the range
    with the beam's density as weight, which lies between 1.35 and 10.
    """
    low, high = ENERGIES
    if weighted:
        energy = rng.uniform(low, high, n)
        return energy, 10 * np.exp(-(((energy - PEAK) / WIDTH) ** 2) / 2)
    energy = rng.normal(PEAK, WIDTH, n)
    while (bad := (energy < low) | (energy > high)).any():
        energy[bad] = rng.normal(PEAK, WIDTH, bad.sum())
    return energy, np.ones(n)


MEAN_SHARE = {"qe": 0.16, "res": 0.34, "dis": 0.48, "mec": 0.24}
"""Mean share of the neutrino's energy that hadrons receive, before a generator's factor."""
BJORKEN = {"qe": (1.0, 1.0), "res": (0.35, 0.8), "dis": (0.05, 0.5), "mec": (0.6, 1.0)}
"""Range of Bjorken's x, evenly drawn; 1 is a nucleon at rest that stays one."""
PROTON_SHARE = {"qe": 1.0, "res": 0.7, "dis": 0.6, "mec": 0.8}
"""Probability that a nucleon that leaves is a proton; one half in neutral currents."""
PIONS = 4
"""No more pions than this leave an event."""


def interact(
    label: np.ndarray, energy: np.ndarray, model: Generator, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Interactions, and the particles that leave them.

    Args:
        label: (n,) of `LABELS`.
        energy: of the neutrinos, GeV, (n,).
        model: the generator.
        rng: numpy generator.

    Returns:
        One row an event, `mode`, `pdg` (of the neutrino) and `hadronic` (energy transfer, GeV);
        and one row a particle: `event`, `kind` (a number of `KINDS`), `energy` (kinetic, GeV),
        and its direction `ux`, `uy`, `uz`, the beam along z.
    """
    n = len(label)
    charged = label != "nc"
    shares = np.array([getattr(model, mode) for mode in MODES])
    mode = rng.choice(MODES, n, p=shares / shares.sum())
    mean = np.clip(_look(MEAN_SHARE, mode) * model.inelasticity, 0.02, 0.8)
    transfer = energy * np.clip(rng.beta(3 * mean, 3 * (1 - mean)), 0.02, 0.95)
    muon = np.where(label == "numu", 0.10566, 0.000511)
    transfer = np.minimum(transfer, np.where(charged, energy - muon - 0.15, transfer))
    low, high = np.moveaxis(np.array([BJORKEN[m] for m in mode]), 1, 0)
    q2 = 2 * NUCLEON * transfer * rng.uniform(low, high)
    lepton = energy - transfer
    cosine = np.clip(1 - q2 / (2 * energy * lepton), -1, 1)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    out = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], 1)
    axis = energy[:, None] * np.array([0, 0, 1.0]) - lepton[:, None] * out
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9)

    numu, nue = (np.flatnonzero(label == name) for name in ("numu", "nue"))
    particles = [
        _particles(numu, MUON, (lepton - muon)[numu], out[numu]),
        _particles(nue, ELECTRON, lepton[nue], out[nue]),
        *_hadrons(charged, mode, transfer, axis, model, rng),
    ]
    flavour = np.where(label == "nue", 12, np.where(label == "numu", 14, 0))
    flavour = np.where(charged, flavour, np.where(rng.random(n) < 0.95, 14, 12))
    flavour *= np.where(rng.random(n) < 0.03, -1, 1)
    about = pd.DataFrame({"mode": mode, "pdg": flavour, "hadronic": transfer})
    return about, pd.concat(particles, ignore_index=True)


def _look(table: dict, names: np.ndarray) -> np.ndarray:
    return np.array([table[name] for name in names])


def _hadrons(charged, mode, transfer, axis, model, rng) -> list[pd.DataFrame]:
    """Protons, charged pions and the photons of neutral ones."""
    n = len(mode)
    wanted = np.where(mode == "res", 1, 0)
    wanted = np.where(mode == "dis", 1 + rng.poisson(model.pions, n), wanted)
    wanted = np.minimum(np.minimum(wanted, PIONS), (transfer / (PION + 0.05)).astype(int))
    nucleons = np.where(mode == "mec", 2, 1)
    is_pion = np.arange(PIONS)[None] < wanted[:, None]
    is_nucleon = np.arange(2)[None] < nucleons[:, None]
    # A leading nucleon and pions share what is left after the pions' masses.
    kinetic = np.maximum(transfer - PION * wanted, 0.01)
    part = np.concatenate([is_nucleon, is_pion], 1) * rng.gamma(1.5, size=(n, 2 + PIONS))
    part *= kinetic[:, None] / part.sum(1, keepdims=True)
    nucleon, pion = part[:, :2], part[:, 2:]

    swallowed = is_pion & (rng.random(is_pion.shape) < model.absorption)
    nucleon = (
        nucleon + ((pion + PION) * swallowed).sum(1, keepdims=True) * is_nucleon / nucleons[:, None]
    )
    is_pion = is_pion & ~swallowed
    proton_share = np.where(charged, _look(PROTON_SHARE, mode), 0.5)
    is_proton = is_nucleon & (rng.random(is_nucleon.shape) < proton_share[:, None])
    hit_again = rng.random(is_nucleon.shape) < model.rescattering
    nucleon = nucleon * np.where(hit_again, rng.uniform(0.3, 0.7, nucleon.shape), 1)
    neutral = model.neutral * np.where(charged, 0.7, 1.0)
    is_neutral = is_pion & (rng.random(is_pion.shape) < neutral[:, None])

    parts = []
    for chosen, energy, mass, kind in (
        (is_proton, nucleon, NUCLEON, PROTON),
        (is_pion & ~is_neutral, pion, PION, CHARGED_PION),
    ):
        event, slot = np.nonzero(chosen)
        kinetic = energy[event, slot]
        u = _about(axis[event], np.sqrt(kinetic * (kinetic + 2 * mass)), rng)
        parts.append(_particles(event, kind, kinetic, u))
    event, slot = np.nonzero(is_neutral)
    parts.append(_photons(event, pion[event, slot], axis[event], rng))
    debris = np.where(charged, model.debris, model.debris_nc) * (0.5 + wanted.clip(0, 1))
    event = np.repeat(np.arange(n), rng.poisson(debris))
    kinetic = rng.exponential(model.debris_energy, len(event))
    parts.append(_particles(event, PROTON, kinetic, _isotropic(len(event), rng)))
    return parts


def _photons(event, kinetic, axis, rng) -> pd.DataFrame:
    """Neutral pions decay: isotropic where they rest, boosted to the laboratory."""
    total = kinetic + PION
    momentum = np.sqrt(kinetic * (kinetic + 2 * PION))
    u = _about(axis, momentum, rng)
    rest = _isotropic(len(event), rng) * PION / 2
    photons = []
    for sign in (1, -1):
        along = sign * (rest * u).sum(1)
        gamma, boost = total / PION, momentum / PION
        shift = (gamma - 1) * along + boost * PION / 2
        vector = sign * rest + shift[:, None] * u
        energy = np.linalg.norm(vector, axis=1)
        photons.append(_particles(event, PHOTON, energy, vector / energy[:, None]))
    return pd.concat(photons, ignore_index=True)


def _particles(event, kind, energy, u) -> pd.DataFrame:
    """Particles of one kind: their events, kinetic energies and directions (n, 3)."""
    return pd.DataFrame(
        {"event": event, "kind": kind, "energy": energy}
        | {f"u{axis}": u[:, i] for i, axis in enumerate("xyz")}
    )


def _isotropic(n: int, rng: np.random.Generator) -> np.ndarray:
    vector = rng.standard_normal((n, 3))
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def _about(axis: np.ndarray, momentum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Directions about an axis, with transverse momenta of 0.25 GeV in each of two directions."""
    vector = axis * momentum[:, None] + 0.25 * rng.standard_normal(axis.shape)
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)
