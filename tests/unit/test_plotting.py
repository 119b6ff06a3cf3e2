"""Tests of `parity_nb.plotting`: what is drawn, and what is refused."""

import matplotlib as mpl
import numpy as np
import pytest
import torch

mpl.use("Agg")

import matplotlib.pyplot as plt

from parity_nb.plotting import image_grid, signed_histogram, signed_norm, use_style


@pytest.fixture(autouse=True)
def clean_figures():
    with mpl.rc_context():
        yield
    plt.close("all")


def frames(figure):
    return [ax.patches[0].get_edgecolor() for ax in figure.axes if ax.patches]


def test_style_is_known_to_matplotlib_and_draws():
    use_style()
    assert mpl.rcParams["image.interpolation"] == "nearest"
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    figure.canvas.draw()
    assert ax.get_lines()[0].get_color() == "#0072b2"


def test_signed_norm_is_symmetric_with_zero_in_the_middle():
    norm = signed_norm([-1.0, 4.0])
    assert norm([-4.0, 0.0, 4.0]).tolist() == [0, 0.5, 1]
    assert signed_norm([0.0])(0.0) == signed_norm([])(0.0) == 0.5


def test_frames_are_blue_white_red():
    figure = image_grid(torch.zeros(4, 3, 5, 5), values=torch.tensor([-2.0, 0.0, 2.0, 1.0]))
    blue, white, red, paler = frames(figure)
    assert blue[2] > blue[0] + 0.2 and red[0] > red[2] + 0.2
    assert min(white[:3]) > 0.95
    assert red[1] < paler[1] < white[1]


def test_grid_has_a_place_for_each_image():
    figure = image_grid(torch.zeros(10, 1, 5, 7), columns=4)
    assert len(figure.axes) == 12
    assert sum(bool(ax.images) for ax in figure.axes) == 10
    assert frames(figure) == []
    assert len(image_grid(np.zeros((3, 5, 5))).axes) == 3


@pytest.mark.parametrize(
    "images",
    [
        torch.full((1, 3, 2, 2), 255, dtype=torch.uint8),
        torch.ones(1, 3, 2, 2),
        torch.full((1, 3, 2, 2), 7.0),
    ],
)
def test_bytes_and_floats_share_one_scale(images):
    shown = image_grid(images).axes[0].images[0].get_array()
    assert shown.shape == (2, 2, 3) and np.all(shown == 1)


def test_grey_images_are_not_stretched():
    image = image_grid(torch.full((1, 1, 2, 2), 0.5)).axes[0].images[0]
    assert image.get_clim() == (0, 1)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 2, 4, 4), (4, 4), (1, 1, 1, 4, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="expected"):
        image_grid(torch.zeros(shape))


def test_another_number_of_values_is_refused():
    with pytest.raises(ValueError, match="2 values for 3 images"):
        image_grid(torch.zeros(3, 1, 4, 4), values=[1.0, 2.0])


def heights(ax):
    return np.array([bar.get_height() for bar in ax.patches[:-1]])


def test_histogram_is_split_at_zero():
    ax = signed_histogram([-1.0, -0.5, 0.25, 1.0, 1.0], bins=7)
    bars = ax.patches[:-1]
    assert len(bars) == 8 and heights(ax).sum() == 5
    left = [b for b in bars if b.get_x() + b.get_width() <= 1e-12]
    assert sum(b.get_height() for b in left) == 2
    assert {b.get_facecolor() for b in left} == {mpl.colors.to_rgba("#2166ac")}
    assert np.array_equal(ax.patches[-1].get_data().values, heights(ax)[::-1])


def test_histogram_of_a_symmetric_sample_is_symmetric_zeros_included():
    counts = heights(signed_histogram([0.0, 0.0, 0.0, -2.0, 2.0], bins=4))
    assert np.array_equal(counts, counts[::-1]) and counts.sum() == 5


def test_histogram_of_zeros_only():
    assert heights(signed_histogram(np.zeros(4), bins=4)).tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_histogram_refuses_what_it_cannot_draw(values):
    with pytest.raises(ValueError, match="finite"):
        signed_histogram(values)
