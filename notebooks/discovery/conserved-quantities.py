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
# (discovery/conserved-quantities)=
#
# # Conserved quantities in latent neurons
#
# Symmetries make conservation laws: because physics is the same in all directions, angular
# momentum is conserved.  A network of {cite}`iten2020scinet` was shown collisions and nothing
# else, and kept the total angular momentum in one neuron.  Did it discover the law?  In the
# authors' published code the network *had* one latent neuron only, and one number was all that it
# could keep.  Here it gets six, each nat costs something, and we count.
#
# **You will learn**
#
# - what a noisy latent neuron costs, in nats, and when it counts as used;
# - that a network that is asked about the future keeps one number of the past, and which;
# - what a network keeps that is asked for everything, or whose law is broken on purpose;
# - down to which size of violation the law can still be found, in theory and in practice.
#
# **Cost** Half a minute on one CPU core and one gigabyte of memory.  A GPU helps at the
# `study` size only.  All collisions are simulated.

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from parity_nb.discovery.methods.latents import (
    USED,
    bottleneck_recipe,
    correlation_of,
    encode,
    gaussian_bottleneck,
    information,
)
from parity_nb.discovery.networks import Coder, kl_nats, mlp
from parity_nb.plotting import CYCLE, use_style
from parity_nb.records import Records, provenance, published
from parity_nb.symmetry import equivariance_error, identity
from parity_nb.training import fit

# %% tags=["parameters"]
kept: float = 1.0  # correlation of the angular momentum after with that before; 1: conserved
controls: bool = True  # train the controls as well
collisions: int = 16000  # collisions to train on
tests: int = 4000  # collisions to test on
epochs: int = 16  # passes over the training collisions
latents: int = 6  # latent neurons that are offered
width: int = 100  # hidden neurons in each of two layers of encoder and decoder
beta: float = 0.1  # price of a nat, in nats of what is asked for; between 0 and 1
seed: int = 0  # random seed of collisions, weights and batches

# %% tags=["hide-input"]
use_style()
run = Records.of("discovery/conserved-quantities", globals(), run=("kept", "seed"))

# %%
trained_well = collisions * epochs >= 200_000  # enough to learn the wrapped angle
recipe = bottleneck_recipe(epochs, batch=256 if collisions < 50_000 else 512)

# %% [markdown]
# ## A world with one law
#
# A particle of 1 kg turns at the end of a massless rod of 1 m.  A free particle of 1 kg flies in and
# hits it, somewhere on a half circle.  What happens during the hit is nobody's business: the free
# particle may leave with any velocity, energy is not conserved, and the pivot takes up momentum.
# Only the angular momentum about the pivot is the same before and after,
#
# $$ L = m r^2 \omega + m r\, v_t , $$
#
# with the angular velocity $\omega$ of the rod and the tangential velocity $v_t$ of the free
# particle.  Both particles are seen at five times before, to a centimetre
# ({numref}`fig-conserved-collision`).  Scales and ranges are close to those of
# {cite}`iten2020scinet`, but there the hit was always at the same point, where $L$ is a sum of two
# numbers.  Here the direction matters, and $L$ is a sum of products.  The world in numbers:

# %% tags=["subject"]
RADIUS = 1.0
"""Length of the rod in metres."""

MASS = 1.0
"""Mass of either particle in kilograms."""

ERROR = 0.01
"""Standard deviation of an observed coordinate in metres."""

TURN = (1.0, 3.0)
"""Range of the rod's angular velocity in rad/s."""

SPEED = 2.0
"""Largest radial or tangential velocity of the free particle in m/s."""

ARC = torch.pi / 2
"""The collision happens between -ARC and ARC radians."""

OBSERVED = (-1.0, -0.75, -0.5, -0.25, 0.0)
"""Times at which both particles are observed, in seconds before the collision."""

ASKED = (0.0, 0.5, 1.0)
"""Times after the collision at which the question shows the free particle, in seconds."""

LATEST = 1.0
"""The question asks for the rod's particle at a time between 0 and so many seconds."""

FREEDOMS = 4
"""Numbers that tell what was observed: the place of the collision, the turn, two velocities."""

SPREAD = MASS * RADIUS * ((TURN[1] - TURN[0]) ** 2 / 12 + (2 * SPEED) ** 2 / 12) ** 0.5
"""Standard deviation of the total angular momentum over collisions, in kg m2/s."""

# %% [markdown]
# What a set of collisions holds:


# %% tags=["subject"]
@dataclass(frozen=True)
class Collisions:
    """A set of collisions.

    Attributes:
        observation: (N, 20) metres: the positions of the rod's particle at the times `OBSERVED`,
            x and y alternating, then those of the free one.
        question: (N, 7): the positions of the free particle at the times `ASKED` in metres, and
            the time asked for in seconds.
        answer: (N, 2) metres: where the rod's particle is at that time.
        place: (N,) angle of the collision in radians.
        turn: (N,) angular velocity before it in rad/s.
        velocity: (N, 2) radial and tangential velocity of the free particle before it, in m/s.
        before, after: (N,) total angular momentum about the pivot in kg m2/s.
    """

    observation: Tensor
    question: Tensor
    answer: Tensor
    place: Tensor
    turn: Tensor
    velocity: Tensor
    before: Tensor
    after: Tensor

    def __len__(self) -> int:
        return len(self.answer)


# %% [markdown]
# Both particles fly freely before, and the free one after.  What the free particle takes along the
# rod lacks; with a broken law a random part comes in.  Then both are observed.


# %% tags=["subject"]
def _observe(place, turn, velocity, kept, chance, exact) -> Collisions:
    n = len(place)
    before = angular_momentum(turn, velocity[:, 1])
    centre = angular_momentum(torch.tensor(sum(TURN) / 2), torch.tensor(0.0))
    noise = SPREAD * torch.randn(n, generator=chance)
    after = centre + kept * (before - centre) + (1 - kept**2) ** 0.5 * noise
    leaving = torch.stack([_uniform(n, -SPEED, SPEED, chance) for _ in range(2)], dim=1)
    turn_after = after / (MASS * RADIUS**2) - leaving[:, 1] / RADIUS
    asked = _uniform(n, 0, LATEST, chance)
    rod = _on_circle(place[:, None] + turn[:, None] * torch.tensor(OBSERVED))
    free = _flight(place, velocity, OBSERVED)
    shown = _flight(place, leaving, ASKED)
    answer = _on_circle(place + turn_after * asked)
    error = 0.0 if exact else ERROR
    observation, question, answer = (
        part + error * torch.randn(part.shape, generator=chance)
        for part in (torch.cat([rod.flatten(1), free.flatten(1)], 1), shown.flatten(1), answer)
    )
    question = torch.cat([question, asked[:, None]], dim=1)
    return Collisions(observation, question, answer, place, turn, velocity, before, after)


def _uniform(n: int, low: float, high: float, chance: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=chance)


def _on_circle(angle: Tensor) -> Tensor:
    """Angles (...) -> positions (..., 2) in metres."""
    return RADIUS * torch.stack([angle.cos(), angle.sin()], dim=-1)


def _flight(place: Tensor, velocity: Tensor, times: tuple[float, ...]) -> Tensor:
    """Straight flight through the place of the collision at time 0, (N, times, 2) in metres."""
    outwards = torch.stack([place.cos(), place.sin()], dim=-1)
    along = torch.stack([-place.sin(), place.cos()], dim=-1)
    v = velocity[:, :1] * outwards + velocity[:, 1:] * along
    return RADIUS * outwards[:, None] + v[:, None] * torch.tensor(times)[None, :, None]


# %% [markdown]
# Place, turn and velocities are drawn evenly from their ranges.


# %% tags=["subject"]
def angular_momentum(turn: Tensor, tangential: Tensor) -> Tensor:
    """Total about the pivot in kg m2/s: m r^2 omega + m r v_t, (N,) and (N,) -> (N,)."""
    return MASS * RADIUS * (RADIUS * turn + tangential)


def collide(n: int, kept: float = 1.0, seed: int = 0, exact: bool = False) -> Collisions:
    """Simulate n collisions.

    The free particle leaves with any velocity (the collision may be elastic or not, and the
    bodies need not be round); the rod takes what is left of the angular momentum.

    Args:
        n: how many.
        kept: correlation of the total angular momentum after the collision with that before it.
            1: it is conserved.  Less: an external torque adds a random part, and the whole is
            scaled so that its distribution over collisions has the same mean and width.  0: the
            total after the collision has nothing to do with that before.
        seed: of all chance.
        exact: leave out the errors of observation.

    Raises:
        ValueError: for no collisions, or `kept` outside 0 to 1.
    """
    if n < 1 or not 0 <= kept <= 1:
        raise ValueError(f"n = {n} must be at least 1, and kept = {kept} between 0 and 1")
    chance = torch.Generator().manual_seed(seed)
    place = _uniform(n, -ARC, ARC, chance)
    turn = _uniform(n, *TURN, chance)
    velocity = torch.stack([_uniform(n, -SPEED, SPEED, chance) for _ in range(2)], dim=1)
    return _observe(place, turn, velocity, kept, chance, exact)


# %%
train = collide(collisions, kept, seed=2 * seed)
test = collide(tests, kept, seed=2 * seed + 1)
sizes = [part.shape[1] for part in (train.observation, train.question, train.answer)]
print("observation, question, answer:", sizes, "numbers")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One simulated collision. Before: the particle on the rod (circles) and the free particle (squares), both seen five times, arriving at the cross. After: where the free particle is seen (open squares). The question is where the particle on the rod will be (star).", "name": "fig-conserved-collision"}, "image": {"alt": "A circle of one metre with five dots along an arc ending at a cross; five squares on a straight line to the cross and three open squares leaving it; a star on the circle."}}
example = collide(1, seed=6, exact=True)
before = example.observation.reshape(2, 5, 2)
later = example.question[0, :6].reshape(3, 2)
fig, ax = plt.subplots(figsize=(5.2, 3.4))
ax.add_patch(plt.Circle((0, 0), 1, fill=False, color="#bbbbbb"))
ax.plot(*before[0].T, "o-", label="rod, before")
ax.plot(*before[1].T, "s-", label="free, before")
ax.plot(*later.T, "s--", color=CYCLE[1], markerfacecolor="white", label="free, after")
ax.plot(*example.answer.T, "*", color=CYCLE[0], markersize=13, label="rod, asked for")
ax.plot(*before[1, -1], "x", color="black")
ax.set(xlabel="x / m", ylabel="y / m", aspect="equal")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Before anything is learned: the generator keeps what it should keep and nothing else.  Energy before
# tells nothing about energy after, because the free particle leaves as it likes.

# %%
check = collide(50_000, 1.0, seed=2 * seed, exact=True)
broken = collide(50_000, 0.0, seed=2 * seed, exact=True)
left = (check.before - check.after).abs().max().item()
print(f"largest change of L with the law: {left:.1e} kg m²/s")

# %%
print(f"correlation without: {np.corrcoef(broken.before, broken.after)[0, 1]:+.3f}")
assert left < 1e-5 and abs(np.corrcoef(broken.before, broken.after)[0, 1]) < 0.02

# %% [markdown]
# The settings of the published network, from the authors' code, and ours:

# %% tags=["hide-input"]
theirs = published("iten2020scinet").set_index("name").value
ours = {"latent neurons": latents, "price of a nat": beta, "training collisions": collisions}
pd.DataFrame({"published": theirs[list(ours)], "ours": ours})

# %% [markdown]
# With one neuron and a price of zero, "it stores the angular momentum in one neuron" says what was
# stored, and not that one neuron was enough because of a law.
#
# ## A neuron with a price
#
# An encoder gives each latent neuron a mean $\mu$ and a variance $\sigma^2$, and the decoder sees a
# sample of that Gaussian ({cite}`kingma2014vae`).  What the neuron tells is the divergence of the
# Gaussian from a standard one,
#
# $$ \tfrac12 \bigl(\mu^2 + \sigma^2 - 1 - \ln \sigma^2\bigr) $$
#
# nats.  A neuron that is always $\mu=0$, $\sigma=1$ tells nothing and costs nothing.  The formula
# against an independent one:

# %%
mean, sigma = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 0.5, 0.1])
formula = kl_nats(mean, 2 * sigma.log())
print("nats:", [round(v, 3) for v in formula.tolist()])
assert torch.allclose(formula, kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)))

# %% [markdown]
# A whole network is an encoder that sees the observation, and a decoder that sees the latent neurons
# *and a question*.  It does not see the observation.


# %%
def network(outputs, questions=0, neurons=latents, noisy=True):
    torch.manual_seed(seed)
    encoder = mlp(20, width, width, 2 * neurons)
    decoder = mlp(neurons + questions, width, width, outputs)
    return Coder(encoder, decoder, neurons, noisy)


# %% [markdown]
# The loss is the negative log likelihood of the answer, about a Gaussian whose width is learned too,
# plus $\beta$ for each nat in the latent neurons.  Is $\beta=1$ not the natural price, as in a
# variational autoencoder?  There the answer *is* the observation.  Here a nat about the past can never
# give more than one nat about the future, so at a price of one the best network keeps nothing at all.
# Below one this is the information bottleneck {cite}`tishby1999bottleneck,alemi2017bottleneck`.


# %% tags=["subject"]
def gaussian_loss(output, target, log_sigma):
    """Negative log likelihood of targets (N, D) about outputs, nats an item, up to a constant."""
    squares = (target - output).square().sum(-1).mean()
    return 0.5 * squares * (-2 * log_sigma).exp() + target.shape[-1] * log_sigma


def bottleneck_step(beta):
    """The step for `fit` on observations, answers and, if any, questions; beta prices a nat."""
    if beta < 0:
        raise ValueError(f"beta = {beta} is a price and cannot be negative")

    def make(model):
        def step(observation, answer, question=None):
            coded = model(observation, question)
            nats = coded.kl.sum(-1).mean()
            return gaussian_loss(coded.output, answer, model.log_sigma) + beta * nats

        return step

    return make


# %% [markdown]
# Observations, answers and questions in, in batches, for some passes over all collisions:

# %% tags=["nbval-ignore-output"]
asked = network(outputs=2, questions=7)
seen = train.observation, train.answer, train.question
history = fit(asked, seen, recipe, seed, bottleneck_step(beta))
print(f"{history.seconds:.0f} s on {history.device}; {recipe}")

# %% [markdown]
# ## One number
#
# On collisions that it has not seen, how well does it predict, and how many neurons does it use?


# %%
def error_of(model, x, question, target):
    """Root-mean-square error of a coordinate, over that of a guess by the mean."""
    with torch.no_grad():
        output = model.eval()(x, question).output
    return ((output - target).square().mean() / target.var(0).mean()).sqrt().item()


# %%
neurons = {"question": encode(asked, test.observation)}
miss = error_of(asked, test.observation, test.question, test.answer)
run.record("error of the answer", miss, miss / (2 * tests) ** 0.5, tests)
run.record("used, question", neurons["question"].used, n=tests)

# %% [markdown]
# (The error is relative to the spread of the answers.)  What do the neurons know?  For each the
# mutual information with angular momentum and with other things that a physicist would write down.
# Energy is next of kin to angular momentum here, since both grow with $\omega$, so none of these need
# be zero.

# %%
quantities = {
    "angular momentum": test.before,
    "angular velocity": test.turn,
    "tangential velocity": test.velocity[:, 1],
    "radial velocity": test.velocity[:, 0],
    "place": test.place,
    "energy": MASS * (test.turn**2 + test.velocity.square().sum(1)) / 2,
}

# %%
bins = max(2, min(20, int((tests / 10) ** 0.5)))


# %%
def about(code, k):
    """Information of neuron k about each quantity, in nats, as coefficients from 0 to 1."""
    nats = {name: information(code.mean[:, k], q, bins)[0] for name, q in quantities.items()}
    return pd.Series(correlation_of(list(nats.values())), index=list(nats))


# %%
first = neurons["question"].order[0]
knows = about(neurons["question"], first)
knows.round(3).to_frame("most relevant neuron")

# %% [markdown]
# ## A symmetry of the representation
#
# If the neuron stores $L$ and nothing else, it must not notice when everything changes except $L$.
# That is an invariance, and the measure is the one of the whole book
# ({ref}`mirrors/parity-odd-functions`): take each collision to another one with the same angular
# momentum, at another place, with other velocities, and compare.  Pairing at random is the scale:
# independent values of the same spread differ by $\sqrt2$ of it.


# %% tags=["subject"]
def same_momentum(collisions: Collisions, seed: int = 0) -> Collisions:
    """Other collisions with the same angular momentum before, everything else drawn anew.

    The turn is drawn from the values that leave the tangential velocity within its range.
    """
    chance = torch.Generator().manual_seed(seed)
    n = len(collisions)
    share = collisions.before / (MASS * RADIUS)
    low = (share - SPEED).clamp(*TURN) / RADIUS
    high = (share + SPEED).clamp(*TURN) / RADIUS
    turn = low + (high - low) * _uniform(n, 0, 1, chance)
    radial = _uniform(n, -SPEED, SPEED, chance)
    velocity = torch.stack([radial, share - RADIUS * turn], dim=1)
    return _observe(_uniform(n, -ARC, ARC, chance), turn, velocity, 1.0, chance, False)


# %%
def change(model, k, others):
    """Change of latent neuron k from collision to collision, over its spread."""
    value = lambda x: model.encoder(x)[:, k]  # noqa: E731
    swap = lambda x: others  # noqa: E731
    return equivariance_error(value, test.observation, swap, identity).relative


# %%
same = change(asked, first, same_momentum(test, seed + 9).observation)
anything = change(asked, first, collide(tests, seed=2 * seed + 11).observation)
run.record("change at equal angular momentum", same, same / (2 * tests) ** 0.5, tests)
run.record("change at random", anything, anything / (2 * tests) ** 0.5, tests)

# %% [markdown]
# ## Three controls
#
# *The law broken*: an external torque makes the angular momentum after the collision independent of
# that before, and everything else is as it was.  *The autoencoder*: same encoder, same price, but the
# question is "tell me everything", the answer is the observation.  It must store every degree of
# freedom, four of them.  *One neuron*: a plain autoencoder, without noise, that has one latent
# neuron.  Does anything with one neuron keep angular momentum?

# %% tags=["nbval-ignore-output"]
if controls:
    lawless = collide(collisions, 0.0, seed=2 * seed)
    models = {"broken law": network(2, 7), "autoencoder": network(20)}
    models["one plain neuron"] = network(20, neurons=1, noisy=False)
    seen = lawless.observation, lawless.answer, lawless.question
    fit(models["broken law"], seen, recipe, seed, bottleneck_step(beta))

# %% tags=["nbval-ignore-output"]
if controls:
    everything = train.observation, train.observation
    for name in ("autoencoder", "one plain neuron"):
        fit(models[name], everything, recipe, seed, bottleneck_step(beta))

# %%
if controls:
    neurons |= {name: encode(model, test.observation) for name, model in models.items()}
    for name in ("broken law", "autoencoder"):
        run.record(f"used, {name}", neurons[name].used, n=tests)

# %% tags=["hide-input"]
relevance = pd.DataFrame(
    {
        name: code.relevance[code.order].numpy()
        for name, code in neurons.items()
        if name[:3] != "one"
    }
)
relevance.index = pd.RangeIndex(1, latents + 1, name="neuron")
relevance.round(3)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Nats in each latent neuron, the most relevant first, for the network that is asked about the future, for the same with the law broken, and for the autoencoder. The dashed line is the threshold of a used neuron.", "name": "fig-conserved-nats"}, "image": {"alt": "Bars for six neurons. Asked about the future: one high bar. Law broken: none. Autoencoder: four or five high bars."}}
fig, ax = plt.subplots(figsize=(6.4, 3))
relevance.plot.bar(ax=ax, rot=0, width=0.75)
ax.axhline(USED, color="black", linestyle="--", linewidth=1)
ax.set(xlabel="latent neuron, by relevance", ylabel="KL divergence / nat")
plt.show()

# %% [markdown]
# {numref}`fig-conserved-nats` is the answer of this page.  Asked about the future, the network keeps
# one number, although it was offered six.  With the law broken there is nothing worth keeping.  The
# autoencoder keeps everything: four neurons at least, and more where a curved set, such as the half
# circle of places, is cheaper to describe in more coordinates than it has.  What do their best neurons
# know of the angular momentum ({numref}`fig-conserved-scatter`)?

# %%
columns = {"question": knows}
for name in ("autoencoder", "one plain neuron") if controls else ():
    code = neurons[name]
    best = max(range(code.mean.shape[1]), key=lambda k: about(code, k)["angular momentum"])
    columns[name] = about(code, best)

# %% tags=["hide-input"]
pd.DataFrame(columns).round(3)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The most relevant neuron of the network that is asked about the future, and the neuron of the plain autoencoder that has only one, against the angular momentum before the collision. Colour is the angular velocity of the rod.", "name": "fig-conserved-scatter"}, "image": {"alt": "Two scatter plots: on the left points on a narrow line, on the right a cloud."}}
shown = [n for n in ("question", "one plain neuron") if n in neurons]
fig, axes = plt.subplots(1, len(shown), figsize=(3.5 * len(shown), 3), squeeze=False)
for ax, name in zip(axes[0], shown, strict=True):
    z = neurons[name].mean[:1500, neurons[name].order[0]]
    dots = ax.scatter(test.before[:1500], z, 3, test.turn[:1500], cmap="viridis")
    ax.set(xlabel=r"$L$ / kg m$^2$ s$^{-1}$", ylabel=f"neuron, {name}")
fig.colorbar(dots, label=r"$\omega$ / s$^{-1}$")
plt.show()

# %% [markdown]
# ## How much of a law is enough?
#
# Laws may be broken a little.  Let the angular momentum after the collision be correlated with that
# before by a coefficient $\rho$ (the parameter `kept`), and equally spread.  If all were Gaussian, the
# best encoder would keep
#
# $$ \tfrac12 \ln\Bigl[\bigl(\tfrac1\beta - 1\bigr)\frac{\rho^2}{1-\rho^2}\Bigr] $$
#
# nats, and none at all for $\rho^2 \le \beta$ {cite}`chechik2005gaussian`: a law that is broken by
# more is not worth a neuron at that price.  {ref}`discovery/latent-concepts` draws the networks of
# the `study` beside this curve.

# %%
nats = neurons["question"].relevance.sum().item()
error = neurons["question"].kl.sum(1).std().item() / tests**0.5
run.record("nats kept", nats, error, tests, "nat")

# %%
for rho in (0.2, 0.4, 0.6, 0.8, 0.9):
    print(f"rho = {rho}: {gaussian_bottleneck(rho, beta):.2f} nats expected")

# %% [markdown]
# ## What we found
#
# A network that is asked about the future keeps the number that the future depends on.  That this is
# the angular momentum is the law; that it is *one* number is the price of a nat.  It did not find a
# symmetry: nothing here tells it that physics is the same in all directions, and a rod with a motor
# that changed $L$ by a fixed rule would have made it keep whatever that rule conserves.

# %% tags=["hide-input"]
for name, code in neurons.items():
    if name != "one plain neuron":
        for rank, k in enumerate(code.order[:5].tolist(), 1):
            label = f"relevance of neuron {rank}, {name}"
            run.record(label, code.relevance[k].item(), code.error[k].item(), tests, "nat")

# %% tags=["hide-input"]
for name, column in columns.items():
    run.record(f"knows angular momentum, {name}", column["angular momentum"], n=tests)
run.record("knows energy, question", knows["energy"], n=tests)
saved = run.save()

# %%
if trained_well and kept == 1:
    assert neurons["question"].used == 1
    assert knows.idxmax() == "angular momentum" and knows["angular momentum"] > 0.9
    assert same < 0.3 * anything

# %%
if trained_well and controls:
    assert neurons["broken law"].used == 0
    assert neurons["autoencoder"].used >= FREEDOMS
    assert columns["one plain neuron"]["angular momentum"] < knows["angular momentum"]

# %% [markdown]
# ## References
#
# ```{bibliography}
# :filter: docname in docnames
# ```

# %% tags=["nbval-ignore-output", "hide-output"]
facts = provenance()
