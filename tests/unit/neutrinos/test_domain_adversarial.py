"""Gradient reversal by finite differences, and the methods of domain adaptation."""

import math

import pytest
import torch
from chapter_code import chapter_code
from torch.nn import functional

from parity_nb.neutrinos.data import Events
from parity_nb.neutrinos.methods import logits_of, train_classifier
from parity_nb.neutrinos.networks import QuickNet
from parity_nb.training import Recipe

code = chapter_code("neutrinos/domain-adversarial")
RECIPE = Recipe("test", "adamw", 4e-3, 8, 2, "cross entropy", "one cycle")


def slope(function, x, i, step=1e-6):
    """Central difference of a scalar function of a vector."""
    up, down = x.clone(), x.clone()
    up[i] += step
    down[i] -= step
    return (function(up) - function(down)).item() / (2 * step)


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 1.0, 2.5])
def test_reversal_by_finite_differences(strength):
    torch.manual_seed(0)
    reversal = code.GradientReversal(strength)
    weights = torch.randn(5, dtype=torch.float64)

    def loss(x):
        return (weights * reversal(x).sin()).sum()

    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    loss(x).backward()
    for i in range(5):
        plain = slope(loss, x.detach(), i)  # forward it is the identity
        assert x.grad[i].item() == pytest.approx(-strength * plain, abs=1e-6)


def test_strength_can_be_changed_and_is_checked():
    reversal = code.GradientReversal(0.1)
    reversal.set(0.7)
    x = torch.ones(3, requires_grad=True)
    reversal(x).sum().backward()
    assert x.grad.tolist() == pytest.approx([-0.7] * 3)
    for wrong in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match="strength of a gradient reversal"):
            reversal.set(wrong)


def test_ramp():
    assert code.ramp(0) == 0
    assert code.ramp(1) == pytest.approx(1, abs=1e-4)
    assert code.ramp(0.25) == pytest.approx(2 / (1 + math.exp(-2.5)) - 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        code.ramp(1.1)


def test_both_heads_see_the_same_features(domains):
    model = code.DomainNet(QuickNet()).eval()
    maps = domains[0].maps[:4]
    with torch.no_grad():
        classes, domain, features = model(maps)
        assert torch.equal(features, model.net.features(maps))
        assert torch.equal(classes, model.net.classify(features))
        assert torch.equal(domain, model.head(features).squeeze(1))


def test_the_reversal_turns_the_gradient_of_the_features_and_not_of_the_head(domains):
    maps, is_target = domains[0].maps[:8], torch.arange(8) >= 4
    torch.manual_seed(0)
    model = code.DomainNet(QuickNet()).eval()
    gradients = {}
    for strength in (0.0, 0.3, 1.0):
        model.reversal.set(strength)
        model.zero_grad()
        code.domain_loss(model(maps)[1], is_target).backward()
        gradients[strength] = (
            next(model.net.trunk.parameters()).grad.clone(),
            model.head[1].weight.grad.clone(),
        )
    head = [h for _, h in gradients.values()]
    assert torch.equal(head[0], head[1]) and torch.equal(head[0], head[2])
    assert gradients[0.0][0].abs().max() == 0
    assert torch.allclose(gradients[0.3][0], 0.3 * gradients[1.0][0], atol=1e-7)
    # and without the reversal it is the opposite
    model.zero_grad()
    code.domain_loss(model.head(model.net.features(maps)).squeeze(1), is_target).backward()
    plain = next(model.net.trunk.parameters()).grad
    assert torch.allclose(gradients[1.0][0], -plain, atol=1e-7)


def test_target_labels_are_not_looked_at(domains):
    """Other target labels, the same weights: for every method but the two that say so."""
    source, target = domains
    other = Events(target.maps, (target.labels + 1) % 3, target.domain, target.weights)
    differ = {}
    for method in code.METHODS:
        one, two = (
            code.adapt(method, QuickNet, source, t, RECIPE, 0.5)[1].state_dict()
            for t in (target, other)
        )
        differ[method] = not all(torch.equal(one[k], two[k]) for k in one)
    named = {"target supervised", "both supervised", "as printed"}
    assert {method for method, yes in differ.items() if yes} == named


def test_printed_strength_is_ignored_and_ours_is_not(domains):
    def weights(method, strength):
        net, _ = code.adapt(method, QuickNet, *domains, RECIPE, strength)
        return torch.cat([p.flatten() for p in net.parameters()])

    assert torch.equal(weights("as printed", 0.1), weights("as printed", 0.9))
    assert not torch.equal(weights("adversarial", 0.1), weights("adversarial", 0.9))


def test_strength_zero_differs_from_source_only_by_batch_statistics_alone(domains):
    """The gradient of every weight of the classifier is that of the class loss."""
    source, target = domains
    torch.manual_seed(0)
    model = code.DomainNet(QuickNet()).eval()
    maps = torch.cat([source.maps[:4], target.maps[:4]])
    classes, domain, _ = model(maps)
    loss = functional.cross_entropy(classes[:4], source.labels[:4])
    (loss + code.domain_loss(domain, torch.arange(8) >= 4)).backward()
    both = [p.grad.clone() for p in model.net.parameters()]
    model.zero_grad()
    functional.cross_entropy(model.net(source.maps[:4]), source.labels[:4]).backward()
    for p, g in zip(model.net.parameters(), both, strict=True):
        assert torch.allclose(p.grad, g, atol=1e-6)


def test_adda_moves_the_target_trunk_only(domains):
    source, target = domains
    torch.manual_seed(0)
    first = QuickNet()
    train_classifier(first, source, RECIPE)
    moved = QuickNet()
    moved.load_state_dict(first.state_dict())
    before = {k: v.clone() for k, v in first.state_dict().items()}
    code.train_adda(moved, first, source, target, RECIPE)
    assert all(torch.equal(before[k], v) for k, v in first.state_dict().items())
    changed = {
        k.split(".")[0] for k, v in moved.named_parameters() if not torch.equal(before[k], v)
    }
    assert changed == {"trunk"}


def test_unknown_method_is_refused(domains):
    with pytest.raises(ValueError, match="source only"):
        code.adapt("magic", QuickNet, *domains, RECIPE, 1.0)


def test_ramp_reaches_full_strength(domains, monkeypatch):
    seen = []
    monkeypatch.setattr(code.GradientReversal, "set", lambda self, s: seen.append(s))
    code.train_adversarial(QuickNet(), *domains, RECIPE, strength=0.4)
    assert seen[0] == 0.0  # of the constructor
    assert seen[1] == 0.0
    assert seen[1:] == sorted(seen[1:])
    steps = RECIPE.epochs * len(domains[0]) // RECIPE.batch
    assert len(seen) == steps + 1
    assert seen[-1] == pytest.approx(0.4 * code.ramp((steps - 1) / steps))


def test_probe_finds_a_domain_and_not_a_coin():
    generator = torch.Generator().manual_seed(0)
    same = [torch.randn(400, 8, generator=generator) for _ in range(4)]
    apart = [x + 2 * (i % 2) for i, x in enumerate(same)]
    truth = torch.arange(800) >= 400
    coin = ((code.probe(same[:2], same[2:], epochs=3) > 0) == truth).float().mean()
    found = ((code.probe(apart[:2], apart[2:], epochs=3) > 0) == truth).float().mean()
    assert abs(coin - 0.5) < 4 * 0.5 / 800**0.5
    assert found > 0.9


def test_coral_is_zero_for_equal_covariances_and_blind_to_means():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    assert code.coral(x, x + 3).item() == pytest.approx(0, abs=1e-10)
    assert code.coral(x, 2 * x).item() > 0.01
    by_hand = ((x.T.cov() - (2 * x).T.cov()) ** 2).sum() / (4 * 16)
    assert code.coral(x, 2 * x).item() == pytest.approx(by_hand.item())
    with pytest.raises(ValueError, match="at least two"):
        code.coral(x[:1], x)


def test_mmd_is_unbiased_about_zero_and_sees_a_shift():
    generator = torch.Generator().manual_seed(0)
    null = [
        code.mmd(
            torch.randn(40, 3, generator=generator), torch.randn(40, 3, generator=generator)
        ).item()
        for _ in range(200)
    ]
    mean, spread = torch.tensor(null).mean().item(), torch.tensor(null).std().item()
    assert abs(mean) < 4 * spread / 200**0.5
    assert min(null) < 0
    x = torch.randn(40, 3, generator=generator)
    assert code.mmd(x, torch.randn(40, 3, generator=generator) + 1).item() > 10 * spread
    with pytest.raises(ValueError, match="at least two"):
        code.mmd(x, x[:1])


def test_blur_keeps_energy_and_the_others():
    maps = torch.zeros(2, 2, 100, 80, dtype=torch.uint8)
    maps[:, :, 50, 40] = 200
    chosen = torch.tensor([True, False])
    out = code.blurred(maps, 1.0, chosen)
    assert out[0].sum().item() == pytest.approx(400, rel=1e-5)
    assert out[0, 0, 50, 40].item() == pytest.approx(200 * 0.3989**2, rel=0.01)
    assert torch.equal(out[1], maps[1].float())
    assert torch.equal(out[0], out[0].flip(0))


def test_drawer_gives_each_item_once_a_pass():
    draw = code.drawer(10, seed=0)
    drawn = torch.cat([draw(4) for _ in range(5)])
    assert drawn[:10].sort().values.tolist() == list(range(10))
    assert drawn[10:].sort().values.tolist() == list(range(10))
    with pytest.raises(ValueError, match="no items"):
        code.drawer(0, seed=0)


def test_the_printed_training_shows_the_head_half_of_the_batch_twice(domains, monkeypatch):
    seen = []
    plain = code.domain_loss
    monkeypatch.setattr(
        code, "domain_loss", lambda logits, d: (seen.append((logits, d)), plain(logits, d))[1]
    )
    original = code.domain_head

    def certain(width, nodes=128, dropout=0.5):
        return original(width, nodes, 0.0)  # without dropout equal features have equal logits

    monkeypatch.setattr(code, "domain_head", certain)
    code.adapt("as printed", QuickNet, *domains, RECIPE, 0.1)
    for logits, _ in seen:
        half = len(logits) // 2
        assert torch.equal(logits[:half], logits[half:])
    assert any(not torch.equal(d[: len(d) // 2], d[len(d) // 2 :]) for _, d in seen)


def test_features_of_all_events(domains):
    net = QuickNet()
    features = code.features_of(net, domains[0])
    assert features.shape == (48, net.width)
    net.eval()
    with torch.no_grad():
        assert torch.allclose(net.classify(features), logits_of(net, domains[0]), atol=1e-5)
