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
# (snails/living-snails)=
#
# # Living snails
#
# The question was asked of real snails: 138,000 photographs of the superfamily Helicoidea and
# 222,000 of all land snails and slugs, taken by thousands of people with other things in mind
# {cite}`gibbon2023snails`.  Such pictures have to be fetched, their hands removed, their
# repetitions kept together.  This page shows the real route on a small export and a server of its
# own, and then makes a *simulated* set, of which everything is known: which way each shell winds,
# whose hand holds it, which pictures show the same animal.
#
# **You will learn**
#
# - how a table of iNaturalist becomes a folder of photographs with their licences, and what
#   happens to the broken ones;
# - what it takes to draw photographs in which nothing but shells and hands is chiral;
# - what the data sets L1 to L6 are, and what diluting snails with slugs alone must do;
# - how photographs of one animal on both sides of a split look like broken symmetry, and why the
#   control cannot see it.
#
# **Cost** About 40 seconds on one CPU core and a gigabyte of memory, nearly all of it rendering,
# which is done once.  Nothing is downloaded from outside this machine.

# %%
import csv
import io
import tempfile
import threading
import warnings
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats
from torchvision.transforms.v2.functional import to_pil_image

from parity_nb.images import ImageSet, resize, to_grey
from parity_nb.plotting import image_grid, use_style
from parity_nb.records import Records, provenance, published
from parity_nb.snails.data import living_sets
from parity_nb.snails.data.living_sets import LIVING_SETS, first_of_each, living_set, living_snails
from parity_nb.snails.data.rendering import PIXELS
from parity_nb.snails.files.download import Limits, download, photographs, read_manifest
from parity_nb.snails.files.inaturalist import from_export
from parity_nb.snails.methods import near_duplicates
from parity_nb.snails.world.animals import SPECIES, TAXA
from parity_nb.snails.world.field import Field, draw_photograph
from parity_nb.statistics import joint_null, positive_fraction
from parity_nb.symmetry import mirror, mirror_where

# %% tags=["parameters"]
images: int = 1600  # simulated photographs of Stylommatophora
draws: int = 2000  # descriptions of photographs in the tests of symmetry
scenes: int = 16  # photographs that are taken again in a mirror
folder: str = ""  # folder filled by `download`, whose split is studied; empty for the simulated set
seed: int = 0  # random seed of the simulated set, splits and coins

# %%
use_style()
run = Records.of("snails/living-snails", globals())
source = published("gibbon2023snails").set_index("name")
population = living_snails(images, seed)

# %% [markdown]
# ## The real route
#
# On [iNaturalist](https://www.inaturalist.org) people record which living thing they have seen
# where; an *observation* has one or more photographs.  Whoever wants many asks for an export, a
# table with one row an observation.  Here is one with twelve rows that are in order, one without
# a photograph, and one whose address would leave the target folder, were it believed.

# %%
workplace = tempfile.TemporaryDirectory()
here = Path(workplace.name)
asked = Counter()


# %% [markdown]
# The photographs come from a server in this notebook, which sends simulated ones.  The third is
# refused at the first request, because the server is busy, and the fifth is cut in half.


# %%
def jpeg(number):
    file = io.BytesIO()
    to_pil_image(population.images[number - 1]).save(file, "JPEG", quality=90)
    return file.getvalue()[: None if number != 5 else 1000]


class Photographs(BaseHTTPRequestHandler):
    def do_GET(self):
        number = int(self.path.split("/")[2])
        asked[number] += 1
        busy = number == 3 and asked[number] == 1
        body = b"" if busy else jpeg(number)
        self.send_response(503 if busy else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Photographs)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"

# %% [markdown]
# The export has the columns that iNaturalist's tool writes; those that are not needed are left
# out here.

# %% tags=["hide-input"]
columns = "id image_url license taxon_id scientific_name observed_on user_login quality_grade"
licences = ["CC-BY-NC", "CC0", "CC-BY", ""]  # empty: all rights reserved
with (here / "export.csv").open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(columns.split())
    for i, species in enumerate(population.meta["species"][:12], start=1):
        url = f"{address}/photos/{i}/square.jpg"
        table.writerow(
            [1000 + i, url, licences[i % 4], i, species, "2022-06-01", "ann", "research"]
        )
    table.writerow([1013, "", "CC0", 13, "Limax maximus", "2022-06-01", "bob", "casual"])
    strange = f"{address}/photos/14/../../../medium.jpg"
    table.writerow([1014, strange, "CC0", 14, "Limax maximus", "2022-06-01", "bob", "casual"])

# %% [markdown]
# `from_export` turns it into a table with one row a photograph.  Addresses that cannot be
# iNaturalist's are left out, with a warning; what is not there is not missed.

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    wanted = from_export(here / "export.csv", size="medium")
print(len(wanted), "photographs;", str(said[0].message).split("export.csv: ")[1][:38])
assert len(wanted) == 12
wanted[["observation", "photo", "taxon", "licence", "observation_licence"]].head(4)

# %% [markdown]
# Each author chooses a licence for the record and another for the photograph, and the export
# tells the first one only: so `licence` is "unknown" here.  `from_ids` asks the API for the
# second.  Without an export, `from_query` asks for a taxon.  Both keep to one request a second,
# and need the network:
#
# ```python
# from_query("Helicoidea", until="2023-01-31", licences=["CC0", "CC-BY"], limit=1000)
# ```
#
# Now the photographs.  `download` asks only the servers that it is told, keeps within the pace
# and the bytes an hour that iNaturalist allows, waits when the server is busy, and decodes each
# picture before it keeps it.

# %%
photos = here / "photos"
limits = Limits(per_second=100, backoff=0.02)
result = download(wanted, photos, hosts=["127.0.0.1"], limits=limits)
print(result["status"].value_counts().to_dict())
print(result.loc[result["status"] != "ok", ["file", "reason"]].to_string(index=False))
assert result["status"].value_counts().to_dict() == {"ok": 11, "quarantined": 1}

# %% [markdown]
# The half picture is in quarantine with its reason, and the busy server was asked again.  A second
# call finds everything settled and asks for nothing; so would a call after a power cut.

# %%
before = sum(asked.values())
download(wanted, photos, hosts=["127.0.0.1"], limits=limits)
print(f"{before} requests for 12 photographs, then {sum(asked.values()) - before} more")
assert before == 13
assert sum(asked.values()) == before
server.shutdown()
server.server_close()

# %% [markdown]
# The manifest is the memory of the folder: whose each picture is, under which licence, its
# checksum.  Whoever shows a picture has the words that must stand beside it.

# %%
manifest = read_manifest(photos)
manifest[["file", "observation_licence", "attribution", "sha256"]].head(3)

# %% [markdown]
# And the folder is an image set like any other, of the size that the network wants:

# %%
real = photographs(photos, PIXELS)
print(tuple(real.images.shape), real.meta["observation"].tolist())
assert len(real) == 11

# %% [markdown]
# For a large set that is the whole route: an export, `download` over some nights, `photographs`.
# With the parameter `folder`, the last part of this page studies such a folder.
#
# ## Photographs that nobody took
#
# The rest of this page is simulated, and says so.  A photograph is drawn in three steps: an
# animal, a place, a camera.
#
# The animal belongs to a species, whose shell has Raup's three numbers
# ({ref}`snails/model-snails`), colours, perhaps bands.  The species are named after those we had
# in mind; they are likenesses, not measurements.

# %% tags=["hide-input"]
kinds = pd.DataFrame([vars(s) for s in SPECIES])
kinds["shell"] = [f"W {k.expansion}, T {k.translation}" if k else "none" for k in kinds["shell"]]
kinds["right"] = [f"{s.right:.0%}" if s.shell else "none" for s in SPECIES]
kinds[["name", "family", "taxon", "shell", "right"]].iloc[::2]

# %% [markdown]
# In most species one snail in a hundred is wound the other way.  In nature it is one in 40,000 of
# the garden snails {cite}`gibbon2023snails`, but then none would be seen here.  Door snails
# (Clausiliidae) are left-handed as a family, one species of Helicoidea is, and one has both kinds
# {cite}`schilthuizen2005`.  Slugs have no shell, and our slugs are their own mirror images; a real
# one is not quite, since it breathes through a hole on its right side.
#
# The place is a ground with a texture, stones, a sun, and in a tenth of the pictures a human hand:
# seven times out of ten the left one, because the right one holds the camera.  (Its shape is the
# generic left hand of the WebXR input profiles, MIT licence; the right one is its reflection.)
# The camera looks down from 33 degrees above the horizon or more, nearly upright: pictures of people have a top and
# a bottom, and the group D4 is not for them ({ref}`mirrors/parity-odd-functions`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated photographs of Stylommatophora, slugs among them, one of each observation, as they would come from iNaturalist. The analogue of Figure 3a of Gibbon (2023).", "name": "fig-living-stylommatophora"}, "image": {"alt": "Rows of small pictures of snails and slugs of many colours on soil, grass and stone; in a few of them a human hand."}}
everyone = first_of_each(population)
image_grid(everyone.images[:64], columns=16)
plt.show()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated photographs of Helicoidea, unfiltered: the set L1. The analogue of Figure 3b of Gibbon (2023).", "name": "fig-living-l1"}, "image": {"alt": "Rows of small pictures of snails with round, flat and tall shells, and no slugs; in a few of them a human hand."}}
image_grid(living_set("L1", everyone).images[:64], columns=16)
plt.show()

# %% [markdown]
# Every picture carries its truth.  Here is how the chiralities of shells are shared out:

# %%
truth = everyone.meta
pd.crosstab(truth["taxon"], truth["chirality"])

# %% [markdown]
# So in this set a network that sees every shell's chirality, and answers "right-handed", would be right
# this often among Helicoidea:

# %%
helicoidea = truth[(truth["taxon"] == "Helicoidea") & (truth["hand"] == "none")]
right = (helicoidea["chirality"] == "right").mean()
run.record("right-handed among Helicoidea", float(right), n=len(helicoidea))
assert right > 0.85

# %% [markdown]
# The truth includes where the shell is, found by rendering every picture a second time with the
# shell in one plain colour.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated photographs with the outline of the shell in white, as the renderer knows it. Slugs have none.", "name": "fig-living-masks"}, "image": {"alt": "Two rows of eight pictures of snails and slugs; a white line runs around each shell."}}
masks = living_sets.living_shells(images, seed).images[:, 0] > 127
fig = image_grid(population.images[:16])
for ax, mask in zip(fig.axes, masks, strict=False):
    ax.contour(mask, levels=[0.5], colors="white", linewidths=1) if mask.any() else None
plt.show()

# %%
slug = torch.tensor((population.meta["taxon"] == "slug").tolist())
seen = masks.flatten(1).sum(1)
run.record("mean share of the picture that is shell", masks[~slug].float().mean().item())
assert seen[slug].sum() == 0
assert (seen[~slug] > 0).float().mean() > 0.98

# %% [markdown]
# ## Is all the rest symmetric?
#
# It has to be, or the set would test nothing.  Two things make it so.  First, the camera: a scene
# reflected in a mirror beside it must give the reflected picture.

# %%
drawn = [draw_photograph(np.random.default_rng([seed, 1, i]), hands=0.5) for i in range(scenes)]
with Field(128) as studio:
    pairs = [(studio.shoot(p)[0], studio.shoot(p.mirrored())[0]) for p in drawn]
gaps = np.array([np.abs(a[:, ::-1].astype(int) - b).max(axis=-1) for a, b in pairs])
run.record("pixels off by more than 8 levels in a mirror", float((gaps > 8).mean()), n=scenes)
assert (gaps > 8).mean() < 0.002

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above, eight simulated scenes; below, the same scenes reflected in a mirror beside the camera. Each lower picture is the reflection of the upper one, and a right hand has become a left hand. They come from the generator's list of what is in the scene, not from the picture above.", "name": "fig-living-mirrored"}, "image": {"alt": "Two rows of eight pictures of snails, slugs and hands; each picture in the second row is the mirror image of the one above it."}}
image_grid(np.stack([*(a for a, _ in pairs[:8]), *(b for _, b in pairs[:8])]).transpose(0, 3, 1, 2))
plt.show()

# %% [markdown]
# Second, chance: whatever a mirror negates must be drawn with either sign equally often, so that
# one half of the draws is distributed as the mirror images of the other half.  A test that cannot
# fail is worth nothing, so we also ask for the human hand's side, which must fail.

# %%
drawn = [photo for _, photo in living_sets.draw_photographs(draws, seed, burst=1)]
alone = pd.DataFrame([vars(photo) for photo in drawn if photo.hand == "none"])
for name in ("heading", "roll", "shift", "sun_azimuth"):
    p = float(stats.ks_2samp(alone[name][::2], -alone[name][1::2]).pvalue)
    run.record(f"p of symmetric {name}", p, n=len(alone))
    assert p > 0.001
left = [photo.hand == "left" for photo in drawn if photo.hand != "none"]
run.record("left hands among human hands", float(np.mean(left)), n=len(left))
assert stats.binomtest(sum(left), len(left)).pvalue < 0.05

# %% [markdown]
# So what remains chiral is what was meant to be: shells, and the hands that hold them.
#
# ## L1 to L6
#
# The source made six data sets of its photographs.  For hands it used a classifier
# ({cite}`gibbon2023snails`, section 3.1); here they are removed by truth, and `living_set` takes
# the decisions of any remover instead.  L4 is L2 in grey, with the weights 0.2989, 0.5870 and
# 0.1140.  L6 has the photographs of L2, but each variant meets the network of the other: S the one
# trained on SLR, and SLR the one trained on S.

# %% tags=["hide-input"]
sets = {name: living_set(name, population) for name in LIVING_SETS}
counts = pd.DataFrame({"what": LIVING_SETS})
counts["ours"] = [len(s) for s in sets.values()]
counts["of L5"] = [f"{len(s) / len(sets['L5']):.1%}" for s in sets.values()]
n = pd.Series({name: source.loc[f"{name} S", "n"] for name in LIVING_SETS}).astype(int)
counts["source's test set"] = n
counts["of its L5"] = [f"{value / n['L5']:.1%}" for value in n]
counts

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated Helicoidea with a human hand in the picture, which are removed from L1: the set L3. The analogue of Figure 4b of Gibbon (2023).", "name": "fig-living-l3"}, "image": {"alt": "Rows of small pictures of snails on the palm of a hand or between fingers, in several colours of skin."}}
image_grid(first_of_each(sets["L3"]).images[:64], columns=16)
plt.show()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated Stylommatophora with hands removed: the set L5. The analogue of Figure 5a of Gibbon (2023).", "name": "fig-living-l5"}, "image": {"alt": "Rows of small pictures of snails and slugs, without hands."}}
image_grid(first_of_each(sets["L5"]).images[:64], columns=16)
plt.show()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Simulated Helicoidea with hands removed, in colour above (L2) and in grey below (L4): the same photographs. The analogue of Figures 5b and 5c of Gibbon (2023).", "name": "fig-living-l2-l4"}, "image": {"alt": "Two rows of the same sixteen pictures of snails, the upper row in colour and the lower one in grey."}}
colour, grey = (first_of_each(sets[name]).images[:16] for name in ("L2", "L4"))
image_grid(torch.cat([colour, grey.expand(-1, 3, -1, -1)]), columns=16)
plt.show()

# %% [markdown]
# ### What dilution alone must do
#
# L2 is a part of L5.  Suppose that on L5 a network does to Helicoidea what it did on L2, and
# tosses a coin for the rest.  Then its positive fraction is $\frac12 + s\,(p - \frac12)$, with
# the share $s$ of Helicoidea and the fraction $p$ of L2.

# %%
share = n["L2"] / n["L5"]
p = source.loc["L2 S", "value"]
predicted = 50 + share * (p - 50)
run.record("share of Helicoidea in the source's L5", float(share))
run.record("fraction of L5 that dilution predicts", float(predicted), unit="%")
run.record("fraction of L5 that the source found", float(source.loc["L5 S", "value"]), unit="%")
assert predicted > source.loc["L5 S", "value"] + 10 * source.loc["L5 S", "error"]

# %% [markdown]
# The source found less than even a coin for the rest would leave.  Either the rest is not a coin,
# because it holds left-handed families, or the network learned less from the mixture.  Our L5 is
# mixed in the same proportion on purpose, so that {ref}`snails/living-results`
# can ask which.

# %%
simulated = (sets["L5"].meta["taxon"] == "Helicoidea").mean()
run.record("share of Helicoidea in our L5", float(simulated), n=len(sets["L5"]))
assert abs(simulated - TAXA["Helicoidea"]) < 4 * 0.5 / everyone.meta.shape[0] ** 0.5

# %% [markdown]
# ## Who sits on both sides of the split?
#
# Four fifths of the photographs train the network, one fifth tests it.  If two photographs of one
# observation fall on different sides, the test asks for what was learned by heart.  The source
# split its photographs singly.  What could that do?
#
# For an answer we need no network, only the best memory there is.  It has seen the training
# photographs, and asks of a new one: is it nearer to one of them, or to the mirror image of one?


# %% tags=["subject"]
def small(pictures):
    return resize(to_grey(pictures).float(), 16).flatten(1)


def memory(train, x):
    nearest = torch.cdist(small(x), small(train)).amin(1)
    return torch.cdist(small(x), small(mirror(train))).amin(1) - nearest


# %% [markdown]
# This is a parity-odd function of $x$, and as blind to shells as a function can be.  On what it has
# seen it is always positive.

# %%
train, test = population.images[: images // 2], population.images[images // 2 :]
odd = torch.allclose(memory(train, mirror(test)), -memory(train, test), atol=0.5)
learned = (memory(train, train) > 0).float().mean().item()
print(f"odd: {odd}; positive on what it has seen: {learned:.0%}")
assert odd
assert learned == 1

# %% [markdown]
# Three populations.  One is as photographed.  One is symmetric for certain: a coin decides for each
# *observation*, all of its photographs together, whether it is mirrored.  And one is the source's
# control, with a coin for each *photograph*.  (No step here knows left from right, so that the
# finished pictures may be mirrored.)

# %%
if folder:
    population = photographs(folder, PIXELS)
_, member = np.unique(population.meta["observation"], return_inverse=True)
rng = np.random.default_rng(seed)
coins = {
    "as photographed": np.zeros(len(population), bool),
    "symmetric, a coin an observation": (rng.random(member.max() + 1) < 0.5)[member],
    "control, a coin a photograph": rng.random(len(population)) < 0.5,
}

# %% [markdown]
# Each is split by photograph and by observation, five times, so that every photograph is in the
# test set once.  Of each observation only the first photograph counts, for only those are
# independent.


# %%
def tested(chosen, by):
    f = []
    for fold in range(5):
        train, test = chosen.split(fold=fold, seed=seed, by=by)
        f.append(memory(train.images, test.images[test.meta["first"].tolist()]))
    return positive_fraction(torch.cat(f))


def mirrored(coin):
    first = ~population.meta["observation"].duplicated()
    images = mirror_where(population.images, coin.tolist())
    return ImageSet(images, population.meta.assign(first=first))


# %%
splits = {"by photograph": None, "by observation": "observation"}
fractions = pd.DataFrame(
    {split: {name: tested(mirrored(coin), by) for name, coin in coins.items()}
     for split, by in splits.items()}
)  # fmt: skip
for split in fractions:
    for name, found in fractions[split].items():
        run.record(f"memory, {name}, split {split}", found.fraction, found.std, n=found.n)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Positive fraction of the memory, a function that knows nothing of shells, on unseen photographs, with binomial errors. Split by photograph, it finds a symmetric population to be anything but symmetric. The control stays at one half all the same. Simulated bursts.", "name": "fig-living-splits"}, "image": {"alt": "Points with error bars for three populations. Split by photograph, the first two lie far above one half and the control lies on it; split by observation, all three lie at one half."}}
fig, ax = plt.subplots(figsize=(7, 2.8))
for shift, split, marker in ((-0.1, "by photograph", "s"), (0.1, "by observation", "o")):
    at = np.arange(len(fractions)) + shift
    values, errors = zip(*[(found.fraction, found.std) for found in fractions[split]], strict=True)
    ax.errorbar(values, at, xerr=errors, fmt=marker, label=f"split {split}")
ax.axvline(0.5, color="black", linewidth=1)
ax.set(yticks=range(len(fractions)), yticklabels=fractions.index, xlabel="positive fraction")
ax.set(xlim=(0.4, 1), ylim=(len(fractions) - 0.5, -0.5))
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# Split by photograph, a population that is symmetric by construction looks as broken as a real
# one.  And the control does not warn: tossing a coin for each photograph separates those of one
# observation, so that knowing one by heart says nothing of the other.  An SLR result of 50% does
# not vouch for the split of S.

# %%
null = "symmetric, a coin an observation"
if not folder:
    assert fractions.loc[null, "by photograph"].fraction > 0.6
    assert fractions.loc["control, a coin a photograph", "by photograph"].p_exact > 1e-4
    fair = joint_null([fractions.loc[name, "by observation"] for name in list(coins)[1:]])
    run.record("joint p of both symmetric populations, split by observation", fair)
    assert fair > 0.001

# %% [markdown]
# And a population that *is* broken?  The memory is sure of a share of the test photographs, twice
# what it has above one half, and tosses a coin for the others.  Let a network have this memory,
# and where it fails read shells with a positive fraction $p$.  Then $m + (1 - m)\,p$ is measured
# instead of $p$.  Here is what the source's 70.7% would have been with our bursts:

# %%
remembered = 2 * fractions.loc[null, "by photograph"].fraction - 1
measured = source.loc["L2 S", "value"] / 100
run.record("share of test photographs that are remembered", float(remembered))
run.record("L2, had its network this memory", float((measured - remembered) / (1 - remembered)))

# %% [markdown]
# A network is no perfect memory, least of all one that saw each picture only a few times, and how
# many photographs of one animal the source had is not known.  So this is no correction of its
# result; it says how much a careless split *can* do, and that it can be excluded for nothing.
#
# ### When the observations are not known
#
# A folder of pictures may not say which belong together.  Then pictures that look alike are kept
# together: `near_duplicates` compares perceptual hashes, each picture with each other and with its
# mirror image.  How many of the pairs of one observation does it find here?

# %%
pairs = near_duplicates(population.images)
same = member[pairs[:, 0]] == member[pairs[:, 1]]
size = np.bincount(member)
possible = int((size * (size - 1) // 2).sum())
print(f"{len(pairs)} pairs look alike, {same.sum()} of them from one observation")
print(f"pairs of one observation: {possible}")

# %% [markdown]
# A photographer who takes a step makes another picture of the same animal, and the hash is made to
# find copies.  So it is no substitute for the number of the observation, which every photograph of
# iNaturalist has; it comes on top.

# %%
if not folder:
    run.record("pairs of one observation found by the hash", same.sum() / possible, n=possible)
    run.record("pairs that look alike and are strangers", int((~same).sum()), n=len(population))

# %% [markdown]
# ## What we found
#
# - An export becomes a folder of photographs with their licences; what is broken is set aside, and
#   nothing is asked for twice.
# - In the simulated photographs only shells and human hands are chiral: a mirrored scene gives the
#   mirrored picture, and whatever a mirror negates is drawn with either sign.
# - Helicoidea are five eighths of the source's L5, so dilution alone leaves its network 62.9%,
#   more than the 58.8% that it found.
# - If photographs are split singly, a function that only remembers breaks the symmetry of a
#   symmetric population, and the control does not show it.  All photographs of an observation
#   belong on one side.

# %%
assert abs(predicted - 62.9) < 0.05
workplace.cleanup()
saved = run.save()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
