"""Tests of `parity_nb.training`: recipes, the loop, several processes, and saved weights."""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from parity_nb import training
from parity_nb.images import ImageSet, normalise
from parity_nb.objectives import OBJECTIVES, mean_over_std, which_is_real
from parity_nb.symmetry import Symmetrised, mirror, mirror_where, parity, random_half
from parity_nb.training import Recipe, evaluate, fabric, fit, load_weights, save_weights

SGD = Recipe("test", "sgd", 1e-2, 16, 8, "mean over std", momentum=0.9)
ADAMW = Recipe("test", "adamw", 1e-2, 16, 8, "which is real", "one cycle", decay=1e-2)


@pytest.fixture(autouse=True)
def cpu(monkeypatch) -> None:
    """The same digits on machines with and without a GPU."""
    monkeypatch.setattr(training, "fabric", lambda: Fabric(accelerator="cpu", devices=1))


def bright_left(n: int, seed: int = 0) -> ImageSet:
    """Grey noise, 8 x 8, with a bright left edge: an asymmetry that nobody misses."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)
    images[..., :2] += 100
    return ImageSet(images)


def small_net(seed: int = 0, dropout: float = 0.0) -> Symmetrised:
    """A parity-odd network with everything that has a training mode."""
    torch.manual_seed(seed)
    g = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(36, 1),
    )  # fmt: skip
    return Symmetrised(g, parity())


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# --- recipes


def test_the_published_recipe_is_the_published_one():
    recipe = Recipe.published()
    assert recipe.optimiser == "sgd"
    assert (recipe.rate, recipe.momentum, recipe.decay) == (1e-3, 0.9, 0.0)
    assert (recipe.batch, recipe.epochs) == (64, 15)
    assert recipe.schedule == "constant"
    assert OBJECTIVES[recipe.objective] is mean_over_std


def test_the_published_optimiser_keeps_its_rate():
    model = nn.Linear(2, 1)
    optimiser = training._optimiser(model, Recipe.published())
    schedule = training._schedule(optimiser, Recipe.published(), 100)
    assert isinstance(optimiser, torch.optim.SGD)
    for _ in range(100):
        group = optimiser.param_groups[0]
        assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-3, 0.9, 0)
        assert not group["nesterov"]
        optimiser.step()
        schedule.step()


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing():
    optimiser = training._optimiser(nn.Linear(2, 1), ADAMW)
    schedule = training._schedule(optimiser, ADAMW, 100)
    rates = []
    for _ in range(100):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert max(rates) == pytest.approx(ADAMW.rate, rel=1e-2)
    assert rates.index(max(rates)) == pytest.approx(20, abs=1)
    assert rates[0] < ADAMW.rate / 10
    assert rates[-1] < ADAMW.rate / 100


@pytest.mark.parametrize("name", training.RECIPES)
def test_recipes_are_called_what_they_are_listed_as(name):
    assert training.RECIPES[name]().name == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimiser": "adam"}, r"optimiser = 'adam' is none of \('sgd', 'adamw'\)"),
        ({"schedule": "cosine"}, r"schedule = 'cosine' is none of \('constant', 'one cycle'\)"),
        ({"objective": "hinge"}, r"objective = 'hinge' is none of \('mean over std', 'which"),
        ({"batch": 1}, "batch = 1 must be at least 2"),
        ({"epochs": 0}, "epochs = 0 at least 1"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change, message):
    fine = {"name": "x", "optimiser": "sgd", "rate": 1e-3, "batch": 2, "epochs": 1}
    with pytest.raises(ValueError, match=message):
        Recipe(**{**fine, "objective": "mean over std", **change})


def test_a_shortened_recipe_changes_its_epochs_only():
    assert Recipe.published().shortened(0) == Recipe.published()
    short = Recipe.published().shortened(2)
    assert short.epochs == 2
    assert short.shortened(15) == Recipe.published()


# --- fitting


@pytest.mark.parametrize("recipe", [SGD, ADAMW], ids=["loss A", "loss B"])
def test_an_obvious_asymmetry_is_learned(recipe):
    model = small_net()
    history = fit(model, bright_left(160), recipe, progress=False)
    held_out = bright_left(200, seed=1)
    assert (evaluate(model, held_out) > 0).float().mean() > 0.99
    # sign and symmetry: the mirrored population is rejected as surely
    assert (evaluate(model, mirror(held_out.images)) > 0).float().mean() < 0.01
    tenth = len(history.losses) // 10
    assert history.losses[-tenth:].mean() < history.losses[:tenth].mean() - 0.2
    assert history.device == "cpu"
    assert history.seconds > 0


def test_a_symmetric_population_leaves_one_half():
    coin = torch.Generator().manual_seed(0)
    sets = []
    for seed in (0, 1):
        images = bright_left(400, seed).images
        sets.append(ImageSet(mirror_where(images, random_half(400, coin))))
    model = small_net()
    fit(model, sets[0], ADAMW.shortened(4), progress=False)
    fraction = (evaluate(model, sets[1]) > 0).float().mean().item()
    assert fraction == pytest.approx(0.5, abs=4 * 0.5 / 400**0.5)  # four standard deviations


@pytest.mark.parametrize("recipe", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_training_is_decided_by_the_seed_to_the_last_bit(recipe):
    def trained(seed):
        model = small_net(dropout=0.3)
        torch.manual_seed(len(outcomes))  # what the caller drew before must not matter
        history = fit(model, bright_left(70), recipe.shortened(2), seed, progress=False)
        return weights(model), history.losses

    outcomes = []
    for seed in (5, 5, 6):
        outcomes.append(trained(seed))
    (first, losses), (again, same_losses), (other, _) = outcomes
    assert torch.equal(first, again)
    assert torch.equal(losses, same_losses)
    assert not torch.equal(first, other)


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    model = small_net(dropout=0.5)
    torch.manual_seed(1)
    fit(model, bright_left(20), SGD.shortened(1), progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_a_single_process_takes_the_device_of_the_machine(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    on = fabric()
    assert (on.global_rank, on.world_size) == (0, 1)
    best = torch.accelerator.current_accelerator(check_available=True)
    assert on.device.type == (best.type if best else "cpu")


def test_the_model_is_left_on_the_cpu_in_training_mode():
    model = small_net().eval()
    fit(model, bright_left(20), SGD.shortened(1), progress=False)
    assert all(m.training for m in model.modules())
    assert {p.device.type for p in model.parameters()} == {"cpu"}


@pytest.mark.parametrize(
    ("n", "batch", "sizes"),
    [
        (64, 64, [64]),
        (65, 64, [65]),  # a last image alone has no standard deviation
        (95, 64, [95]),
        (96, 64, [64, 32]),
        (129, 64, [64, 65]),
        (2, 64, [2]),
        (63, 64, [63]),
        (9, 2, [2, 2, 2, 3]),
    ],
)
def test_a_last_short_batch_joins_the_one_before(n, batch, sizes):
    assert training._batch_sizes(n, batch) == sizes


@pytest.mark.parametrize("n", [33, 40, 47, 48])
def test_every_item_is_used_once_an_epoch_in_a_new_order(n):
    items = torch.arange(float(n)).reshape(n, 1)
    seen = []

    def step(model):
        def loss(batch):
            seen.append(batch.flatten().tolist())
            return model(batch).square().mean()

        return loss

    history = fit(
        nn.Linear(1, 1), items, Recipe("x", "sgd", 1e-6, 16, 3, "which is real"), step=step,
        progress=False,
    )  # fmt: skip
    sizes = training._batch_sizes(n, 16)
    assert [len(batch) for batch in seen] == 3 * sizes
    flat = torch.tensor(list(chain.from_iterable(seen))).reshape(3, n)
    assert torch.equal(flat.sort(1).values, items.flatten().expand(3, n))
    assert not torch.equal(flat[0], flat[1])
    assert history.losses.shape == history.epoch.shape == (len(seen),)
    assert history.epoch[len(sizes) - 1 :: len(sizes)].tolist() == [1, 2, 3]


def test_the_default_step_scores_normalised_images():
    model, images = small_net(), bright_left(6).images
    step = training.symmetry_step(model, "which is real")
    torch.testing.assert_close(step(images), which_is_real(model(normalise(images))))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_items_cannot_be_trained_on(n):
    with pytest.raises(ValueError, match=rf"{n} training item\(s\): at least two"):
        fit(small_net(), bright_left(n), SGD, progress=False)


def test_constant_images_stop_the_training_at_the_first_step():
    grey = ImageSet(torch.full((64, 1, 8, 8), 90, dtype=torch.uint8))
    with pytest.raises(FloatingPointError, match=r"at step 1 of recipe 'test'.*constant images"):
        fit(small_net(), grey, SGD, progress=False)


@pytest.mark.parametrize("bad", [2, 50, 51, 73])
def test_a_loss_that_is_no_number_stops_the_training_soon(bad):
    calls = []

    def step(model):
        def loss(batch):
            calls.append(len(batch))
            value = model(normalise(batch)).square().mean()
            return value * float("nan") if len(calls) == bad else value

        return loss

    message = rf"not a finite number at step {bad} of recipe 'test'.*learning rate \(now 0\.01\)"
    with pytest.raises(FloatingPointError, match=message):
        fit(small_net(), bright_left(160), SGD.shortened(100), step=step, progress=False)
    assert len(calls) < bad + training.CHECK


def test_smoothed_history():
    losses = torch.arange(10.0)
    history = training.History(losses, losses / 5, 1.0, "cpu")
    epoch, loss = history.smoothed(4)
    assert loss.tolist() == [1.5, 5.5]
    torch.testing.assert_close(epoch, torch.tensor([0.3, 1.1]))
    assert history.smoothed(100)[1].tolist() == [4.5]


# --- evaluation


def test_evaluation_keeps_the_order_and_is_not_training():
    model, data = small_net(dropout=0.5), bright_left(50)
    with torch.no_grad():
        model.train()(normalise(data.images))  # moves the running statistics
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    f = evaluate(model, data, batch=7)
    assert f.shape == (50,)
    assert f.dtype == torch.float32
    with torch.no_grad():
        one_by_one = torch.cat([model.eval()(normalise(i[None])) for i in data.images])
    torch.testing.assert_close(f, one_by_one, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(b, buffers[name]) for name, b in model.named_buffers())
    reversed_f = evaluate(model, data.images.flip(0), batch=50)
    torch.testing.assert_close(reversed_f, f.flip(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", [True, False])
def test_evaluation_gives_the_mode_back(mode):
    model = small_net().train(mode)
    evaluate(model, bright_left(3))
    assert all(m.training == mode for m in model.modules())


# --- weights on disk


def test_weights_come_back(tmp_path):
    model, other = small_net(0), small_net(1)
    path = save_weights(model, tmp_path / "new/w.pt")
    assert load_weights(other, path) is other
    assert torch.equal(weights(other), weights(model))
    assert [p.name for p in path.parent.iterdir()] == ["w.pt"]


def test_an_interrupted_save_keeps_the_old_weights(tmp_path, monkeypatch):
    path = save_weights(small_net(0), tmp_path / "w.pt")

    def interrupted(state, file):
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(small_net(1), path)
    assert torch.equal(weights(load_weights(small_net(2), path)), weights(small_net(0)))
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


def test_missing_weights_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights at .*w\.pt: train the network first"):
        load_weights(small_net(), tmp_path / "w.pt")


def test_weights_of_another_network_are_named(tmp_path):
    path = save_weights(nn.Linear(3, 4), tmp_path / "linear.pt")
    with pytest.raises(ValueError, match=r"linear\.pt holds the weights of another .*Symmetrised"):
        load_weights(small_net(), path)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_damaged_weights_are_named(tmp_path, kept):
    path = save_weights(small_net(), tmp_path / "w.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r"cannot read weights from .*w\.pt; train again"):
        load_weights(small_net(), path)


class Harmful:
    def __reduce__(self):
        return os.abort, ()


def test_weights_are_data_and_never_run_code(tmp_path):
    torch.save({"weight": Harmful()}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"cannot read weights from .*w\.pt"):
        load_weights(nn.Linear(1, 1), tmp_path / "w.pt")


# --- several processes


def odd_net(seed: int) -> Symmetrised:
    """Without batch normalisation, whose statistics differ between shares."""
    torch.manual_seed(seed)
    g = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 1))
    return Symmetrised(g, parity())


def share_of_the_work(on: Fabric) -> dict:
    """What every process does: gradients of one batch, then a short training."""
    out = {"rank": on.global_rank, "world": on.world_size}
    for name, loss in OBJECTIVES.items():
        # the odd one out: shares of 7 and 6 images, and weights that differ between processes
        model = odd_net(seed=on.global_rank)
        prepared = on.setup(model)
        out[f"start {name}"] = weights(model)
        share = bright_left(13).images[on.global_rank :: on.world_size]
        value = loss(prepared(normalise(share)))
        on.backward(value)
        out[f"loss {name}"] = value.detach()
        out[f"gradient {name}"] = torch.cat([p.grad.flatten() for p in model.parameters()])
        model = odd_net(seed=on.global_rank)
        recipe = Recipe("two", "sgd", 1e-3, 16, 2, name, momentum=0.9)
        history = fit(model, bright_left(71), recipe, on=on, progress=False)
        out[f"losses {name}"], out[f"weights {name}"] = history.losses, weights(model)
        out[f"f {name}"] = evaluate(model, bright_left(9, seed=1), on=on)
    return out


@pytest.fixture(scope="module")
def alone() -> dict:
    """What one process gets."""
    return share_of_the_work(Fabric(accelerator="cpu", devices=1))


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> list[dict]:
    """What two processes get that torchrun starts, by rank."""
    folder = tmp_path_factory.mktemp("pair")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc_per_node=2", __file__, folder],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_processes_have_the_gradient_of_the_whole_batch(alone, pair, name):
    for rank, found in enumerate(pair):
        assert (found["rank"], found["world"]) == (rank, 2)
        assert torch.equal(found[f"start {name}"], weights(odd_net(seed=0)))
        torch.testing.assert_close(found[f"loss {name}"], alone[f"loss {name}"])
        torch.testing.assert_close(
            found[f"gradient {name}"], alone[f"gradient {name}"], rtol=1e-5, atol=1e-5
        )
    assert alone[f"gradient {name}"].abs().max() > 1e-2


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_processes_train_the_network_that_one_trains(alone, pair, name):
    for found in pair:
        for what in ("losses", "weights", "f"):
            torch.testing.assert_close(
                found[f"{what} {name}"], alone[f"{what} {name}"], rtol=1e-4, atol=1e-4
            )
        assert torch.equal(found[f"weights {name}"], pair[0][f"weights {name}"])


def test_a_batch_smaller_than_the_number_of_processes_is_refused():
    four = SimpleNamespace(world_size=4)
    with pytest.raises(ValueError, match=r"batch of 3 item\(s\) has no share for 4 processes"):
        fit(small_net(), bright_left(3), SGD, on=four, progress=False)


if __name__ == "__main__":
    found = share_of_the_work(fabric())
    torch.save(found, Path(sys.argv[1]) / f"{found['rank']}.pt")
