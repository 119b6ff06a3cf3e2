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
# (calorimeters/parity-training)=
#
# # One violation, several views
#
# Simulated collisions that prefer one hand by a known amount are shown to a network in one image
# with everything added up, or in the channels of three or four subsystems of a detector.  This page
# trains for one kind and one strength of the violation; the same notebook with other parameters
# makes every entry of {ref}`calorimeters/parity-at-the-lhc`, where events, detector and results
# are explained.
#
# **You will learn**
#
# - how much of a known violation a network finds, in units of what the events hold;
# - whether more subsystems show more, on the same events;
# - what a nearly dead region of the detector does to the answer, and how to allow for it.
#
# **Cost** About half a minute on one CPU core and one gigabyte of memory at the default size, and
# twice as long at that of the study.

# %%
import math
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from parity_nb.calorimeters.world.acceptance import efficiency, recorded
from parity_nb.calorimeters.world.cylinder_detector import Detector
from parity_nb.calorimeters.world.subsystems import CELLS, CHANNELS, merge, subsystems
from parity_nb.calorimeters.world.violation import Decays, batches, bound, mirrored, truth
from parity_nb.data import choose
from parity_nb.networks import CylinderNet
from parity_nb.objectives import which_is_real
from parity_nb.plotting import signed_histogram, use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import Quality, positive_fraction, quality
from parity_nb.symmetry import (
    Symmetrised,
    equivariance_error,
    half_turn_parity,
    identity,
    mirror,
    parity,
    roll,
)
from parity_nb.training import Recipe, evaluate, fabric, fit

# %% tags=["parameters"]
law: str = "flavour"  # hand of the lepton and its quark: lepton, flavour or charge
strength: float = 1.0  # of the violation, 0 to 1
region: str = "none"  # nearly dead region of the detector: none, one-side or slanted
group: str = "cylinder"  # symmetries of f: cylinder, or mirror without the half turn
views: str = "tracker one three four"  # what networks are shown: tracker, electromagnetic, one (the sum), three, four
events: int = 6000  # events to train and tune on, before the detector misses some
tests: int = 3000  # events to test on, before the detector misses some
epochs: int = 2  # passes over the training events
batch: int = 64  # events a step
seed: int = 0  # random seed of events, weights and batches

# %%
use_style()
run = Records.of(
    "calorimeters/parity-training", globals(), run=("law", "strength", "region", "group", "seed")
)

# %% [markdown]
# Symmetries beside rolls, the recipe, and where it is done:

# %%
symmetries = choose("group", group, {"cylinder": half_turn_parity, "mirror": parity})()
recipe = Recipe("cylinder", "adamw", 4e-3, batch, epochs, "which is real", "one cycle", decay=1e-2)
device = fabric().device

# %% [markdown]
# ## Events
#
# Each is drawn from a symmetric world, replaced by its mirror image or not by a coin that knows
# the truth, and then seen by the four subsystems of the detector, whose images are merged.


# %% tags=["subject"]
def simulate(n, strength, law, seed, device=None):
    """Merged images (n, 4, 16, 16) in GeV, and the hard objects, of n collisions."""
    images, truths = [], []
    for number, (particles, true) in enumerate(batches(n, strength, law, seed)):
        seen = subsystems(particles, Detector(), 1_000_000 * seed + number, device)
        images.append(merge(seen).half().cpu())
        truths.append(true)
    return torch.cat(images), Decays.join(truths)


# %% [markdown]
# A nearly dead region loses some of the events.

# %%
images, truths = simulate(events + tests, strength, law, seed, device)
kept = recorded(truths, region, seed=seed + 3_000_003)
held_out = torch.arange(len(images)) >= events

# %% [markdown]
# The first events are for training, the others are held out:

# %%
train, test = images[kept & ~held_out], images[kept & held_out]
known, true = truths[kept & ~held_out], truths[kept & held_out]
print(f"{len(train)} events to train on, {len(test)} to test on, {len(test) / tests:.0%} recorded")

# %% [markdown]
# ## What there is to find
#
# The true log ratio of each test event, and the value that it has on average: no function of the
# event does better.

# %%
best = bound(strength)
phi = truth(true, strength, law)
ideal = quality(phi.clamp(-30, 30))
print(f"by the formula {best.quality:.4f} nats and a fraction of {best.fraction:.3f}")
print(f"these events:  {ideal}")

# %% [markdown]
# ## Views
#
# A network is shown some of the channels, or *one* image with everything added up.  Twenty GeV are
# little to it, more is much.

# %%
VIEWS = {
    "one": ("sum",),
    "tracker": ("tracker",),
    "electromagnetic": ("electromagnetic",),
    "three": ("tracker", "electromagnetic", "hadronic"),
    "four": CHANNELS,
}


def channels(image, view):
    """log(1 + E / 20 GeV) of what a view shows: (N, 4, H, W) -> (N, C, H, W) float32."""
    image = image.float()
    named = dict(zip(CHANNELS, image.unbind(1), strict=True)) | {"sum": image.sum(1)}
    layers = [named[name] for name in choose("view", view, VIEWS)]
    return (torch.stack(layers, 1) / 20.0).log1p()


# %% [markdown]
# ## Networks
#
# One a view.  The network goes round the cylinder, so that rolls change nothing, and the group does
# the rest.  First the known answer, before training: odd under the mirror, unchanged by rolls.


# %%
def network(view):
    """Fresh weights, the same for the same view and seed."""
    torch.manual_seed(seed)
    return Symmetrised(CylinderNet(CELLS, len(VIEWS[view])), symmetries)


# %%
fresh = network("four").eval()
sample = channels(test[:300], "four")
odd = equivariance_error(fresh, sample, mirror, torch.neg).relative
rolled = equivariance_error(fresh, sample, lambda x: roll(x, 5), identity).relative
print("odd and unchanged by rolls:", max(odd, rolled) < 1e-5)
assert max(odd, rolled) < 1e-5

# %% [markdown]
# The loss is {term}`loss B`, so that $f$ is an estimate of the log ratio.  A network that has learned its
# training events by heart is too sure of itself, and $Q$ punishes that.  So a fifth of the training
# events is kept aside to fit one number, a factor on $f$.  It changes no sign.


# %%
def factor(f):
    """The factor on f, up to 2, that makes the quality of these values largest."""
    return minimize_scalar(lambda c: -quality(c * f).q, bounds=(0.001, 2), method="bounded").x


# %%
def values(view, images):
    """Train for a view on four fifths of the images, tune on the rest; f of the test events."""
    model, part = network(view), len(images) * 4 // 5
    seen = partial(channels, view=view)
    fit(model, images[:part], recipe, seed, step=lambda m: lambda x: which_is_real(m(seen(x))))
    tuning = evaluate(model, images[part:], prepare=seen)
    return factor(tuning) * evaluate(model, test, prepare=seen)


# %% tags=["nbval-ignore-output"]
found = {view: values(view, train) for view in views.split()}

# %% [markdown]
# ## The test
#
# The held-out events, once for every view.

# %% tags=["hide-input"]
rows = {"the truth": (ideal, best.fraction)} if strength else {}
rows |= {view: (quality(f), positive_fraction(f).fraction) for view, f in found.items()}
table = pd.DataFrame(
    {n: {"positive fraction": p, "Q / nats": q.q, "±": q.error} for n, (q, p) in rows.items()}
).T

# %% tags=["hide-input"]
table["share of the truth"] = table["Q / nats"] / best.quality if strength else float("nan")
table.round(4).astype(object).fillna("")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Values of f on the test events, for the last view of this page; the outline is the mirror image of the histogram.", "name": "fig-parity-training-histogram"}, "image": {"alt": "Histogram of f, blue below zero and red above, with its mirror image as an outline."}}
last = views.split()[-1]
signed_histogram(found[last])
plt.show()

# %% [markdown]
# Is it the electrons or the muons that are seen?

# %%
kinds = {"electrons": ~true.muon, "muons": true.muon}
by_kind = {
    (view, kind): quality(f[chosen]) for view, f in found.items() for kind, chosen in kinds.items()
}
print(pd.Series({f"{v}, {k}": str(q) for (v, k), q in by_kind.items()}).to_string())

# %% [markdown]
# ## Allowing for the detector
#
# Where the detector is nearly dead on one side, $x$ and $Px$ are not recorded equally often in a
# symmetric world either.  With the known efficiencies the null hypothesis is that $x$ is the one
# recorded with probability $w = e(x)/(e(x)+e(Px))$ {cite}`tombs2022which`:


# %%
def pair_probability(events, region):
    """w of recorded events, above 0 and below 1: (n,)."""
    here, there = (efficiency(e, region) for e in (events, mirrored(events)))
    return here / (here + there)


# %% [markdown]
# For $Q$ this changes both the model's probability and the coin's: that of the model for what was
# recorded is $\sigma(\varphi + \operatorname{logit} w)$, that of the null hypothesis is $w$, and
# $e^{nQ}$ is an e-value.  With $w = 1/2$ it is the $Q$ of {ref}`mirrors/testing-for-asymmetry`.  Where
# $w = 1$, $Px$ cannot be seen and the event says nothing.


# %% tags=["subject"]
def quality_given(phi, w):
    """The quality of an odd phi (n,) against the null hypothesis with pair probability w (n,).

    Raises:
        ValueError: if a w is not above 0 and up to 1.
    """
    phi, w = (np.asarray(v, dtype=float) for v in (phi, w))
    if not ((w > 0) & (w <= 1)).all():
        raise ValueError("a pair probability of a recorded event lies above 0 and up to 1")
    ratio = np.where(w < 1, expit(phi + logit(np.minimum(w, 1 - 1e-15))) / w, 1.0)
    terms = np.log(np.maximum(ratio, 1e-300))
    error = float(terms.std(ddof=1) / math.sqrt(terms.size))
    e_value_bound = float(np.exp(-max(terms.sum(), 0.0)))
    return Quality(float(terms.mean()), error, terms.size, e_value_bound)


# %% [markdown]
# To count signs, partners are drawn: $x$ itself with probability $w$, which says nothing, and $Px$
# otherwise.  Only events whose partner is the mirror image count.


# %%
def real_partner(w, seed):
    """Which events have their mirror image for a partner, if it is drawn by acceptance: (n,)."""
    return torch.rand(len(w), generator=torch.Generator().manual_seed(seed)) >= w


# %%
w = pair_probability(true, region)
chosen = real_partner(w, seed=seed + 4_000_003)
aware = {}

# %%
if region != "none":
    aware = {view: (quality_given(f, w), f[chosen]) for view, f in found.items()}
    print(f"w from {w.min():.3f} to {w.max():.3f}; {chosen.float().mean():.0%} have a partner")
    for view, (q, f) in aware.items():
        print(f"{view}: {q}; {positive_fraction(f)}")

# %% [markdown]
# (On this page nothing is printed if the detector has no such region.)  A network that was trained as if the
# detector saw everything has learned the detector.  From the training events whose partner is their
# mirror image it can learn the world alone.

# %% tags=["nbval-ignore-output"]
if region != "none" and strength > 0:
    real = real_partner(pair_probability(known, region), seed=seed + 5_000_003)
    for view in views.split():
        f = values(view, train[real])
        aware[view] = (quality_given(f, w), f[chosen])
        print(f"{view}: {aware[view][0]}; {positive_fraction(aware[view][1])}")

# %% [markdown]
# ## What we found

# %% tags=["hide-input"]
run.record("bound, quality", best.quality, unit="nats")
run.record("truth, quality", ideal.q, ideal.error, ideal.n, "nats")

# %% tags=["hide-input"]
for view, f in found.items():
    count = positive_fraction(f)
    run.record(f"{view}, positive fraction", count.fraction, count.std, count.n)
    run.record(f"{view}, quality", quality(f).q, quality(f).error, len(f), "nats")
for (view, kind), q in by_kind.items():
    run.record(f"{view}, quality, {kind}", q.q, q.error, q.n, "nats")

# %% [markdown]
# Where one view holds all that another holds, it should not show less.  The events are the same, so
# they are compared event by event, and the last one with the truth:

# %%
terms = {view: torch.nn.functional.logsigmoid(f.double()) for view, f in found.items()}
terms["truth"] = torch.nn.functional.logsigmoid(phi)
nested = [("tracker", "three"), ("three", "four"), ("one", "four"), ("four", "truth")]

# %%
for less, more in nested:
    if less in terms and more in terms:
        gain = terms[more] - terms[less]
        error = (gain.std() / len(gain) ** 0.5).item()
        run.record(f"quality, {more} minus {less}", gain.mean().item(), error, len(gain), "nats")

# %% tags=["hide-input"]
for view, (q, f) in aware.items():
    count = positive_fraction(f)
    run.record(f"{view}, quality given acceptance", q.q, q.error, q.n, "nats")
    run.record(f"{view}, positive fraction of partners", count.fraction, count.std, count.n)
saved = run.save()

# %% [markdown]
# Without a violation nothing is found by those who allow for the detector; a false alarm would
# happen once in ten thousand runs.  A full violation seen by four subsystems is found.

# %%
silent = [f for _, f in aware.values()] if region != "none" else list(found.values())
if strength == 0:
    assert all(positive_fraction(f).p_exact > 1e-4 for f in silent)
if strength == 1 and law != "charge" and "four" in found and len(train) * epochs >= 12_000:
    assert positive_fraction(found["four"]).p_exact < 1e-6
if region == "none":
    assert all(quality(f).q < best.quality + 5 * quality(f).error for f in found.values())

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
