"""What several tests of the part on neutrinos share."""

import pytest
import torch
from chapter_code import chapter_code

from parity_nb.neutrinos.data import Events
from parity_nb.neutrinos.world.simulate import EVERYWHERE, events


def bars(n=48, domain=0, shift=0, seed=0):
    """Events of three easy classes: bars of three lengths; a shift makes them brighter."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    maps = torch.zeros(n, 2, 100, 80)
    for i, k in enumerate(labels.tolist()):
        maps[i, :, 10 : 30 + 20 * k, 38:42] = 80 + 40 * shift
    maps += 20 * torch.rand(maps.shape, generator=generator)
    return Events(maps.to(torch.uint8), labels, torch.full((n,), domain), torch.ones(n))


@pytest.fixture(scope="session")
def tiny():
    """The function that makes few easy events."""
    return bars


@pytest.fixture(scope="module")
def domains():
    """A source and a target domain of easy events."""
    return bars(), bars(domain=1, shift=1, seed=1)


@pytest.fixture(scope="session")
def made():
    """160 events of the second generator, with their prongs."""
    return events(160, "B", seed=2, vertices=EVERYWHERE)


@pytest.fixture(scope="session")
def path(made, tmp_path_factory):
    """A file of these events."""
    return chapter_code("neutrinos/pixel-maps").write_simulated(
        tmp_path_factory.mktemp("files") / "fardet_gibuu_1.h5", made
    )


@pytest.fixture
def copy(path, tmp_path):
    """A copy that a test may damage."""
    target = tmp_path / "damaged.h5"
    target.write_bytes(path.read_bytes())
    return target
