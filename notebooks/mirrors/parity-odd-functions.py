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
# (mirrors/parity-odd-functions)=
#
# # Parity-odd functions
#
# Does nature care about left and right?  To ask a set of pictures, events or molecules, take a
# function that changes its sign in the mirror, and see whether its values lean to one side.
# This chapter builds such functions from arbitrary networks, tests what the method promises, and
# breaks it on purpose in the three ways in which it can be broken.
#
# **You will learn**
#
# - which quantities a mirror leaves alone, and how the violation of mirror symmetry was found;
# - how to make any function {term}`parity-odd`, in five lines;
# - why the false-positive rate is the nominal one whatever the network, and where that ends;
# - what each symmetry group makes a network blind to.
#
# **Cost** About half a minute on one CPU core and a gigabyte of memory.  The networks are far
# too small for a GPU to help.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn

from parity_nb import symmetry
from parity_nb.objectives import mean_over_std, which_is_real
from parity_nb.plotting import image_grid, signed_histogram, use_style
from parity_nb.records import Records, provenance
from parity_nb.statistics import calibrate, mean_test, optimum, positive_fraction, quality
from parity_nb.symmetry import Symmetrised, equivariance_error, mirror, mirror_where, random_half

# %% tags=["parameters"]
seed: int = 0  # random seed of every population and network
mu: float = 0.6  # how far the solvable population is shifted, in standard deviations
n_train: int = 10000  # training items of the solvable population
n_test: int = 10000  # held-out items of the populations that are tested once
null_experiments: int = 200  # repeated experiments on symmetric populations
null_items: int = 400  # training items, and held-out items, of each repeated experiment

# %%
use_style()
run = Records.of("mirrors/parity-odd-functions", globals())
coin = torch.Generator().manual_seed(seed)

# %% [markdown]
# ## What a mirror does
#
# The parity operation $P$ turns every position around: $\mathbf r \to -\mathbf r$.  Momenta
# follow, since $\mathbf p = m\,\mathrm d\mathbf r/\mathrm dt$.  What about quantities that are
# built from them?

# %%
quantities = {
    "position r": lambda r, p, q: r,
    "momentum p": lambda r, p, q: p,
    "angular momentum r x p": lambda r, p, q: np.cross(r, p),
    "(r x p) x r": lambda r, p, q: np.cross(np.cross(r, p), r),
    "scalar product r . p": lambda r, p, q: r @ p,
    "triple product r . (p x q)": lambda r, p, q: r @ np.cross(p, q),
}

# %% [markdown]
# Compute each one before and after the inversion, for three arbitrary vectors, and look at the
# sign between the two.

# %%
r, p, q = np.random.default_rng(seed).normal(size=(3, 3))
signs = {}
for name, quantity in quantities.items():
    before, after = quantity(r, p, q), quantity(-r, -p, -q)
    signs[name] = 1 if np.allclose(after, before) else -1
    assert np.allclose(after, signs[name] * before)
print(pd.Series(signs).map({1: "even", -1: "odd"}).to_string())

# %% [markdown]
# Vectors are odd.  The angular momentum $\mathbf L = \mathbf r \times \mathbf p$ is a product of
# two of them and therefore even: an *axial* vector, like every spin and every magnetic field.
# (One of our sources writes it as $\mathbf L \times \mathbf r$ {cite}`gibbon2023snails`; the
# fourth line shows that this is an ordinary, odd vector.)  The last line is the kind of number
# that this book hunts for: no direction, no coordinate system, and yet a sign that a mirror
# reverses.
#
# A bathroom mirror does not turn three axes around, only one.  The difference is a rotation:

# %%
inversion = -np.eye(3)
half_turn_about_x = np.diag([1.0, -1.0, -1.0])
bathroom_mirror = half_turn_about_x @ inversion
print(bathroom_mirror.diagonal())
assert np.array_equal(bathroom_mirror, np.diag([-1, 1, 1]))

# %% [markdown]
# As long as nature does not prefer a direction in space, mirror and inversion ask the same
# question, and any plane will do for the mirror.
#
# In a plane picture the choice matters.  Reversing *both* axes of a picture has determinant
# $+1$: it is a half turn, not a reflection.  So for images $P$ is the left-right flip, which is
# also what happens to a photograph when the camera and the scene are replaced by their mirror
# images.  A top-bottom flip is a reflection too, the half turn after $P$
# ({numref}`fig-mirrors-f`).


# %% tags=["hide-input"] mystnb={"figure": {"caption": "The letter F, its half turn, its mirror image, and the half turn of that. The first two are the same letter turned around; no turn of it gives the other two.", "name": "fig-mirrors-f"}, "image": {"alt": "Four small black and white pictures: the letter F upright, upside down, mirrored left to right, and mirrored top to bottom."}}
def picture(*rows):
    return torch.tensor([[float(c == "#") for c in row] for row in rows])[None, None]


stem = ".#......"
F = picture("........", ".#####..", stem, ".####...", stem, stem, stem, "........")
image_grid(symmetry.half_turn_parity().orbit(F), columns=4)
plt.show()

# %% [markdown]
# An object that no rotation turns into its mirror image is *chiral*, in Kelvin's word
# {cite}`kelvin1894`.  The letter F is, on paper.  So are hands, corkscrews and the shells of
# snails, nearly all of which are wound to the right {cite}`schilthuizen2005`; so is a carbon
# atom that holds four different groups.  Life is built of left-handed amino acids and
# right-handed sugars, and the mirror image of a drug can act as another substance
# {cite}`barron`.  None of this says that the *laws* of nature are chiral: left-wound snails live
# by the same laws.  It says that a population can lean.

# %% [markdown]
# ## How the violation was found
#
# Until 1956 the laws themselves were taken to be mirror-symmetric.  Lee and Yang then noticed
# that for the weak interaction nobody had looked {cite}`lee1956question`, and said how to: line
# up the spins of nuclei, which are axial, and see on which side the electrons of their beta
# decay come out.  The product of a spin $\mathbf S$ and a momentum $\mathbf p$ is a number that
# a mirror reverses, so in a symmetric world it is as often positive as negative.
# Wu and her colleagues cooled cobalt-60 in a magnetic field and found the electrons on the side
# away from the spin {cite}`wu1957`.
#
# For electrons with density $(1 + \alpha\cos\theta)/2$ in $\cos\theta$ the answer of the
# experiment is known before it is done: $-\mathbf S\cdot\mathbf p$ is positive with probability
# $1/2 - \alpha/4$.  We take $\alpha = -0.4$, a round number, draw angles by inverting the
# cumulative distribution, and count.

# %%
alpha = -0.4
u = torch.rand(n_test, generator=coin).double()
cosine = (((1 - alpha) ** 2 + 4 * alpha * u).sqrt() - 1) / alpha
wu = positive_fraction(-cosine)
print(f"expected {0.5 - alpha / 4:.3f}, found {wu}")
assert abs(wu.fraction - (0.5 - alpha / 4)) < 4 * wu.std

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A simulated cobalt experiment. Each electron gives one value of the parity-odd number f, minus the cosine of its angle with the nuclear spin. The grey outline is the same histogram in the mirror; the two would agree in a symmetric world.", "name": "fig-mirrors-wu"}, "image": {"alt": "Histogram of f between minus one and one, rising to the right: blue bars below zero are lower than red bars above zero, and the outline of the mirrored histogram falls instead."}}
signed_histogram(-cosine, bins=40, label=r"$f = -\cos\theta$").legend(loc="upper center")
plt.show()

# %% [markdown]
# The excess of red over blue in {numref}`fig-mirrors-wu` is all there is to it.  No theory of
# beta decay entered, only a function with the right sign in the mirror, and a count.
#
# Why has nobody done the same with the collisions of the LHC?  Its beams are unpolarised and
# its detectors record momenta, not spins, so that the violation which we know is practically
# invisible there.  Other violations need not be {cite}`lester2022vampires`, but without a
# theory to say which function to try, none was tried: of the first thousand papers of the ATLAS
# collaboration not one searched for a parity violation outside the Standard Model
# {cite}`lester2021unsupervised`.  The way out is to let a network find the function.

# %% [markdown]
# ## Any function can be made odd
#
# Let $g$ be any function of a picture, such as an untrained network.  Then
#
# $$ f(x) = \tfrac12\left[g(x) - g(Px)\right] $$
#
# changes its sign in the mirror, because $P$ twice is nothing at all.  If rotations should not
# matter, average over them as well.  In general there is a group $G$ of transformations, each
# with a sign $\chi(h)$, and
#
# $$ f(x) = \frac{1}{|G|} \sum_{h\in G} \chi(h)\, g(hx). $$
#
# To see what it does, put $kx$ for $x$ and call $hk$ the new $h$: the sum runs over the
# same group, and if $\chi(hk) = \chi(h)\chi(k)$, one factor $\chi(k)$ comes out:
# $f(kx) = \chi(k) f(x)$, whatever $g$ is.  A sign with that property is called a
# {term}`character`.  As code:


# %%
def project(g, elements):
    def f(x):
        return sum(sign * g(act(x)) for act, sign in elements) / len(elements)

    return f


# %% [markdown]
# Half turns do not turn a snail into another snail, so one may ask for a function that is odd
# under $P$ and even under the half turn.  These are the four elements of
# {cite}`gibbon2023snails`:

# %%
four = [
    (lambda x: x, +1),
    (lambda x: torch.flip(x, [-2, -1]), +1),  # half turn
    (lambda x: torch.flip(x, [-1]), -1),  # P
    (lambda x: torch.flip(x, [-2]), -1),  # half turn after P
]

# %% [markdown]
# For $g$ any function will do; here it is a small network, and 500 pictures of pure noise to
# try it on.


# %%
def network(inputs=64, width=32):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, 1))


torch.manual_seed(seed)
x = torch.rand(500, 1, 8, 8, generator=coin).double()
g = network().double()
f = project(g, four)

# %% [markdown]
# Is $f(hx) = \chi(h) f(x)$?  The difference is measured by its root-mean-square, divided by the
# standard deviation of $f$.

# %%
for name, (act, sign) in zip(("identity", "half turn", "P", "half turn P"), four, strict=True):
    error = equivariance_error(f, x, act, lambda v, sign=sign: sign * v)
    print(f"{name:>12}: chi = {sign:+d}, residual below 1e-12: {error.relative < 1e-12}")
    assert error.relative < 1e-12

# %% [markdown]
# It is, up to rounding, and the network has never been trained.  The package has the same
# formula as a network layer.  It evaluates all copies in one batch, and checks that its
# elements form a group.

# %%
layer = Symmetrised(g, symmetry.half_turn_parity())
with torch.no_grad():
    difference = (layer(x) - f(x).squeeze(1)).abs().max() / layer(x).std()
print(layer.group)
print("agrees with our five lines:", bool(difference < 1e-12))
assert difference < 1e-12

# %% [markdown]
# Not every choice of signs will do.  With three minus signs the argument above breaks at
# $\chi(hk) = \chi(h)\chi(k)$, since a half turn after $P$ would need the sign $(-1)(-1) = +1$.
# The package refuses:

# %%
bad_signs = {"e": 1, "R180": -1, "P": -1, "R180 P": -1}
published = symmetry.half_turn_parity()
try:
    symmetry.Group(
        [symmetry.Element(e.name, e.act, bad_signs[e.name]) for e in published.elements],
        probe=published.probe,
    )
except ValueError as refusal:
    print(refusal)
else:
    raise AssertionError("three minus signs were taken for a character")

# %% [markdown]
# ## What the values say
#
# A *population* is mirror-symmetric if $x$ and $Px$ are equally likely.  Its values $f(x)$ are
# then distributed symmetrically about zero.  For a finite set this takes more than one
# pair of twins {cite}`gibbon2023snails` (whose section 2.1 first asks for "at least one pair",
# then gives the right condition: the flipped set must look like the original).  Every picture
# needs a partner.  One pair and one single are enough to see the difference:

# %%
chiral, other = x[:1], x[1:2]
pair = torch.cat([chiral, mirror(chiral)])
with torch.no_grad():
    sums = {"a pair": f(pair).sum(), "a pair and a single": f(torch.cat([pair, other])).sum()}
for name, total in sums.items():
    print(f"{name:>20}: values balance about zero: {bool(abs(total) < 1e-12)}")
assert abs(sums["a pair"]) < 1e-12 < abs(sums["a pair and a single"])

# %% [markdown]
# So much for recognising symmetry.  To find its violation, $g$ is trained to push $f$ up.  No
# labels are needed: every picture is simply claimed to be the "positive" one, and only if the
# population leans can that claim be generalised.  Two objectives are in use.
#
# - **Loss A**, minus the mean of $f$ over its standard deviation
#   {cite}`lester2021unsupervised`.  The scale of $f$ is free.
# - **Loss B**, the mean of $-\log\sigma(f)$ {cite}`tombs2022which`: a bet, for each $x$, that
#   it and not its mirror image is the real one.  Here $f$ is a log probability ratio.
#
# And three measures on pictures that were *not* used in training: the
# {term}`positive fraction`, the mean, and the quality
# $Q = \log 2 + \langle\log\sigma(f)\rangle$, by how much the bets beat a fair coin.

# %% [markdown]
# ## A population solved on paper
#
# Take numbers instead of pictures: $x$ is Gaussian with mean $\mu$ and unit width, and the
# mirror sends $x$ to $-x$.  Everything is known.  The asymmetry
#
# $$ a(x) = \frac{p(x) - p(-x)}{p(x) + p(-x)} = \tanh(\mu x) $$
#
# is, up to a scale, the best function for loss A; for loss B it is the log ratio
# $\log p(x)/p(-x) = 2\mu x$.  Both are positive for $x>0$, that is with probability
# $\Phi(\mu)$.  No odd function can beat these numbers:

# %%
grid = np.linspace(mu - 9, mu + 9, 20001)
best = optimum(2 * mu * grid, weights=stats.norm.pdf(grid, mu))
print(f"positive fraction {best.fraction:.4f} = Phi(mu) = {stats.norm.cdf(mu):.4f}")
print(f"mean over std     {best.mean_over_std:.4f}")
print(f"quality Q         {best.quality:.4f} nats")
assert abs(best.fraction - stats.norm.cdf(mu)) < 1e-6

# %% [markdown]
# Now forget the answer and let a network of 49 weights find it.  The group is the identity and
# $x\to-x$; the same layer as for pictures makes the network odd.  The training loop is all the
# machinery there is:


# %%
def train(f, x, objective=which_is_real, steps=300, lr=0.01):
    optimiser = torch.optim.Adam(f.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        objective(f(x)).backward()
        optimiser.step()
    return f.eval()


# %%
reflection = symmetry.Group(
    [symmetry.Element("e", symmetry.identity, 1), symmetry.Element("P", torch.neg, -1)],
    probe=torch.ones(1, 1),
)
x_train = mu + torch.randn(n_train, 1, generator=coin)
x_test = mu + torch.randn(n_test, 1, generator=coin)

# %% [markdown]
# Two networks, one for each loss:

# %%
torch.manual_seed(seed)
learned = {}
for name, objective in (("A", mean_over_std), ("B", which_is_real)):
    g = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    learned[name] = train(Symmetrised(g, reflection), x_train, objective)

# %% [markdown]
# Loss A leaves the scale of $f$ open, so before its values can be read as bets,
# $\varphi = 2\,\mathrm{artanh}(cf)$ needs the constant $c$.  It is fitted on the training data;
# fitting it on the test data would spoil the test.

# %%
with torch.no_grad():
    f_test = {name: f(x_test) for name, f in learned.items()}
    to_log_ratio = calibrate(learned["A"](x_train))
phi = {"A": to_log_ratio(f_test["A"]), "B": f_test["B"]}
for name in "AB":
    print(f"loss {name}: {positive_fraction(f_test[name])}")
    print(f"        Q = {quality(phi[name])}")

# %% [markdown]
# Do both networks reach the optimum?  The positive fraction and the quality are compared with
# the values on paper, in units of their statistical errors.

# %%
for name in "AB":
    fraction, q = positive_fraction(f_test[name]), quality(phi[name])
    run.record(f"positive fraction, loss {name}", fraction.fraction, fraction.std, n_test)
    run.record(f"quality, loss {name}", q.q, q.error, n_test, "nats")
    assert abs(fraction.fraction - best.fraction) < 3 * fraction.std
    assert abs(q.q - best.quality) < 3 * q.error

# %% [markdown]
# And the ratio that loss A was made to enlarge, whose standard error follows from the influence
# that each value has on it:

# %%
f = f_test["A"]
ratio, z = f.mean() / f.std(), (f - f.mean()) / f.std()
ratio_error = (z - ratio / 2 * (z**2 - 1)).std() / n_test**0.5
run.record("mean over std, loss A", ratio, ratio_error, n_test)
assert abs(ratio - best.mean_over_std) < 3 * ratio_error

# %% [markdown]
# Within three standard errors each.  The two losses agree on the sign, which has to be that of
# $x$:

# %%
for name in "AB":
    same = ((f_test[name] > 0) == (x_test[:, 0] > 0)).float().mean().item()
    print(f"loss {name}: f and x have the same sign in {same:.2%} of the test items")
    assert same > 0.99

# %% [markdown]
# Otherwise they are different functions, as {numref}`fig-mirrors-toy` shows, and each is the
# one that was foretold.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What the networks learned (solid) and the optimum on paper (dashed). Loss A finds the asymmetry, tanh(mu x), up to a scale that was fitted; loss B finds the log ratio, 2 mu x. Grey: density of the training data and, dotted, of its mirror image. The curves part where there are no data.", "name": "fig-mirrors-toy"}, "image": {"alt": "Two panels of odd curves through the origin. Left, a learned sigmoid-shaped curve lies on a dashed tanh. Right, a learned line lies on a dashed straight line in the range of the data."}}
x_line = torch.linspace(-3.2, 3.2, 201)[:, None]
optima = {"A": torch.tanh(mu * x_line), "B": 2 * mu * x_line}
figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.3))
for ax, name in zip(axes, "AB", strict=True):
    with torch.no_grad():
        curve = learned[name](x_line) * (to_log_ratio.scale if name == "A" else 1)
    height = float(optima[name].max())
    density = stats.norm.pdf(x_line.numpy(), mu) * height
    ax.fill_between(x_line[:, 0], density[:, 0], color="0.88")
    ax.plot(x_line, density[::-1], color="0.6", linestyle=":", linewidth=1)
    ax.plot(x_line, curve, label=f"learned with loss {name}")
    ax.plot(x_line, optima[name], "--", color="black", linewidth=1.2, label="optimum")
    ax.set(xlabel="$x$", ylabel="$c f$" if name == "A" else "$f$")
    ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# Which measure should one quote?  The positive fraction is the one that everybody understands.
# For a faint signal it is not the one that sees furthest.  With $n$ pictures the number of
# standard deviations is $\sqrt n$ times what the next cell prints, for a shift of one
# twentieth:

# %%
weak = optimum(0.1 * grid, weights=stats.norm.pdf(grid, 0.05))
reach = {
    "positive fraction": 2 * weak.fraction - 1,
    "mean test": weak.mean_over_std,
    "quality": (2 * weak.quality) ** 0.5,
}
print(pd.Series(reach).round(4).to_string())
extra = (reach["mean test"] / reach["positive fraction"]) ** 2
print(f"pictures that the count needs for one of the mean test: {extra:.2f}")
assert abs(extra - np.pi / 2) < 0.01

# %% [markdown]
# The count needs half as many pictures again ($\pi/2$, for a Gaussian), because it forgets how
# far from zero the values are.  The quality has another virtue.  Under the null hypothesis a
# pair of twins is bet on with odds that average to one, so $e^{nQ}$ is an {term}`e-value`
# {cite}`vovk2021evalues`: $p \le e^{-nQ}$ holds for any number of pictures and any network.

# %% [markdown]
# ## Why the false-positive rate is the nominal one
#
# Suppose that the population is symmetric, and that $f$ was fixed before the test pictures were
# drawn.  For each of them, $x$ and $Px$ were equally likely, so the sign of $f(x)$ is the toss
# of a fair coin (where it is zero, the item is left out).  Nothing in this depends on $f$: not
# on its size, nor its training, nor on whether it was over-fitted.  The number of positive
# values is binomial, and the test has the error rate that it claims.
#
# A claim about error rates wants many experiments.  The population is the letter F in heavy
# noise, and a {term}`control set` is made of it by mirroring each picture or not, by the toss
# of a coin.


# %%
def letters(n, noise=1.0):
    return F + noise * torch.randn(n, 1, 8, 8, generator=coin)


def control(n):
    return mirror_where(letters(n), random_half(n, coin))


# %% [markdown]
# First the known answers: trained on letters, a network must find them chiral; trained on the
# control set, it must not.

# %%
torch.manual_seed(seed)
for name, population in (("letters", letters), ("control", control)):
    f = train(Symmetrised(network(), symmetry.parity()), population(null_items), steps=60)
    with torch.no_grad():
        values = f(population(n_test))
    fraction = positive_fraction(values)
    run.record(f"positive fraction of {name}", fraction.fraction, fraction.std, n_test)
    run.record(f"p-value of the mean of {name}", mean_test(values, flips=999), n=n_test)
    assert (fraction.p_exact < 1e-9) == (name == "letters")

# %% [markdown]
# Then the experiment, many times over: fresh weights, fresh control set, fresh test pictures.
# We keep the mid $p$-value of each, which counts half the probability of the number observed
# and is therefore uniform if all is well {cite}`lancaster1961`.


# %%
def one_null_experiment(steps):
    x = control(null_items)
    f = train(Symmetrised(network(), symmetry.parity()), x, steps=steps, lr=0.03)
    with torch.no_grad():
        return positive_fraction(f(x)).fraction, positive_fraction(f(control(null_items))).p_mid


# %% [markdown]
# Half of the story is told by networks that were not trained at all, the other half by
# networks that know their control set by heart.

# %%
torch.manual_seed(seed)
null_p = {}
for name, steps in (("untrained", 0), ("trained", 20)):
    results = [one_null_experiment(steps) for _ in range(null_experiments)]
    memorised, null_p[name] = (np.array(column) for column in zip(*results, strict=True))
    print(f"{name}: {memorised.mean():.3f} positive on the control set that was trained on")
assert memorised.min() > 0.8

# %% [markdown]
# On the pictures that they were trained on, the trained networks "found" what is not there.  On
# new pictures {numref}`fig-mirrors-null` tells them apart from the untrained ones no more:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How often the p-value of a symmetric population falls below p. If the test is honest, the curve is the diagonal, up to the band in which 99.9% of honest experiments stay.", "name": "fig-mirrors-null"}, "image": {"alt": "Two step curves, for untrained and trained networks, both close to the diagonal and inside a grey band around it."}}
figure, ax = plt.subplots(figsize=(4.2, 4.0))
band = stats.kstwo.ppf(0.999, null_experiments)
ax.axline((0, 0), slope=1, color="0.5", linewidth=0.8)
ax.fill_between([0, 1], [-band, 1 - band], [band, 1 + band], color="0.9")
for name, p in null_p.items():
    ax.ecdf(p, label=f"{name} networks")
ax.set(xlabel="$p$", ylabel="fraction of experiments below $p$", xlim=(0, 1), ylim=(0, 1))
ax.legend()
plt.show()

# %%
for name, p in null_p.items():
    uniform = stats.kstest(p, "uniform").pvalue
    found = int((p <= 0.05).sum())
    print(f"{name}: {found} of {null_experiments} below 0.05, Kolmogorov-Smirnov p {uniform:.2f}")
    run.record(f"false positives at 5%, {name}", found / null_experiments, n=null_experiments)
    assert uniform > 0.001
    assert found <= stats.binom.isf(0.001, null_experiments, 0.05)

# %% [markdown]
# Trained or not, about one experiment in twenty falls below 0.05.  False positives are not
# "irrelevant", as {cite}`gibbon2023snails` has it; they come at the advertised rate.
#
# The converse deserves a look: what do untrained networks make of a population that *does* lean?
# The same source (section 2.2) expects that a random $g$ would probably give a symmetric answer.
# On the letters:

# %%
torch.manual_seed(seed)
untrained = []
for _ in range(null_experiments):
    with torch.no_grad():
        f = Symmetrised(network(), symmetry.parity())(letters(null_items, noise=0.5))
    untrained.append(positive_fraction(f))

# %% [markdown]
# A network whose answer is symmetric would be further than 3.3 standard deviations from one half
# once in a thousand times.

# %%
lean = np.mean([min(r.p_mid, 1 - r.p_mid) < 0.0005 for r in untrained])
below = np.mean([r.fraction < 0.5 for r in untrained])
run.record("untrained networks beyond 3.3 standard deviations", lean, n=null_experiments)
print(f"{below:.0%} of all networks lean to the negative side")
assert lean > 0.5

# %% [markdown]
# Most of them lean, and visibly; but to either side, as luck has it.  Training makes the lean
# large and its sign *positive*.  That is why the test is one-sided: a held-out fraction far below
# one half is not a discovery.  It is a symptom, and the next section shows of what.

# %% [markdown]
# ## Where the argument ends
#
# The argument had three premises: the test pictures are mirror-symmetric *as the network sees
# them*, they are independent, and $f$ was fixed without them.  Each can fail in silence.
#
# ### The pipeline knows left from right
#
# Between the world and the network stand crops, resizing and compression.  If a step $T$ does
# not commute with the mirror, $T(Px) \ne P\,T(x)$, a symmetric world arrives lopsided.
# One measure audits every step:


# %%
def rolling_shutter(x):
    """Rows are read one after another while the scene moves to the right."""
    return torch.stack([x[..., i, :].roll(i // 2, -1) for i in range(x.shape[-2])], -2)


# %% [markdown]
# Four more steps, all of them innocent at first sight:

# %%
steps = {
    "centre crop": lambda x: x[..., 1:-1],
    "crop, one pixel off": lambda x: x[..., 2:],
    "mean of 2 x 2 pixels": lambda x: nn.functional.avg_pool2d(x, 2),
    "every second pixel": lambda x: x[..., ::2, ::2],
    "rolling shutter": rolling_shutter,
}

# %% [markdown]
# How far is the processed mirror image from the mirror image of the processed picture, in
# standard deviations of the picture?

# %%
audit = {n: equivariance_error(s, letters(200), mirror, mirror).relative for n, s in steps.items()}
print(pd.Series(audit).round(2).to_string())
safe = [name for name, error in audit.items() if error < 1e-6]
assert safe == ["centre crop", "mean of 2 x 2 pixels"]

# %% [markdown]
# Three of the five do not commute, and by as much as the pictures vary.  Does a network notice?
# The rolling shutter is put on the *control* set.  Once the coin is tossed before it, in the
# world; once after it, in the computer.


# %%
def flipped_in_the_world(n):
    return rolling_shutter(control(n))


def flipped_in_the_computer(n):
    return mirror_where(rolling_shutter(letters(n)), random_half(n, coin))


# %%
torch.manual_seed(seed)
shutter = {}
for population in (flipped_in_the_world, flipped_in_the_computer):
    name = population.__name__.replace("_", " ")
    f = train(Symmetrised(network(), symmetry.parity()), population(2000), steps=60)
    with torch.no_grad():
        shutter[name] = positive_fraction(f(population(n_test)))
    run.record(f"positive fraction, {name}", shutter[name].fraction, shutter[name].std, n_test)
assert shutter["flipped in the world"].p_exact < 1e-9
assert shutter["flipped in the computer"].p_exact > 0.001

# %% [markdown]
# The first line is a false detection: the letters were balanced, and what was found is the
# camera.  The second line shows how easily a control fails to notice.  A picture flipped *after*
# the pipeline is a fair coin for any odd $f$, whatever the pipeline did.  Controls in this book
# are mirrored at the rawest stage there is.

# %% [markdown]
# ### One observation, many pictures
#
# Ten frames of a burst are not ten observations.  Each control scene below is
# photographed ten times with a little camera noise, and the coins come up together.  Were the
# frames of a burst equal, the count would scatter $\sqrt{10}$ times too widely, and a test at
# 5% would fire in $1 - \Phi(1.64/\sqrt{10}) = 30\%$ of all experiments:


# %%
def bursts(scenes, frames=10, camera_noise=0.1):
    again = scenes.repeat_interleave(frames, 0)
    return again + camera_noise * torch.randn(again.shape, generator=coin)


# %%
torch.manual_seed(seed)
per_frame, per_scene = [], []
for _ in range(null_experiments):
    with torch.no_grad():
        f = Symmetrised(network(), symmetry.parity())(bursts(control(null_items)))
    per_frame.append(positive_fraction(f).p_exact)
    per_scene.append(positive_fraction(f.reshape(-1, 10).mean(1)).p_exact)

# %%
for name, p in (("frames", per_frame), ("scenes", per_scene)):
    found = int((np.array(p) <= 0.05).sum())
    print(f"counting {name}: {found} of {null_experiments} below 0.05")
    run.record(f"false positives at 5%, counting {name}", found / null_experiments)
    honest = found <= stats.binom.isf(0.001, null_experiments, 0.05)
    assert honest == (name == "scenes")

# %% [markdown]
# Averaging $f$ over each burst, one value an observation, brings the rate back to what it says.
#
# ### The test has been seen
#
# Now let the bursts straddle the split: one frame in training, its neighbour in the test.  A
# network that memorises needs no left or right.  The control scenes are as balanced as before,
# and it is asked about new scenes, about second frames of its training scenes, and about their
# mirror twins.

# %%
torch.manual_seed(seed)
scenes = control(200)
f = train(Symmetrised(network(width=128), symmetry.parity()), scenes, steps=300)

# %% [markdown]
# The same questions to all three sets:

# %%
tests = {
    "new scenes": control(200),
    "second frames": bursts(scenes, frames=1),
    "mirror twins": mirror(bursts(scenes, frames=1)),
}

# %%
leak = {}
for name, test in tests.items():
    with torch.no_grad():
        leak[name] = positive_fraction(f(test))
    run.record(f"positive fraction, {name}", leak[name].fraction, leak[name].std, len(test))
assert leak["new scenes"].p_exact > 0.001
assert leak["second frames"].interval[0] > 0.9 and leak["mirror twins"].interval[1] < 0.1

# %% [markdown]
# New scenes: a fair coin.  Second frames: a "detection" of what is not there.  Mirror twins:
# the same in reverse, a fraction *below* one half.  That is the symptom promised above, and
# the reason why data are split by observation, never by picture, and why a model set
# with left-handed objects must not contain the twins of its right-handed ones.

# %% [markdown]
# ## What a group cannot see
#
# A larger group means fewer functions, and fewer accidents for a network to learn.  It
# also means a {term}`blind spot`.  If some *odd* element $k$ leaves a picture as it is, then
# $f(x) = f(kx) = -f(x)$ and $f(x) = 0$ for every $g$.  More generally: $f$ sees only the
# average of the population over the even elements, the kernel of $\chi$; if that average
# is its own mirror image, no network will find a violation.
#
# Five pictures ({numref}`fig-mirrors-five`) and four groups.  The fourth group belongs to a
# cylinder that was cut open and unrolled, such as a detector around a beam: rows are azimuth,
# and a vertical roll is a rotation of the cylinder.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Five pictures: a face, an arrow on the middle row, the same arrow higher up, a mark on the diagonal, and a letter S.", "name": "fig-mirrors-five"}, "image": {"alt": "Five small black and white pictures: a face, an arrow that points left, the same arrow near the top, a square in the upper left corner, and a letter S."}}
blank = "........."
arrow_rows = ["...#.....", "..#......", ".#######.", "..#......", "...#....."]
pictures = {
    "face": picture(
        blank, "..#...#..", "..#...#..", blank, "....#....", blank, ".#.....#.", "..#####..", blank
    ),
    "arrow": picture(blank, blank, *arrow_rows, blank, blank),
    "high arrow": picture(*arrow_rows, *[blank] * 4),
    "mark": picture(blank, ".##......", ".##......", *[blank] * 6),
    "S": picture(blank, blank, "....###..", *["....#...."] * 3, "..###....", blank, blank),
}
image_grid(torch.cat(list(pictures.values())), columns=5)
plt.show()

# %% [markdown]
# The test is exact and short.  Collect what the even elements make of the picture, and what the
# odd ones do.  If the two collections are the same, the group is blind to it.


# %%
def sees(group, x):
    copies = {+1: set(), -1: set()}
    for e in group.elements:
        copies[e.sign].add(e.act(x).numpy().tobytes())
    return copies[+1] != copies[-1]


# %%
groups = {name: make() for name, make in symmetry.GROUPS.items()}
groups["cylinder"] = symmetry.semidirect(symmetry.rolls(9), symmetry.half_turn_parity())
visible = pd.DataFrame(
    {name: {n: sees(group, x) for n, x in pictures.items()} for name, group in groups.items()}
)
visible.replace({True: "visible", False: "-"})

# %% [markdown]
# Read by rows:
#
# - The face is its own mirror image; there is nothing to see.
# - The arrow that points left breaks parity, but a half turn makes it point right: only the
#   plain group $\{e, P\}$ sees it.
# - Put it higher, and arrows that point left live at the top while the half turn puts those that
#   point right at the bottom: visible again, unless rolls make every height alike.  That is what
#   only a preferred azimuth could show, and what the cylinder gives up.
# - The mark on the diagonal is a mirror image of itself *in the diagonal*, which is odd in the
#   dihedral group D4.
# - The letter S is chiral in the plane.  Every group sees it.
#
# {numref}`fig-mirrors-orbit`, the orbit of the mark under D4, shows the blindness at a glance:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The eight copies of the mark under D4: even elements framed in red above, odd ones in blue below. Both rows hold the same four pictures, so their signed sum vanishes for every g.", "name": "fig-mirrors-orbit"}, "image": {"alt": "Two rows of four pictures of a corner mark. The upper row, framed red, and the lower row, framed blue, show the mark in each of the four corners once."}}
d4 = groups["dihedral"]
image_grid(d4.orbit(pictures["mark"]), values=d4.signs, columns=4)
plt.show()

# %% [markdown]
# The table was about sets.  A network must agree with it: an untrained one, symmetrised with each
# group, should give zero exactly where the table has a dash.

# %%
torch.manual_seed(seed)
g = network(inputs=81, width=256).double()
inputs = torch.cat(list(pictures.values())).double()

# %%
with torch.no_grad():
    values = {name: Symmetrised(g, group)(inputs).abs() for name, group in groups.items()}
nonzero = pd.DataFrame({n: v.numpy() > 1e-12 for n, v in values.items()}, index=list(pictures))
print("network and table agree:", nonzero.equals(visible))
assert nonzero.equals(visible)

# %%
expected = {"parity": 4, "half-turn parity": 3, "dihedral": 2, "cylinder": 1}
for name, count in visible.sum().items():
    run.record(f"pictures visible to {name}", int(count), n=len(pictures))
assert visible.sum().to_dict() == expected

# %% [markdown]
# From four pictures down to one: the price of symmetry.  Whether it is worth paying depends on
# the data.  Where the camera's roll is uniform, as for {ref}`our model snails
# <snails/model-snails>`, D4 gives nothing away.  On a cylinder it would be wrong, for a quarter
# turn exchanges the beam with the azimuth.  On photographs with an upright and a horizon,
# $\{e, P\}$ is the cautious choice.

# %% [markdown]
# ## What we found
#
# - Any network becomes parity-odd by a signed sum over a group, to rounding precision; our five
#   lines and the package's layer agree.
# - On a population solved on paper, networks trained with either loss reach the best possible
#   positive fraction, mean over standard deviation and quality within three standard errors.
# - On symmetric populations the $p$-values are uniform, for untrained and for trained networks;
#   on a lopsided one untrained networks lean as well, to either side.
# - The promise ends with a pipeline that knows left from right, with items that are not
#   independent, and with a test set that was seen in training: each gave a false
#   "detection", the last one also a fraction below one half.
# - Each group has its blind spots; of five pictures, $\{e,P\}$ sees four and the
#   cylinder's group one.

# %%
run.record("best positive fraction", best.fraction)
run.record("best mean over std", best.mean_over_std)
run.record("best quality", best.quality, unit="nats")
saved = run.save()

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
