"""Proofs of the chapter mirrors/errata that need the code of another part, and the test that holds
the two together; each proof carries the number of its entry.
"""

from __future__ import annotations

import re

import h5py
import jupytext
import numpy as np
import pytest
import torch
from chapter_code import chapter_code

from parity_nb.calorimeters.files import read_images
from parity_nb.calorimeters.methods.hypotheses import counting_power, likelihood_power
from parity_nb.calorimeters.methods.resimulation import turn_images, turn_images_as_published
from parity_nb.calorimeters.networks.classifiers import (
    PlainNet,
    published_variants,
    symmetry_averaging,
)
from parity_nb.calorimeters.world.disc import UNIFORM, draw_events
from parity_nb.calorimeters.world.hard_process import CLASSES
from parity_nb.data import project_root
from parity_nb.neutrinos.networks import PrintedMobileNet, weights
from parity_nb.records import published
from parity_nb.symmetry import (
    Element,
    Group,
    equivariance_error,
    half_turn,
    mirror,
    roll,
)

bought = chapter_code("calorimeters/what-symmetry-buys")
write_images = chapter_code("calorimeters/detector").write_images


def test_28_the_averaging_layer_does_not_make_the_network_symmetric():
    torch.manual_seed(0)
    model = PlainNet(width=0.1, averaging=True, dropout=0.0)
    generator = torch.Generator().manual_seed(0)
    x = (-torch.rand(32, 3, 48, 48, generator=generator).log() - 3).clamp(min=0)  # few are hit
    with torch.no_grad():
        for _ in range(20):
            model.train()(x)
    model.eval()

    def f(x):
        return model(x)[:, 0] - model(x)[:, 1]

    for act in (mirror, half_turn, lambda x: roll(x, 1), lambda x: roll(x, 24)):
        assert equivariance_error(f, x, act, lambda f: f).relative > 0.1
    y = torch.rand(4, 8, 24, 24, generator=torch.Generator().manual_seed(1)).double()
    assert equivariance_error(symmetry_averaging, y, mirror, lambda f: f).relative < 1e-12


def test_29_four_transformations_that_are_no_group():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    variants = published_variants(x)
    assert not any(torch.equal(mirror(half_turn(x)), v) for v in variants)
    names, acts = (
        ("e", "roll", "flip", "turn"),
        (lambda x: x, lambda x: roll(x, 4), mirror, half_turn),
    )
    with pytest.raises(ValueError, match="not a group"):
        Group([Element(n, a, 1) for n, a in zip(names, acts, strict=True)], x)

    weights = torch.rand(64, 1, generator=torch.Generator().manual_seed(0))

    def average(x):  # of outputs, at the very end
        return torch.stack([v.flatten(1) @ weights for v in published_variants(x)]).mean(0)

    images = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for act in acts[1:]:
        assert equivariance_error(average, images, act, lambda f: f).relative > 0.1


def test_30_augmentations_are_trained_under_each_others_names():
    stored = bought.SLOTS * 5  # the copies of five events

    def trained(name):
        chosen = bought.published_selection(name, len(stored))
        return {stored[i] for i in chosen}, len(chosen)

    assert trained("None") == ({"original"}, 5)
    assert trained("Flip Horizontal") == ({"original", "phi roll"}, 10)
    assert trained("Random Shift Y") == ({"original", "half turn"}, 10)
    assert trained("Rotate 180") == ({"original"}, 9)  # the first is missed the second time
    assert trained("Combined") == (set(bought.SLOTS), 20)


def test_33_the_augmentations_differ_in_steps():
    stored = 4 * 22_500
    images = {
        name: len(bought.published_selection(name, stored)) for name in ("Combined", *bought.NAMES)
    }
    assert images["Combined"] == 4 * images["None"]
    assert all(
        images[name] == pytest.approx(2 * images["None"], abs=1) for name in bought.NAMES[1:]
    )


def test_34_more_of_the_label_never_excludes():
    value = published("grefsrud2023").set_index("name").value
    table = np.array([[value[f"{a} as {b}"] for b in CLASSES] for a in CLASSES])
    six, four = CLASSES.index("BH_n6_M10"), CLASSES.index("BH_n4_M10")
    assert table[four].argmax() == table[six].argmax() == six
    assert all(counting_power(table, six, four, n) <= 0.05 for n in (10, 100, 1000, 5000))
    assert likelihood_power(table, six, four, 150) > 0.5


def test_35_the_stated_weights_need_the_factor_twice():
    stated = published("shokar2020").set_index("name").value["weights"]
    assert weights(PrintedMobileNet(alpha_twice=True)) == stated
    assert weights(PrintedMobileNet(alpha_twice=False)) == 499_872


def test_44_a_half_turn_moves_the_image_by_a_cell():
    # cv2.getRotationMatrix2D((16, 16), 180, 1) takes (i, j) to (32 - i, 32 - j)
    image = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    turned = turn_images_as_published(image, 180)
    right = half_turn(image)
    assert torch.allclose(turn_images(image, 180), right)
    assert torch.allclose(turned[:, 1:, 1:], right[:, :-1, :-1])
    assert turned[:, 0].abs().max() < 1e-9 and turned[..., 0].abs().max() < 1e-9


def test_45_lists_of_turned_images_lose_one_side_of_the_disc():
    chance = torch.Generator().manual_seed(0)
    images = UNIFORM.respond(draw_events(200, chance)[0], chance)
    assert ((images > 0).sum((1, 2)) <= UNIFORM.capacity).all()
    turned = turn_images_as_published(images, 45)
    kept = UNIFORM.cells(turned, keep="first")
    assert ((turned > 0).sum((1, 2)) > UNIFORM.capacity).all()
    assert kept[..., 0].amax(1).mean() < 0.5
    lost = 1 - kept[..., 2].sum(1) / turned.sum((1, 2))
    assert 0.15 < lost.mean() < 0.45


def test_46_our_reader_sorts_by_number(tmp_path):
    pictures = torch.zeros(12, 3, 50, 50)
    pictures[:, 0, 0, 0] = torch.arange(12.0)  # each picture carries its number
    path = write_images(tmp_path / "events.h5", pictures, "BH_n4_M10")
    with h5py.File(path) as file:
        as_listed = np.array([file[key]["data"] for key in list(file)])
    assert as_listed[:4, 0, 0, 0].tolist() == [0, 1, 10, 11]
    assert read_images(path).images[:, 0, 0, 0].tolist() == list(range(12))


# --- the page


def entries() -> dict[int, str]:
    """The text of each entry of the chapter: its prose and its code."""
    notebook = jupytext.read(project_root() / "notebooks/mirrors/errata.py")
    text = "\n\n".join(cell.source for cell in notebook.cells)
    parts = re.split(r"^##+ ", text, flags=re.MULTILINE)
    numbered = (re.match(r"(\d+)\. ", part) for part in parts)
    return {int(m.group(1)): m.string for m in numbered if m}


def test_entries_are_numbered_once_and_without_gaps():
    numbers = re.findall(
        r"^# ### (\d+)\. ",
        (project_root() / "notebooks/mirrors/errata.py").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert sorted(map(int, numbers)) == list(range(1, len(numbers) + 1))


def test_every_entry_has_its_proof_on_the_page_or_here():
    for number, text in entries().items():
        proofs = re.findall(r"\bshown\(\s*(\d+),", text)
        assert set(proofs) <= {str(number)}, f"entry {number} holds the proof of another"
        assert proofs or re.search(rf"`test_{number}_\w+`", text), f"entry {number}"


def test_every_proof_here_is_named_in_its_entry():
    here = {name for name in globals() if re.match(r"test_\d+_", name)}
    named = {n: set(re.findall(r"`(test_\w+)`", text)) for n, text in entries().items()}
    assert set().union(*named.values()) == here
    for number, names in named.items():
        assert all(name.startswith(f"test_{number}_") for name in names), f"entry {number}"
