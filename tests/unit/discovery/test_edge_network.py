"""The edge network and its published file of weights."""

from __future__ import annotations

import h5py
import pytest
import torch

from parity_nb.discovery.files.edge_network import EdgeNet, layers, read_edge_network
from parity_nb.fetch import FetchError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def untrained_edges():
    torch.manual_seed(3)
    return EdgeNet().eval()


def keras_file(net, path):
    """The network's weights as Keras writes them."""
    with h5py.File(path, "w") as file:
        for place, layer in layers(net).items():
            file[f"{place}/vars/0"] = layer.weight.detach().permute(2, 3, 1, 0).numpy()
            file[f"{place}/vars/1"] = layer.bias.detach().numpy()
    return path


def test_edge_network_has_the_published_number_of_weights(untrained_edges):
    convolutions = 14_714_688  # those of VGG16, Simonyan & Zisserman (2014)
    sides = 64 + 128 + 256 + 512 + 512 + 5
    assert sum(p.numel() for p in untrained_edges.parameters()) == convolutions + sides + 5 + 1


def test_weights_of_a_keras_file(untrained_edges, tmp_path):
    read = read_edge_network(keras_file(untrained_edges, tmp_path / "w.h5"))
    x = torch.rand(1, 3, 21, 34, generator=generator()) * 255
    with torch.no_grad():
        assert torch.equal(read(x), untrained_edges(x))
    with h5py.File(tmp_path / "w.h5", "a") as file:
        del file["dsn3/vars/0"]
    with pytest.raises(FetchError, match=r"w\.h5 does not hold the weights of HED.*dsn3"):
        read_edge_network(tmp_path / "w.h5")
    with pytest.raises(FetchError, match=r"none\.h5"):
        read_edge_network(tmp_path / "none.h5")
