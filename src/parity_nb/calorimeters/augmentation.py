"""Random members of the detector's symmetry group, applied to training images as they are used.

Every scheme sees the same events in the same order for the same number of steps: what differs is
only which copies the network is shown.  The thesis instead stored up to four copies an event, so
that one scheme was trained for four times as many steps as another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from parity_nb.data import choose
from parity_nb.symmetry import Action, half_turn, mirror, mirror_where, roll, roll_each

SCHEMES: dict[str, tuple[str, ...]] = {
    "none": (),
    "eta flip": ("eta flip",),
    "half turn": ("half turn",),
    "phi roll": ("phi roll",),
    "flips": ("eta flip", "half turn"),
    "all": ("eta flip", "half turn", "phi roll"),
}
"""Augmentations by name: each is a list of independent random moves."""


def augment(images: Tensor, scheme: str) -> Tensor:
    """Move every image of a batch (N, C, phi, eta) by chance: half are flipped, half are turned.

    A roll is by a number of pixels that is uniform over the whole turn.  Random numbers are torch's
    own, on the device of the images.

    Args:
        images: the batch.
        scheme: a name in `SCHEMES`.

    Raises:
        ValueError: for another scheme, naming those there are.
    """
    for move in choose("scheme", scheme, SCHEMES):
        images = MOVES[move](images)
    return images


def _flip(images: Tensor) -> Tensor:
    return mirror_where(images, _coins(images))


def _turn(images: Tensor) -> Tensor:
    return torch.where(_coins(images)[:, None, None, None], half_turn(images), images)


def _roll(images: Tensor) -> Tensor:
    size = images.shape[-2]
    return roll_each(images, torch.randint(size, (len(images),), device=images.device))


def _coins(images: Tensor) -> Tensor:
    return torch.rand(len(images), device=images.device) < 0.5


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "eta flip": _flip,
    "half turn": _turn,
    "phi roll": _roll,
}
"""Random moves by name."""


# --- what the thesis did


PUBLISHED_SLOTS: tuple[tuple[str, Action], ...] = (
    ("original", lambda x: x),
    ("eta flip", mirror),
    ("phi roll", lambda x: roll(x, int(torch.randint(x.shape[-2], (1,))))),
    ("half turn", half_turn),
)
"""The four copies that the thesis stores of every event, one after the other."""

PUBLISHED_NAMES = ("None", "Flip Horizontal", "Random Shift Y", "Rotate 180")
"""What its notebooks call them."""


def published_selection(
    name: str, stored: int, names: Sequence[str] = PUBLISHED_NAMES
) -> list[int]:
    """Positions of the stored copies that the thesis trains on under a name, its slip included.

    "Combined" is put in front of the list of names; then the position in that list, less one and
    plus one, is taken for the slot of the copy.  Without the slip it would be less one.

    Args:
        name: one of `names`, or "Combined" for all copies.
        stored: number of stored copies, four an event.
        names: the list in its order.

    Returns:
        The originals, and one more copy of each event (or of all but the first).
    """
    if name == "Combined":
        return list(range(stored))
    shown = ["Combined", *names]
    chosen = list(range(0, stored, len(PUBLISHED_SLOTS)))
    if name != "None":
        position = shown.index(name) - 1
        chosen += list(range(position + 1, stored, len(PUBLISHED_SLOTS)))
    return chosen
