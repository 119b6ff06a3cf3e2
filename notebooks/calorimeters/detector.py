# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# (calorimeters/detector)=
#
# # A camera that is a cylinder
#
# A detector at the LHC is, in the words of the thesis {cite}`irootsar2023` that this part starts
# from, a cylindrical digital camera.  Cut it open and unroll it, and the collision is a rectangular
# picture.  This page makes such pictures, of collisions that nobody has seen: black holes that
# evaporate, and sphalerons {cite}`grefsrud2023`.  Then it asks which symmetries the collision has,
# and which of them are left in the picture.
#
# **You will learn**
#
# - what rotation, reflection and half turn do to a collision, and what they should do to its picture;
# - to test whether a detector commutes with a symmetry: exactly where its response is a function,
#   by a paired test where it is random;
# - why a magnetic field takes one symmetry away and leaves another, and when a population hides it;
# - how far a fast generator of events can be trusted, by comparison with a slow one.
#
# **Cost** Some forty seconds on one CPU core and 2 GB of memory; nothing is trained, and a GPU changes
# little.

# %%
import json
import math
import tempfile
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import LogNorm
from scipy import stats
from tqdm import tqdm

from parity_nb.calorimeters.files import SHAPE, check_values, read_images
from parity_nb.calorimeters.world import fragmentation, hard_process
from parity_nb.calorimeters.world.cylinder_detector import CHANNELS, HADRONIC, TRACKS, Detector
from parity_nb.calorimeters.world.generator import make_class
from parity_nb.calorimeters.world.particles import KINDS, Particles, concatenate
from parity_nb.data import build_dir, choose, written
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, format_number, provenance, published
from parity_nb.symmetry import (
    equivariance_error,
    half_turn,
    identity,
    mirror,
    mirror_vertical,
    roll,
)

# %% tags=["parameters"]
events_per_class: int = 2000  # simulated events of each of the two classes
exact: int = 150  # events for the exact tests, which need no statistics
reference: str = "stored"  # Pythia's histograms: stored, or made: needs the extra hep
black_holes_file: str = ""  # HDF5 file of the source's black holes; empty: simulate
sphalerons_file: str = ""  # HDF5 file of the source's sphalerons; empty: simulate
seed: int = 0  # random seed of events and detector

# %%
use_style()
run = Records.of("calorimeters/detector", globals())
NAMES = {"BH_n4_M10": "black holes", "SPH_9": "sphalerons"}
PIXEL = 2 * math.pi / 50  # radians of azimuth in one row

# %% [markdown]
# ## Two kinds of collision
#
# If gravity is strong at a scale of 4 TeV in four extra dimensions, two quarks that come close enough
# at the LHC could make a **black hole** of 10 TeV or more.  It would evaporate at once, and emit
# every kind of particle alike.  A **sphaleron** needs no new dimension, only energy: above some 9 TeV the standard model
# itself allows two quarks to turn into seven antiquarks and three antileptons, of all three
# generations.  Both are *simulated* here, from the assumptions of {cite}`grefsrud2023`, by a fast
# generator of our own.
#
# The more dimensions there are, the hotter is a hole of the same mass, and the fewer particles share
# its energy.  A sphaleron always makes ten:

# %% tags=["hide-input"]
rows = {}
for n in (2, 4, 6):
    heat = hard_process.temperature(torch.tensor(10_000.0), n).item() / 1000
    rows[n] = {"temperature at 10 TeV / TeV": f"{heat:.2f}"}
    for mass in (8, 10, 12):
        generator = torch.Generator().manual_seed(seed)
        partons = hard_process.black_holes(400, n, 1000 * mass, generator)
        count = partons.event.bincount(minlength=400).float()
        text = format_number(count.mean().item(), count.std().item() / 20)
        rows[n][f"partons from {mass} TeV"] = text
pd.DataFrame(rows).T.rename_axis("dimensions")

# %%
particles = {name: make_class(name, events_per_class, seed) for name in NAMES}
for name, p in particles.items():
    run.record(f"particles, {name}", len(p.event) / p.n, n=p.n)

# %% [markdown]
# A few hundred particles reach the detector; each is a transverse momentum, two angles, a charge
# and a kind.  The azimuth $\phi$ runs round the beam.  The pseudorapidity $\eta = -\log\tan(\theta/2)$
# runs along it: 0 is perpendicular to the beam, 5 is less than a degree from it.

# %% tags=["hide-input"]
hole = particles["BH_n4_M10"][:1]
table = pd.DataFrame({name: getattr(hole, name).numpy() for name in ("pt", "eta", "phi", "charge")})
table["kind"] = [KINDS[kind] for kind in hole.kind]
table.sort_values("pt", ascending=False).head(5).round(2).reset_index(drop=True)

# %% [markdown]
# The detector turns them into three pictures of 50 by 50 pixels, in GeV: energy in the electromagnetic
# calorimeter, which stops photons and electrons; energy in the hadronic calorimeter, which stops
# the rest; and the transverse momentum of charged tracks, which are found up to $|\eta| = 2.5$.
# Solenoid, efficiencies and resolutions are those of the ATLAS card of Delphes {cite}`delphes2014`; its
# towers are the pixels of the picture, if nothing else is said.  What Delphes leaves out is that a shower
# is wider than nothing.  Of an electromagnetic one 90 % lies within a Molière radius, taken as 4 cm,
# between those of lead (1.6 cm) and liquid argon (9 cm); of a hadronic one 95 % lies within an
# interaction length, taken as 20 cm, somewhat more than that of iron (17 cm) {cite}`pdg2024`.  A
# tower is some 15 cm wide.

# %%
detector = Detector()
images = {name: detector.images(p, seed=seed) for name, p in particles.items()}
print({name: tuple(x.shape) for name, x in images.items()})

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One simulated black hole (top) and one sphaleron in the three channels. The left and right edge of a picture are the two directions of the beam; the top and bottom edge are one and the same line, along which the cylinder was cut open.", "name": "fig-detector-events"}, "image": {"alt": "Six pictures, two rows by three channels: small clusters of bright pixels on white, tracks only in the middle half."}}
fig, axes = plt.subplots(2, 3, figsize=(7, 4.6), sharex=True, sharey=True)
for row, (name, x) in zip(axes, images.items(), strict=True):
    for ax, channel, picture in zip(row, CHANNELS, x[0], strict=True):
        shown = ax.imshow(
            np.where(picture > 0, picture, np.nan), norm=LogNorm(1, 3000), cmap="viridis_r",
            extent=(-5, 5, -math.pi, math.pi), origin="lower", aspect="auto",
        )  # fmt: skip
        ax.set(xlabel=rf"$\eta$, {channel}" if name == "SPH_9" else None)
        ax.grid(False)
    row[0].set(ylabel=rf"$\phi$, {NAMES[name]}")
fig.colorbar(shown, ax=axes, label="GeV")
plt.show()

# %% [markdown]
# ## What a symmetry does to a collision
#
# Four things can be done to a collision that leave the beam where it is:
#
# | action | space | the particles | the picture |
# |---|---|---|---|
# | rotation by $\alpha$ | about the beam | $\phi \to \phi + \alpha$ | rows roll |
# | $\eta$ flip | reflection across the beam | $\eta \to -\eta$ | left-right mirror |
# | $\phi$ flip | reflection in a plane with the beam | $\phi \to -\phi$ | top-bottom mirror |
# | half turn | rotation about an axis across the beam | $\eta \to -\eta$, $\phi \to -\phi$ | half turn |
#
# A rotation is a symmetry because the beams are not polarised, and the half turn because the two
# beams are alike: it exchanges them.  Both are rotations of space, and no known law prefers a direction.
# The flips are different.  A reflection is parity (up to a rotation), and parity is broken by the weak
# interaction, on which sphalerons live.  **Whoever flips pictures in $\eta$ to have more of them
# assumes that parity is conserved.**  The generator here assumes it, too;
# {ref}`calorimeters/parity-at-the-lhc` does not.
#
# The package acts on events as on images:

# %%
some = concatenate([p[:exact] for p in particles.values()])

# %%
ACTIONS = {
    "η flip": (Particles.eta_flip, mirror),
    "rotation by 7 rows": (lambda p: p.phi_rotation(7 * PIXEL), lambda x: roll(x, 7)),
    "rotation by 7.5 rows": (lambda p: p.phi_rotation(7.5 * PIXEL), lambda x: roll(x, 7)),
    "half turn": (Particles.half_turn, half_turn),
    "half turn, charges": (lambda p: p.half_turn().conjugate(), half_turn),
    "φ flip": (Particles.phi_flip, mirror_vertical),
    "φ flip, charges": (lambda p: p.phi_flip().conjugate(), mirror_vertical),
}

# %% [markdown]
# ## What is left of it in the picture
#
# A detector keeps a symmetry if it does not matter whether the collision is turned and then seen, or
# seen and then turned.  That is the same question that this book puts to every step of a pipeline and
# to every network, and the same measure answers it: {func}`~parity_nb.symmetry.equivariance_error`,
# with events on one side and images on the other.  First without randomness, where the answer is exact.
# The picture is taken to logarithms, so that a soft tower counts as well as a hard one.

# %%
HOLE = ((0.0, 1.5, 1.0, 2.0),)  # phi from 0 to 1.5, eta from 1 to 2
detectors = {
    "uniform": Detector(noise=False),
    "no field": Detector(noise=False, field=0.0),
    "cracks": Detector("cracks", noise=False),
    "coarse towers": Detector("towers", noise=False),
    "dead region": Detector(noise=False, dead=HOLE),
}

# %% [markdown]
# The number is the root mean square of the difference, in standard deviations of a pixel.


# %%
def log_images(name):
    """The detector as a function from events to pictures."""
    return lambda p: detectors[name].images(p).log1p()


def residual(name, action):
    return equivariance_error(log_images(name), some, *ACTIONS[action]).relative


# %%
residuals = pd.DataFrame(
    {name: {action: residual(name, action) for action in ACTIONS} for name in detectors}
)
residuals.round(4)

# %% [markdown]
# Read it by columns.  The *uniform* detector keeps the $\eta$ flip and every rotation by whole rows
# (what remains is the rounding of angles in single precision, which moves a particle near the edge
# of a pixel into the next one); half a row is too fine for it.  It does **not** keep the half turn
# or the $\phi$ flip, until all charges are exchanged as well; or until the field is
# switched off.  *Cracks* are symmetric and cost nothing but energy.  *Coarse towers*, with the edges
# of Delphes' hadronic calorimeter, keep the flips but know no rotation by 50ths of a turn, and a *dead
# region* on one side keeps nothing.

# %%
exactly = residuals.loc[["η flip", "half turn, charges", "φ flip, charges"]]
assert (exactly.drop(columns="dead region") < 0.02).all().all()
assert residuals.loc["rotation by 7 rows", ["uniform", "no field", "cracks"]].max() < 0.02
assert residuals.loc["half turn", "no field"] < 0.02
assert residuals.loc["half turn", "uniform"] > 5 * residuals.loc["half turn, charges", "uniform"]
assert residuals.loc["rotation by 7 rows", "coarse towers"] > 0.1
assert residuals["dead region"].drop("rotation by 7.5 rows").min() > 0.02

# %% [markdown]
# How bad is a rotation that is no multiple of a pixel?  Turn the event by any angle and roll its
# picture by the nearest number of rows ({numref}`fig-detector-rotation`).

# %%
angles = np.arange(0, 22, 0.9)


def turned(name, degrees):
    angle = math.radians(degrees)
    few = some[: max(20, exact // 3)]
    actions = (lambda p: p.phi_rotation(angle), lambda x: roll(x, round(angle / PIXEL)))
    return equivariance_error(log_images(name), few, *actions).relative


rotation = {name: [turned(name, a) for a in angles] for name in ("uniform", "coarse towers")}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Difference between the picture of the rotated event and the rotated picture of the event, in standard deviations of a pixel. Towers that are the pixels return to nothing at every multiple of 7.2 degrees. Coarse towers are 10 degrees wide in the middle and 20 outside, which agrees with the rows of a picture at none of these angles but zero.", "name": "fig-detector-rotation"}, "image": {"alt": "Two curves against angle from 0 to 21.6 degrees: one oscillates and returns to zero at 7.2, 14.4 and 21.6 degrees, the other does not return."}}
fig, ax = plt.subplots()
for name, values in rotation.items():
    ax.plot(angles, values, "o-", markersize=4, label=name)
ax.set(xlabel="rotation / degrees", ylabel="residual", ylim=(0, None))
ax.legend()
plt.show()

# %% [markdown]
# Once it is taken, a picture can be rotated by whole towers only, and if they are uneven not at all.  What
# that costs is the subject of {ref}`calorimeters/resimulation`.
#
# ## Why the half turn is lost
#
# The solenoid's field points along the beam.  A charged particle runs on a circle of radius
# $p_T/(0.3\,B)$ in metres for $p_T$ in GeV and $B$ in tesla, clockwise or anticlockwise by its
# charge, and meets the calorimeter away from where it was heading.  A field is an axial vector.
# Reflecting the detector *across* the field leaves the field as it is; a half turn about an axis
# across the field reverses it, and so does a reflection in a plane that holds it.  A detector with
# one field is not symmetric under either, unless all particles change their charge.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Paths of a positive (red) and a negative (blue) particle of 0.8, 1.5 and 4 GeV across the solenoid, seen along the beam. They started at the same angle; the calorimeter, drawn as a circle, sees them apart.", "name": "fig-detector-bending"}, "image": {"alt": "A circle with three pairs of arcs from its centre, bending to either side, the softest most."}}
fig, ax = plt.subplots(figsize=(3.6, 3.6))
ax.add_patch(plt.Circle((0, 0), detector.radius, fill=False, linewidth=2))
for pt, start in ((0.8, 0.4), (1.5, 2.5), (4.0, 4.6)):
    for charge, colour in ((1, "#b2182b"), (-1, "#2166ac")):
        curvature = 0.3 * detector.field * charge / pt
        reach = 2 * math.asin(detector.radius * abs(curvature) / 2) / abs(curvature)
        arc = np.linspace(1e-6, reach, 50)
        chord = 2 / curvature * np.sin(arc * curvature / 2)
        angle = start - arc * curvature / 2
        ax.plot(chord * np.cos(angle), chord * np.sin(angle), color=colour)
ax.set(xlabel="x / m", ylabel="y / m", aspect="equal")
plt.show()

# %% [markdown]
# Can the picture tell?  Tracks are drawn where the particle *started to go*, towers where it *ended*.
# So compare each track with the hadronic towers one row above and one row below it.  Call the
# difference **sway**: zero if both sides are alike, of one sign if particles turn to smaller $\phi$.


# %%
def sway(x):
    """Hadronic energy a row above tracks minus a row below, as a share of both: (N,)."""
    x = x.log1p()
    above, below = roll(x[:, HADRONIC], -1), roll(x[:, HADRONIC], 1)
    difference = (x[:, TRACKS] * (above - below)).sum((1, 2))
    return difference / (x[:, TRACKS] * (above + below)).sum((1, 2)).clamp(min=1e-9)


# %%
def mean_and_error(values):
    return values.mean().item(), values.std().item() / len(values) ** 0.5


# %% [markdown]
# First with a known answer: a population whose charged particles are all positive.

# %%
both = concatenate(list(particles.values()))
positive = Particles(**{**vars(both), "charge": both.charge.abs()})

# %%
CHANGES = {
    "as it is": lambda p: p,
    "η flip": Particles.eta_flip,
    "φ flip": Particles.phi_flip,
    "half turn": Particles.half_turn,
    "charges": Particles.conjugate,
    "half turn, charges": lambda p: p.half_turn().conjugate(),
}

# %%
swaying = {
    name: mean_and_error(sway(detector.images(change(positive), seed=seed + 1)))
    for name, change in CHANGES.items()
}
pd.DataFrame(swaying, index=["sway", "error"]).T.round(4)

# %% [markdown]
# The sway belongs to the detector, not to the collision: **turn the collision by a half turn and it stays
# the same**, where the half turn of the picture would reverse it.  (Under a half turn of a
# *picture* it changes sign, by definition; so does it under a $\phi$ flip, and under an $\eta$ flip
# it does not.)  Only exchanged charges reverse it.  The four lines that keep the charges
# agree, and so do the two that exchange them:

# %%
for name, (value, error) in swaying.items():
    run.record(f"sway, positive, {name}", value, error, both.n)
kept = [swaying[name] for name in ("as it is", "η flip", "φ flip", "half turn")]
for value, error in kept:
    assert value < -5 * error
for name in ("charges", "half turn, charges"):
    assert swaying[name][0] > 5 * swaying[name][1]

# %% [markdown]
# And in the simulated events as they are, in which both charges are as frequent?

# %%
neutral, error = mean_and_error(sway(torch.cat(list(images.values()))))
run.record("sway, simulated", neutral, error, both.n)
excess = 4 / 3 / (both.charge != 0).sum().item() * both.n
needed = (3 * error * both.n**0.5 / (excess * swaying["as it is"][0])) ** 2
run.record("events that would show the charge of two quarks", round(needed, -3))
assert abs(neutral) < 5 * error

# %% [markdown]
# Nothing.  So the answer has two halves.  **For one event** the half turn is no symmetry of the detector,
# and a network that is made invariant under it throws away what the picture knows about charges.  **For a
# population** with as many positive as negative particles the half turn of the pictures is one again,
# and using it to have more of them biases nothing.  Two protons bring a charge of +2, so that in
# truth a collision of two up quarks has slightly more positive particles (our generator tosses a coin
# for the charges of hadrons and has none of that).  If that excess were spread evenly, the number of
# events printed above would show it at three standard deviations.

# %% [markdown]
# ## A random detector
#
# A real detector does not respond twice alike, and "the same picture" becomes "the same
# distribution of pictures".  The test has to compare what can be compared: each event is
# seen as it is and turned, with other random numbers, and a few features of the two pictures are
# subtracted.  If the detector keeps the symmetry, the differences have mean zero, all features
# together, which is Hotelling's test {cite}`hotelling1931`.


# %%
def features(x):
    """Log energy in four quarters of eta in each channel, and the sway: (N, 13)."""
    quarters = x.log1p().reshape(len(x), 3, 50, 50)[..., 1:49].reshape(len(x), 3, 50, 4, 12)
    return torch.cat([quarters.sum((2, 4)).flatten(1), sway(x)[:, None]], 1).double()


# %%
def hotelling(difference):
    """P-value that the mean of the differences (N, k) is zero."""
    difference = difference[:, difference.std(0) > 0]
    n, k = difference.shape
    mean = difference.mean(0)
    t2 = n * mean @ torch.linalg.solve(difference.T.cov(), mean)
    return stats.f.sf(t2.item() * (n - k) / (k * (n - 1)), k, n - k)


# %%
def random_test(detector, p, action, number):
    """The test number decides the random numbers, so that no two tests share any."""
    act_event, act_image = action
    plain = detector.images(p, seed=seed + 1000 * number)
    turned = detector.images(act_event(p), seed=seed + 1000 * number + 500)
    return hotelling(features(turned) - features(act_image(plain)))


# %% [markdown]
# The first test is the control: nothing is done, only the random numbers differ.

# %%
tested = {
    "nothing": (detector, both, (identity, identity)),
    "η flip": (detector, both, ACTIONS["η flip"]),
    "rotation by 7 rows": (detector, both, ACTIONS["rotation by 7 rows"]),
    "half turn": (detector, both, ACTIONS["half turn"]),
    "half turn, all positive": (detector, positive, ACTIONS["half turn"]),
    "η flip, dead region": (Detector(dead=HOLE), both, ACTIONS["η flip"]),
}
p_values = {name: random_test(*test, k) for k, (name, test) in enumerate(tested.items(), 1)}

# %%
for name, p in p_values.items():
    run.record(f"p, {name}", max(p, 1e-300), n=both.n)

# %% [markdown]
# The dead region and the field are found.  The symmetries pass, judged together, and so does the half
# turn of a population of both charges, which it should by what was said above.

# %%
assert max(p_values["half turn, all positive"], p_values["η flip, dead region"]) < 1e-6
passing = [p_values[name] for name in list(tested)[:4]]
joint = stats.combine_pvalues(passing).pvalue
run.record("p, first four together", joint, n=both.n)
assert joint > 1e-3

# %% [markdown]
# ## How good is the fast generator?
#
# Quarks and gluons shower, hadrons form, the rest of the two protons adds its share.  Pythia 8
# {cite}`bierlich2022` models all of that, at some ten milliseconds an event.  It knows neither black holes
# nor sphalerons, but reads ours from a Les Houches event file {cite}`alwall2007`.  The fast generator
# replaces it by a handful of densities, whose parameters were fitted to what Pythia gives.
#
# In the file each particle is a row: its code, whether it is incoming ($-1$), outgoing (1) or decays (2),
# the rows of its mothers, its colour and anticolour, momentum, energy and mass in GeV.


# %%
def lhe_row(code, status, mothers, colours, p):
    """One row; p is (E, px, py, pz) in GeV."""
    mass = math.sqrt(max(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0.0))
    mass = mass if mass > 1e-3 * p[0] else 0.0
    numbers = " ".join(f"{value:.12e}" for value in (p[1], p[2], p[3], p[0], mass))
    return f"{code} {status} {mothers[0]} {mothers[1]} {colours[0]} {colours[1]} {numbers} 0 9"


# %% [markdown]
# Pythia has to find a colour flow in it.  A black hole forgets how its colours are joined, so its lines are
# drawn by lot: each starts at an incoming quark or an outgoing antiquark, passes some gluons and ends at an
# outgoing quark.


# %% tags=["subject"]
def colour_lines(codes, rng):
    """Colour and anticolour of each outgoing parton of a black hole."""
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


# %% [markdown]
# A sphaleron joins nine quarks of three generations, each generation a junction of three colours.  Three
# junctions at one vertex are refused, so the second and the third generation sit inside a colour-neutral
# carrier that decays at once; charges are checked at the end only.

# %%
CARRIER = 9900001  # a code that no particle has


# %% tags=["subject"]
def generation_rows(codes, momenta, groups):
    """Rows of a sphaleron: one antiquark at the vertex, two carriers of three each, leptons."""
    rows, inner, tag = [], [], 503
    for group in (1, 2, 3):
        mine = groups == group
        quark = mine & (np.abs(codes) <= 6)
        for i in np.flatnonzero(mine & ~quark):
            rows.append(lhe_row(codes[i], 1, (1, 2), (0, 0), momenta[i]))
        if group == 1:
            i = np.flatnonzero(quark)[0]
            rows.append(lhe_row(codes[i], 1, (1, 2), (0, tag), momenta[i]))
            tag += 1
            continue
        rows.append(lhe_row(CARRIER, 2, (1, 2), (0, 0), momenta[quark].sum(0)))
        mother = len(rows) + 2
        for i in np.flatnonzero(quark):
            inner.append(lhe_row(codes[i], 1, (mother, mother), (0, tag), momenta[i]))
            tag += 1
    return rows + inner


# %% [markdown]
# Before what comes out stand the two quarks that came in, whose energies follow from the sum:


# %% tags=["subject"]
def event_lines(partons, k, here, rng):
    """Event k, whose partons are the slice `here`."""
    codes, momenta, groups = (
        x[here].numpy() for x in (partons.code, partons.momentum, partons.group)
    )
    total = momenta.sum(0)
    x = (total[0] + total[3]) / 2, (total[0] - total[3]) / 2
    rows = [
        lhe_row(code, -1, (0, 0), (501 + i, 0), (energy, 0, 0, (energy, -energy)[i]))
        for i, (code, energy) in enumerate(zip(partons.incoming[k].tolist(), x, strict=True))
    ]
    if groups.max() == 1:
        outgoing = zip(codes, colour_lines(codes, rng), momenta, strict=True)
        rows += [lhe_row(c, 1, (1, 2), colour, p) for c, colour, p in outgoing]
    else:
        rows += generation_rows(codes, momenta, groups)
    scale = math.sqrt(max(4 * x[0] * x[1], 1.0)) / len(codes)
    head = f"{len(rows)} 1 1.0 {scale:.8e} 0.0078125 0.1"
    return ["<event>", head, *rows, "</event>"]


# %%
def write_lhe(partons, path, seed=0):
    """The file of all events; the seed is that of the colour flow."""
    rng = np.random.default_rng(seed)
    beam = f"{hard_process.BEAM:.8e}"
    lines = ['<LesHouchesEvents version="1.0">', "<init>", f"2212 2212 {beam} {beam} 0 0 0 0 3 1"]
    lines += ["1.0 0.0 1.0 1", "</init>"]
    starts = np.searchsorted(partons.event.numpy(), np.arange(partons.n + 1))
    for k in range(partons.n):
        lines += event_lines(partons, k, slice(starts[k], starts[k + 1]), rng)
    path.write_text("\n".join([*lines, "</LesHouchesEvents>", ""]), encoding="ascii")


# %% [markdown]
# Of what Pythia makes of it, the detector gets the visible particles that are left in the end, as columns
# of the same table that the fast generator fills:


# %%
def kind_of(p):
    """Position in `KINDS` of a particle of Pythia."""
    hadron = "charged hadron" if p.isCharged() else "neutral hadron"
    return KINDS.index({22: "photon", 11: "electron", 13: "muon"}.get(p.idAbs(), hadron))


def visible(event, number):
    """Visible particles of one event: (6, m), rows event, pt, eta, phi, charge, kind."""
    rows = []
    for p in event:
        if p.isFinal() and p.isVisible() and p.pT() > 0.1 and abs(p.eta()) < fragmentation.REACH:
            rows.append((number, p.pT(), p.eta(), p.phi(), round(p.charge()), kind_of(p)))
    return np.array(rows).reshape(-1, 6).T


# %% tags=["subject"]
def showered(pythia, n):
    """The particles of n events; a RuntimeError if more than one in a hundred fails."""
    columns, failed, done = [], 0, 0
    with tqdm(total=n, desc="Pythia", unit="event") as progress:
        while not pythia.infoPython().atEndOfFile() and done + failed < n:
            if not pythia.next():
                failed += not pythia.infoPython().atEndOfFile()
                continue
            columns.append(visible(pythia.event, done))
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


# %% [markdown]
# Pythia is told where the file is, that charges need not match in it, and what a carrier is:


# %% tags=["subject"]
def shower(partons, seed=0, settings=()):
    """Let Pythia shower and hadronise a hard process.

    Args:
        partons: the hard process.
        seed: random seed of colours and of Pythia.
        settings: further lines for Pythia, such as "PartonLevel:MPI = off".

    Raises:
        ModuleNotFoundError: without the package, naming the extra.
        RuntimeError: if Pythia refuses the file, or fails on more than one event in a hundred.
    """
    try:
        import pythia8mc
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "this needs Pythia 8: install the package with its extra, parity-nb[hep], or "
            'leave reference="stored", which needs nothing'
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
        return showered(pythia, partons.n)


# %%
def pythia_class(name, n, seed=0):
    """Particles of n events of a class such as "BH_n4_M10", as `make_class` makes them."""
    _, make = hard_process.process(name)
    return shower(make(n, torch.Generator().manual_seed(seed)), seed)


# %% [markdown]
# What is compared are histograms of particles and of pixels, and means over events.

# %%
LOG_BINS = np.linspace(-1, 4, 26)
EDGES = {
    "particles": np.arange(0, 1501, 50.0),
    "scalar sum / TeV": np.arange(0, 13.1, 0.5),
    "eta": np.linspace(-5, 5, 41),
    "log10 pt / GeV": LOG_BINS,
    "lit pixels": np.arange(0, 801, 25.0),
    **{f"log10 {channel} / GeV": LOG_BINS for channel in CHANNELS},
}


# %% tags=["subject"]
def summarise(particles, images):
    """Histograms, by the names of `EDGES`, and means with errors of n events and their images."""
    seen = particles.where(particles.eta.abs() < 5)
    events = {
        "particles": torch.bincount(seen.event, minlength=particles.n),
        "scalar sum / TeV": seen.sum(seen.pt) / 1000,
        "lit pixels": (images > 0).sum((1, 2, 3)),
    }
    values = events | {"eta": seen.eta, "log10 pt / GeV": seen.pt.log10()}
    means = events | {"sum / TeV": images.sum((1, 2, 3)) / 1000}
    for channel, layer in zip(CHANNELS, images.unbind(1), strict=True):
        values[f"log10 {channel} / GeV"] = layer[layer > 0].log10()
        means[f"{channel} pixels"] = (layer > 0).sum((1, 2))
        means[f"{channel} / TeV"] = layer.sum((1, 2)) / 1000
    return {
        "n": particles.n,
        "counts": {name: np.histogram(values[name], EDGES[name])[0].tolist() for name in EDGES},
        "means": {name: mean_and_error(x.double()) for name, x in means.items()},
    }


# %% [markdown]
# The default book does without Pythia and compares with histograms that come with the package; with the
# extra `hep` and `reference="made"` they are made afresh, and left in the folder of the build.

# %%
if choose("reference", reference, {"stored": False, "made": True}):
    made = {name: pythia_class(name, min(events_per_class, 1500), seed) for name in NAMES}
    theirs = {name: summarise(p, detector.images(p, seed=seed)) for name, p in made.items()}
    origin = {
        "made by": "parity-nb run calorimeters/detector -p reference=made",
        "pythia8mc": version("pythia8mc"),
        "settings": "defaults: tune Monash 2013, initial and final showers, multiple interactions",
        "seed": str(seed),
    }
    with written(build_dir() / "pythia.json") as part:
        part.write_text(json.dumps({"provenance": origin, "summaries": theirs}, indent=1) + "\n")
else:
    path = resources.files("parity_nb.calorimeters") / "pythia.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    theirs, origin = stored["summaries"], stored["provenance"]
ours = {name: summarise(particles[name], images[name]) for name in NAMES}
print(origin)


# %%
def density(summary, what):
    """Entries an event and bin."""
    return np.array(summary["counts"][what]) / summary["n"]


# %% tags=["hide-input"] mystnb={"figure": {"caption": "The fast generator (lines) and Pythia 8 (shaded) on the same hard processes and through the same detector: particles of an event within 5 of the centre in eta, the sum of their transverse momenta, their pseudorapidity, and pixels that are lit in the three channels together. Black holes above, sphalerons below.", "name": "fig-detector-calibration"}, "image": {"alt": "Eight histograms in two rows of four; in each a line follows a shaded area."}}
shown = ("particles", "scalar sum / TeV", "eta", "lit pixels")
fig, axes = plt.subplots(2, 4, figsize=(8, 4), sharex="col")
for row, (name, colour) in zip(axes, zip(NAMES, CYCLE, strict=False), strict=True):
    for ax, what in zip(row, shown, strict=True):
        ax.stairs(density(theirs[name], what), EDGES[what], fill=True, color="#d0d0d0")
        ax.stairs(density(ours[name], what), EDGES[what], color=colour, linewidth=1.5)
        ax.set(yticks=[], xlabel=what if name == "SPH_9" else None)
    row[0].set(ylabel=NAMES[name])
plt.show()

# %% [markdown]
# And in numbers, with the standard errors of the means:

# %% tags=["hide-input"]
rows = {}
for name in NAMES:
    for what, (value, error) in ours[name]["means"].items():
        other, other_error = theirs[name]["means"][what]
        run.record(f"{what}, {name}", value, error, ours[name]["n"])
        ratio = value / other
        spread = ratio * math.hypot(error / value, other_error / other)
        rows[NAMES[name], what] = {
            "fast": format_number(value, error),
            "Pythia": format_number(other, other_error),
            "ratio": format_number(ratio, spread),
        }
pd.DataFrame(rows).T

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Transverse momenta of particles, and what pixels of the three channels hold, an event; sphalerons by the fast generator (lines) and by Pythia 8 (shaded).", "name": "fig-detector-spectra"}, "image": {"alt": "Four histograms on a logarithmic vertical axis; in each a line follows a shaded area over most of the range."}}
spectra = ("log10 pt / GeV", *(f"log10 {channel} / GeV" for channel in CHANNELS))
fig, axes = plt.subplots(1, 4, figsize=(8, 2.4), sharey=True)
for ax, what in zip(axes, spectra, strict=True):
    ax.stairs(density(theirs["SPH_9"], what), EDGES[what], fill=True, color="#d0d0d0")
    ax.stairs(density(ours["SPH_9"], what), EDGES[what], color=CYCLE[1], linewidth=1.5)
    ax.set(xlabel=what.replace("electromagnetic", "em"), yscale="log", ylim=(0.05, None))
plt.show()

# %% [markdown]
# Sums of energy agree to better than ten per cent, and spectra over four orders of magnitude
# ({numref}`fig-detector-spectra`).  Numbers of pixels do not agree alike for the two classes, and that
# matters to whoever wants to tell them apart by it:

# %%
lit = {}
for name, made in {"fast": ours, "Pythia": theirs}.items():
    above, below = (made[kind]["means"]["lit pixels"] for kind in NAMES)
    lit[name] = above[0] / below[0]
    error = lit[name] * math.hypot(above[1] / above[0], below[1] / below[0])
    run.record(f"lit pixels, black holes over sphalerons, {name}", lit[name], error)

# %% [markdown]
# A black hole's picture has fewer lit pixels than a sphaleron's, by less in the fast generator than in
# Pythia.  What a network reaches on the fast events is therefore a statement about the fast events.  No
# number of this part is a measurement of what the LHC would see.
#
# ## The published pictures
#
# The notebooks of {cite}`irootsar2023` print what their 15,000 pictures of each class add up to.
# Four numbers of our simulation were chosen with them in view: the thresholds, twice those of the
# card, and the significance that a tower must have, 3 instead of 2, as showers are shared here; the
# mean size of a black hole's last burst; and the frequency of gravitons, which leave unseen.

# %%
files = {"BH_n4_M10": black_holes_file, "SPH_9": sphalerons_file}
for name, path in files.items():
    if path:
        images[name] = read_images(path, limit=events_per_class).images

# %% tags=["hide-input"]
printed = published("irootsar2023").set_index("name").fillna({"unit": ""})
rows = {}
for name, x in images.items():
    x = x.double()
    for what, values in {
        "lit pixels": (x > 0).sum((1, 2, 3)).double(),
        "sum": x.sum((1, 2, 3)) / 1000,
        "tracks": x[:, TRACKS].sum((1, 2)) / 1000,
    }.items():
        value, error = mean_and_error(values)
        source = printed.loc[f"{what}, {name}"]
        run.record(f"image {what}, {name}", value, error, len(x), source.unit)
        rows[f"{what}, {name}"] = {
            "ours": format_number(value, error), "published": source.value, "unit": source.unit,
            "ratio": round(value / source.value, 3),
        }  # fmt: skip
comparison = pd.DataFrame(rows).T
comparison

# %%
between = printed.value["lit pixels, BH_n4_M10"] / printed.value["lit pixels, SPH_9"]
print(f"lit pixels, black holes over sphalerons, published: {between:.3f}")

# %% [markdown]
# Generators, cards and versions differ (and four numbers were chosen), so this is a comparison of
# scales and not a test of reproduction.  In the ratio of lit pixels the published pictures lie
# between our two generators.  The heat maps of the source's folder `Extra`, sums over all events, look like this here:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Sum over all events in each channel, black holes above and sphalerons below, in TeV a pixel and thousand events. Every horizontal line of a panel should be the same, up to chance, and left and right should be mirror images.", "name": "fig-detector-heat"}, "image": {"alt": "Six heat maps: vertical bands, brightest in the middle for tracks and calorimeters, tracks only in the middle half."}}
fig, axes = plt.subplots(2, 3, figsize=(7, 4.4), sharex=True, sharey=True)
for row, (name, x) in zip(axes, images.items(), strict=True):
    for ax, channel, picture in zip(row, CHANNELS, x.sum(0) / len(x), strict=True):
        shown = ax.imshow(
            picture, vmin=0, vmax=12, cmap="viridis", origin="lower", aspect="auto",
            extent=(-5, 5, -math.pi, math.pi),
        )  # fmt: skip
        ax.set(xlabel=rf"$\eta$, {channel}" if name == "SPH_9" else None)
        ax.grid(False)
    row[0].set(ylabel=rf"$\phi$, {NAMES[name]}")
fig.colorbar(shown, ax=axes, label="TeV", extend="max")
plt.show()

# %% [markdown]
# Bands stand upright because no azimuth is preferred: each column is one number and noise.  Are left
# and right alike, as the generator and the detector promise?  For each class the energy on the
# right minus that on the left, over the calorimeters:

# %%
balance = {}
for name, x in images.items():
    calorimeters = x[:, :TRACKS].sum(1).double()
    difference = (calorimeters - mirror(calorimeters))[..., 25:].sum((1, 2))
    share = difference / calorimeters.sum((1, 2))
    balance[name] = mean_and_error(share)
    run.record(f"right minus left, {name}", *balance[name], len(x))
    assert abs(balance[name][0]) < 4 * balance[name][1]

# %% [markdown]
# ## The files
#
# The source's files are HDF5, one group an event with `data`, `label` and `event_id`.  The package
# reads them; the parameters `black_holes_file` and `sphalerons_file` of this page take the
# originals, which are too large for the author's repository.  Files of the same form are written by
# these lines, or all events stacked in one array, which is smaller and far faster:


# %% tags=["subject"]
def write_images(path, images, label, event_id=None, stacked=False):
    """Write images in the source's format; the file appears whole or not at all.

    Args:
        path: of the file; its folder is made.
        images: (N, 3, 50, 50), not negative, in GeV.
        label: one for all events, or one each.
        event_id: numbers (N,), each once; 0 to N - 1 if not given.
        stacked: one array of all events instead of a group each.

    Raises:
        ValueError: for another shape, NaN or negative values, or wrong numbers of labels.
    """
    path, n = Path(path), len(images)
    labels = (label,) * n if isinstance(label, str) else tuple(label)
    numbers = torch.arange(n) if event_id is None else torch.as_tensor(event_id)
    if images.ndim != 4 or images.shape[1:] != (SHAPE[2], *SHAPE[:2]):
        raise ValueError(f"images for {path} have shape {tuple(images.shape)}, not (N, 3, 50, 50)")
    if len(labels) != n or len(numbers) != n or len(numbers.unique()) != n:
        raise ValueError(f"{path}: {n} images need {n} labels and {n} different event numbers")
    data = images.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    check_values(data, numbers.tolist(), path)
    with written(path) as part, h5py.File(part, "w") as file:
        if stacked:
            file.create_dataset("data", data=data, compression="gzip", compression_opts=1)
            file.create_dataset("label", data=list(labels))
            file.create_dataset("event_id", data=numbers.numpy())
        else:
            for row, word, number in zip(data, labels, numbers.tolist(), strict=True):
                group = file.create_group(f"group_{number}")
                group.create_dataset("data", data=row, compression="gzip", compression_opts=1)
                group["label"], group["event_id"] = word, number
    return path


# %%
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "BH_n4_M10.h5"
write_images(path, images["BH_n4_M10"][:12], "BH_n4_M10")
with h5py.File(path) as file:
    print(list(file))
    print({key: getattr(value, "shape", None) for key, value in file["group_10"].items()})

# %% [markdown]
# Mind the order: the library lists names alphabetically, and the source's loader takes them as they
# come, so its picture number 2 is event 10.  Nobody would notice, until a table by event is joined to
# it.  Ours sorts by number:

# %%
back = read_images(path)
assert torch.equal(back.images, images["BH_n4_M10"][:12])
assert back.event_id.tolist() == list(range(12))

# %% [markdown]
# A file that is not what it should be is refused with the event's name:

# %%
with h5py.File(path, "r+") as file:
    file["group_7/data"][3, 4, 1] = -2.0
try:
    read_images(path)
except ValueError as error:
    print(str(error).replace(str(folder.name), "..."))

# %%
path.write_bytes(path.read_bytes()[:2000])
try:
    read_images(path)
except ValueError as error:
    print(str(error)[str(error).index("cannot") :].split(" (")[0])
folder.cleanup()

# %% [markdown]
# ## What we found
#
# The response of the detector commutes with the $\eta$ flip and with rotations by whole rows; with
# the half turn only if charges are exchanged, and the pictures show it where all charges are
# alike.  A population of both charges hides it.  Coarse towers break rotations, dead regions everything.

# %%
for name in ("uniform", "coarse towers", "dead region"):
    for action in ("η flip", "rotation by 7 rows", "half turn", "half turn, charges"):
        run.record(f"residual, {name}, {action}", residuals.loc[action, name], n=some.n)
assert residuals.loc["η flip", "uniform"] < 0.02 < residuals.loc["half turn", "uniform"]
saved = run.save()

# %% [markdown]
# In size the simulated pictures are those of the source to within 15 %, and the fast generator's sums
# of energy are Pythia's to within 10 %.

# %%
if events_per_class >= 500:
    ratios = comparison.ratio.astype(float)
    assert ratios.between(0.85, 1.15).all()
    for name in NAMES:
        for what in (what for what in ours[name]["means"] if what.endswith("TeV")):
            assert abs(ours[name]["means"][what][0] / theirs[name]["means"][what][0] - 1) < 0.1
    assert black_holes_file or sphalerons_file or lit["Pythia"] < between < lit["fast"] < 1

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
