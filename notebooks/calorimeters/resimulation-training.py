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
# (calorimeters/resimulation-training)=
#
# # One scheme, some networks
#
# A table of {cite}`witkowski2023learning` compares five ways of showing a network its training
# events, for two detectors and two networks.  This page makes one entry of ours: it trains a
# network one way, several times, on simulated events of the disc.  The same notebook, with other
# parameters, makes all entries of {ref}`calorimeters/resimulation-results`; what the schemes are,
# and why they differ, is told in {ref}`calorimeters/resimulation`.
#
# **You will learn**
#
# - how many small networks are trained in the time of one, each on events of its own;
# - what a table entry is made of: the area under the ROC curve, its error, its scatter over
#   samples, how it converges, and how invariant the trained network is.
#
# **Cost** About ten seconds on one CPU core and one gigabyte of memory at the default size.  At
# `study` size one core trains twenty networks at once in little more than a minute.

# %%
import time
from functools import partial
from zlib import crc32

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from parity_nb.calorimeters.methods.resimulation import SCHEMES, copies, make_ensemble, train
from parity_nb.calorimeters.networks.cell_lists import NETWORKS
from parity_nb.calorimeters.world.disc import DETECTORS, draw_events, log_likelihood_ratio
from parity_nb.data import choose
from parity_nb.plotting import use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import roc_area
from parity_nb.training import fabric

# %% tags=["parameters"]
detector: str = "non-uniform"  # uniform, 32 x 32 cells, or non-uniform, 32 x 4
network: str = "fcn"  # fcn or pfn, as published; invariant; mixture
scheme: str = "pre-encouraged"  # none, post, pre, post-encouraged, pre-encouraged, post-published, post-published-encouraged
concentration: float = 0.575  # how much signal prefers the centre, 0 to 1; the default is tuned
sizes: str = "2400"  # training events, one or several numbers, all of them trained at once
networks: int = 2  # random seeds: networks of each size, with events and weights of their own
seed: int = 0  # the first random seed
steps: int = 150  # gradient steps
images: int = 128  # images a step, whatever the scheme
rate: float = 3e-4  # learning rate of Adam
penalty: float = 30.0  # weight of encouraged invariance, where the scheme has it
width: int = 128  # units of a hidden layer
tests: int = 4000  # test events of each random seed, unturned

# %%
use_style()
run = Records.of(
    "calorimeters/resimulation-training",
    globals(),
    run=("detector", "network", "scheme", "concentration", "seed"),
)
sees, shown = choose("detector", detector, DETECTORS), choose("scheme", scheme, SCHEMES)
make = partial(choose("network", network, NETWORKS), sees.capacity, width)
counts = [int(word) for word in sizes.split()]
device = fabric().device

# %% [markdown]
# ## Events
#
# Every random seed has training, validation and test events and weights of its own, so that the
# scatter over random seeds is what another experiment would see, chance in the test included.  (The
# published bands come from resampling one and the same set of events.)  Runs with the same random
# seed have the same events before the detector, whatever the scheme, the network and the detector,
# and are compared in pairs.


# %%
def chance(what):
    """Random numbers on the device, the same whenever they are wanted for the same purpose."""
    return torch.Generator(device).manual_seed(crc32(what.encode()))


# %% [markdown]
# Training events come with seven turned copies, made before the detector or after it.

# %%
members = range(seed, seed + networks)
cells, labels = [], []
begin = time.perf_counter()
for member in members:
    source = chance(f"training {member}")
    points, label = draw_events(max(counts), source, concentration)
    cells.append(copies(points, sees, shown.way or "pre", source))
    labels.append(label)
cells, labels = torch.stack(cells), torch.stack(labels)
made = (cells.sum().item(), time.perf_counter() - begin)[1]  # a GPU has to be waited for
print("samples, events, copies, cells, numbers:", tuple(cells.shape))

# %% [markdown]
# Events for validation and test are not turned.


# %%
def unturned(what, n):
    """Points, lists of cells and labels of n events for each random seed, as they are."""
    sets = []
    for member in members:
        source = chance(f"{what} {member}")
        points, label = draw_events(n, source, concentration)
        sets.append((points, sees.cells(sees.respond(points, source)), label))
    return [torch.stack(part) for part in zip(*sets, strict=True)]


_, *validation = unturned("validation", 2000)
test_points, test_cells, test_labels = unturned("test", tests)

# %% [markdown]
# No classifier beats the likelihood ratio of the points before the detector.

# %%
ratio = log_likelihood_ratio(test_points, concentration)
best = [roc_area(r, t) for r, t in zip(ratio, test_labels, strict=True)]
truth, truth_error = (np.mean([getattr(a, part) for a in best]) for part in ("value", "error"))
truth_error /= networks**0.5
run.record("AUC, truth before the detector", truth, truth_error, tests * networks)

# %% [markdown]
# ## Training
#
# All networks at once, one for each size and random seed.  Each makes the same number of steps
# with the same number of images a step, whatever the scheme: an event with its eight copies
# counts as eight images.

# %%
grid = [(size, k) for size in counts for k in range(networks)]
members_of, owner = [size for size, _ in grid], [k for _, k in grid]
ensemble = make_ensemble(make, cells, members_of, owner, [seed + k for k in owner], device)
curve = train(
    ensemble,
    cells,
    labels,
    members_of,
    owner,
    shown,
    validation,
    steps=steps,
    images=images,
    rate=rate,
    penalty=penalty,
    seed=crc32(run.run.encode()),
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Area under the ROC curve on the validation events during this page's training, one line a network.", "name": "fig-resimulation-training"}, "image": {"alt": "Lines that rise with the number of gradient steps from about one half and flatten; later some fall again."}}
for (size, k), values in zip(grid, curve.auc.T, strict=True):
    plt.plot(curve.steps, values, label=f"{size} events, random seed {seed + k}")
plt.gca().set(xlabel="gradient steps", ylabel="validation AUC")
if len(grid) < 6:
    plt.legend()
plt.show()

# %% [markdown]
# The weights that are kept are those of the best checkpoint on the validation events.
#
# ## Test
#
# The area under the ROC curve (AUC) is the probability that a signal event gets a larger value than
# a background event; its error is that of {cite}`delong1988`.  The efficiency is the share of signal
# above the score that half of the background exceeds.


# %%
def efficiency(scores, labels, false_positive):
    """Share of signal above the score that a share `false_positive` of background exceeds."""
    threshold = scores[labels == 0].quantile(1 - false_positive)
    return (scores[labels == 1] > threshold).double().mean().item()


# %%
scores = ensemble.evaluate(test_cells, owner)
known = test_labels[owner].cpu()
table = pd.DataFrame(grid, columns=["events", "random seed"])
table["random seed"] += seed
areas = [roc_area(*pair) for pair in zip(scores, known, strict=True)]
table["AUC"], table["error"] = [a.value for a in areas], [a.error for a in areas]
table["efficiency"] = [efficiency(*pair, 0.5) for pair in zip(scores, known, strict=True)]
table["best step"] = curve.steps[curve.chosen]
table.round(4)

# %% [markdown]
# Encouraged invariance should leave a network that gives the copies of an event the same output.
# A hundred test events of each sample, turned before the detector, show how far it is: the scatter
# over the copies of an event, and what share of the whole scatter that is.

# %%
turned = copies(test_points[:, :100].flatten(0, 1), sees, "pre", chance("turned"))
turned = turned.reshape(networks, 800, *turned.shape[2:])
output = ensemble.evaluate(turned, owner).sigmoid().reshape(len(grid), 100, 8)
table["scatter of outputs"] = output.flatten(1).std(1)
table["over copies"] = output.var(2).mean(1).sqrt()
table["share"] = table["over copies"] / table["scatter of outputs"]
table[["events", "scatter of outputs", "over copies", "share"]].round(4)

# %% [markdown]
# ## What we found

# %% tags=["hide-input"]
for row in table.to_dict("records"):
    label = f"{row['events']} events, random seed {row['random seed']}"
    run.record(f"AUC, {label}", row["AUC"], row["error"], tests)

# %% tags=["hide-input"]
for size, rows in table.groupby("events"):
    root = len(rows) ** 0.5
    for name in ("efficiency", "scatter of outputs", "share"):
        spread = rows[name].std() / root if len(rows) > 1 else None
        run.record(f"{name}, {size} events", rows[name].mean(), spread, len(rows))

# %% [markdown]
# Of the largest size, the course of the training as well, averaged over random seeds.

# %%
largest = np.array(members_of) == max(counts)
for step, values in zip(curve.steps, curve.auc[:, largest], strict=True):
    spread = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
    run.record(f"validation AUC, step {step}", values.mean(), spread, len(values))

# %% tags=["nbval-ignore-output"]
run.record("training time", float(curve.seconds[-1]), unit="s")
run.record("time of copies", made, unit="s")
run.record("networks at once", len(grid))
saved = run.save()

# %% [markdown]
# No network beats the truth by more than chance, and without a signal there is nothing to find.

# %%
tolerance = 4 * (table["error"] ** 2 + truth_error**2) ** 0.5
assert (table["AUC"] < truth + tolerance).all()
if concentration == 0:
    assert (abs(table["AUC"] - 0.5) < 5 * table["error"]).all()
if network == "invariant":
    assert (table["share"] < 1).all()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
