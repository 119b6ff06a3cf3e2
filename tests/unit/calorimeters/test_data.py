"""Training and test samples: streams of simulated events, and the source's files."""

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.calorimeters import data as samples

write_images = chapter_code("calorimeters/detector").write_images


def test_energies_are_kept_to_one_part_in_two_thousand():
    x = 10 ** (6 * torch.rand(20, 3, 5, 5, generator=torch.Generator().manual_seed(0)) - 1.5)
    kept = samples.compact(x).float()
    assert (kept / x - 1).abs().max() < 1 / 2000
    assert samples.compact(torch.full((1, 3, 2, 2), 1e6)).max() == samples.LARGEST // 32 * 32


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_bad_energies_are_refused_and_the_image_named(bad):
    x = torch.ones(4, 3, 5, 5)
    x[2, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="image 2 holds an energy that is negative or not"):
        samples.compact(x)


def test_streams_give_every_seed_its_own_events_and_one_test_set(data, monkeypatch):
    monkeypatch.setattr(samples, "PIECE", 8)
    monkeypatch.setattr(samples, "MADE_FROM", ("test",))
    first, test = samples.simulated("two", 12, 4, seed=0)
    second, again = samples.simulated("two", 12, 4, seed=1)
    assert first.images.shape == (24, 3, 50, 50) and first.images.dtype == torch.float16
    assert first.labels.tolist() == [0] * 12 + [1] * 12
    assert torch.equal(test.images, again.images)
    both = torch.cat([first.images, second.images, test.images]).flatten(1).float()
    assert len(both.unique(dim=0)) == len(both), "an event stands in two samples"
    nested, _ = samples.simulated("two", 6, 4, seed=1, offset=12)
    assert torch.equal(nested.images[:6], second.images[:6])


@pytest.mark.parametrize(
    "wrong", [{"events": 0}, {"tests": 0}, {"offset": 3}, {"seed": -1}], ids=lambda w: next(iter(w))
)
def test_bad_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="events a class"):
        samples.simulated("two", **{"events": 4, "tests": 4, **wrong})


NAMES = {
    "SPH_9": "PP13-Sphaleron-THR9-FRZ15-NB0-NSUBPALL_res50_6_events.h5",
    "BH_n4_M10": "BH_n4_M10_res50_6_events.h5",
}


@pytest.fixture
def folder(tmp_path):
    """Two small files in the source's format; the energy tells class and event."""
    for k, (name, file) in enumerate(NAMES.items()):
        images = torch.zeros(6, 3, 50, 50)
        images[:, 0, 25, 25] = torch.arange(1.0, 7) + 10 * k
        write_images(tmp_path / file, images, name)
    return tmp_path


def test_files_make_the_same_samples(folder):
    train, test = samples.labelled("two", 3, 2, seed=0, files=str(folder))
    other, same = samples.labelled("two", 3, 2, seed=1, files=str(folder))
    energy = test.images.sum((1, 2, 3)).tolist()
    assert energy == [5, 6, 15, 16] and torch.equal(test.images, same.images)
    assert test.labels.tolist() == [0, 0, 1, 1]
    assert not torch.equal(train.images, other.images)
    assert train.images.amax((1, 2, 3))[train.labels == 0].max() <= 4


def test_missing_double_and_short_files_are_named(folder):
    with pytest.raises(FileNotFoundError, match="BH_n4_M8"):
        samples.from_files("six", folder, 3, 2)
    with pytest.raises(ValueError, match="holds 6 events, but 5 to train on and 2"):
        samples.from_files("two", folder, 5, 2)
    (folder / "BH_n4_M10_copy.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="several files of the class BH_n4_M10"):
        samples.from_files("two", folder, 3, 2)
