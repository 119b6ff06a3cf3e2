"""Finite groups acting on tensors, the projection onto one character, and one measure.

For a finite group G acting on inputs and a sign character chi: G -> {+1, -1},

    f(x) = 1/|G| * sum over h in G of chi(h) * g(h x)

satisfies f(k x) = chi(k) f(x) for every k in G, whatever g is.  With
G = {e, P} and chi(P) = -1 this is a parity-odd function; with chi = +1 it is
an invariant one.  Equation 1 of Gibbon (2023) is the four-element case.

Images are tensors (N, C, H, W); nothing else in the package writes a flip by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

Action = Callable[[Tensor], Tensor]


# --- image transforms: tensors (..., H, W), same shape out unless said otherwise


def identity(x: Tensor) -> Tensor:
    """Return x itself."""
    return x


def mirror(x: Tensor) -> Tensor:
    """Left-right mirror image, the book's parity operator P."""
    return torch.flip(x, [-1])


def mirror_vertical(x: Tensor) -> Tensor:
    """Top-bottom mirror image; equal to the half turn after P."""
    return torch.flip(x, [-2])


def half_turn(x: Tensor) -> Tensor:
    """Rotation by 180 degrees about the image centre, R180."""
    return torch.flip(x, [-2, -1])


def quarter_turn(x: Tensor, times: int = 1) -> Tensor:
    """Rotation by `times` x 90 degrees, anticlockwise; H and W change places if `times` is odd."""
    return torch.rot90(x, times, [-2, -1])


def roll(x: Tensor, shift: int, axis: int = -2) -> Tensor:
    """Cyclic shift by `shift` pixels along `axis`: the last row comes back as the first."""
    return torch.roll(x, shift, axis)


def reflect(points: Tensor | np.ndarray, axis: int) -> Tensor | np.ndarray:
    """Points or vectors (..., D) with coordinate `axis` negated: their mirror image."""
    sign = np.ones(points.shape[-1], np.float32)
    sign[axis] = -1
    return points * (torch.from_numpy(sign).to(points) if isinstance(points, Tensor) else sign)


def compose(first: Action, then: Action) -> Action:
    """The action x -> then(first(x))."""
    return lambda x: then(first(x))


# --- groups


@dataclass(frozen=True)
class Element:
    """One group element: its name, how it acts on a batch, and its sign chi."""

    name: str
    act: Action
    sign: int


class Group:
    """A finite group of actions on tensors, with a sign character.

    The product table is worked out by letting the elements act on `probe`, a tensor
    shaped like one batch of data whose values are all different.  Construction therefore
    proves what the projection needs: closure, and that chi is a homomorphism.

    Args:
        elements: the elements; the first one must be the identity.
        probe: a tensor on which different elements act differently.

    Raises:
        ValueError: if two elements act alike, the first is not the identity, the set is
            not closed, or chi(h k) differs from chi(h) chi(k).
    """

    def __init__(self, elements: Iterable[Element], probe: Tensor):
        self.elements: tuple[Element, ...] = tuple(elements)
        self.probe = probe
        self.table = self._product_table()
        self._check_character()

    def _product_table(self) -> np.ndarray:
        images = [e.act(self.probe) for e in self.elements]
        index: dict[tuple, int] = {}
        for i, image in enumerate(images):
            first = index.setdefault(_fingerprint(image), i)
            if first != i:
                raise ValueError(
                    f"{self.names[first]} and {self.names[i]} act alike on the probe "
                    f"{tuple(self.probe.shape)}"
                )
        if not torch.equal(images[0], self.probe):
            raise ValueError(f"the first element, {self.elements[0].name}, is not the identity")
        table = np.empty((len(self), len(self)), dtype=int)
        for i, h in enumerate(self.elements):
            for j, k_image in enumerate(images):
                product = index.get(_fingerprint(h.act(k_image)))
                if product is None:
                    raise ValueError(
                        f"not a group: {h.name} after {self.elements[j].name} is none of "
                        f"the {len(self)} elements"
                    )
                table[i, j] = product
        return table

    def _check_character(self) -> None:
        signs = np.array(self.signs)
        if not np.isin(signs, (1, -1)).all():
            raise ValueError(f"a sign character takes the values +1 and -1, not {self.signs}")
        wrong = np.argwhere(signs[:, None] * signs[None, :] != signs[self.table])
        if len(wrong):
            i, j = wrong[0]
            raise ValueError(
                f"not a character: the sign of {self.names[i]} times the sign of "
                f"{self.names[j]} is not the sign of their product"
            )

    def __len__(self) -> int:
        return len(self.elements)

    def __repr__(self) -> str:
        return "Group(" + ", ".join(f"{e.sign:+d} {e.name}" for e in self.elements) + ")"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the elements, in order."""
        return tuple(e.name for e in self.elements)

    @property
    def signs(self) -> tuple[int, ...]:
        """The signs chi of the elements, in order."""
        return tuple(e.sign for e in self.elements)

    def __getitem__(self, name: str) -> Element:
        for element in self.elements:
            if element.name == name:
                return element
        raise KeyError(f"no element {name!r} in {self.names}")

    def even(self) -> Group:
        """The same group with chi = +1: its projection is invariant."""
        return Group((Element(e.name, e.act, 1) for e in self.elements), self.probe)

    def orbit(self, x: Tensor) -> Tensor:
        """All copies h x as ONE batch: (N, ...) -> (|G| N, ...), element by element."""
        return torch.cat([e.act(x) for e in self.elements])


def _fingerprint(x: Tensor) -> tuple:
    return tuple(x.shape), x.contiguous().numpy().tobytes()


def _image_probe(height: int = 3, width: int = 3) -> Tensor:
    return torch.arange(float(height * width)).reshape(1, 1, height, width)


def parity() -> Group:
    """{e, P}, chi(P) = -1: parity-odd and blind to nothing."""
    return Group([Element("e", identity, 1), Element("P", mirror, -1)], _image_probe())


def half_turn_parity() -> Group:
    """{e, R180, P, R180 P}, signs + + - -: equation 1 of Gibbon (2023).

    Parity-odd and half-turn even; blind to an arrow that always points left.
    """
    return Group(
        [
            Element("e", identity, 1),
            Element("R180", half_turn, 1),
            Element("P", mirror, -1),
            Element("R180 P", mirror_vertical, -1),
        ],
        _image_probe(),
    )


def dihedral() -> Group:
    """D4, chi = determinant: odd under the four mirrors, even under quarter turns.

    Only for square images whose camera roll is uniform, or square periodic fields; never
    on an unrolled cylinder.
    """
    turns = [Element("e", identity, 1)]
    turns += [
        Element(name, partial(quarter_turn, times=n), 1)
        for n, name in enumerate(("R90", "R180", "R270"), start=1)
    ]
    mirrors = [
        Element("P" if t.name == "e" else f"{t.name} P", compose(mirror, t.act), -1) for t in turns
    ]
    return Group(turns + mirrors, _image_probe())


def rolls(size: int, axis: int = -2) -> Group:
    """Cyclic shifts along one axis of `size` pixels, chi = +1.

    Args:
        size: number of pixels along `axis`.
        axis: -2 for rows (vertical), -1 for columns.
    """
    shape = (size, 3) if axis == -2 else (3, size)
    names = ["e"] + [f"roll {k}" for k in range(1, size)]
    return Group(
        (Element(n, partial(roll, shift=k, axis=axis), 1) for k, n in enumerate(names)),
        _image_probe(*shape),
    )


def semidirect(normal: Group, complement: Group) -> Group:
    """All products (n after h) of two groups, chi(n h) = chi(n) chi(h).

    For example `semidirect(rolls(32), half_turn_parity())`: the symmetries of a cylinder
    unrolled along the rows, where a flip turns roll k into roll -k.

    Raises:
        ValueError: if the products do not form a group, chi is not a character, or the two
            groups act on tensors of different dimensions.
    """
    if normal.probe.ndim != complement.probe.ndim:
        raise ValueError(
            f"the two groups act on tensors of {normal.probe.ndim} and "
            f"{complement.probe.ndim} dimensions"
        )
    shape = torch.Size(map(max, normal.probe.shape, complement.probe.shape))
    probe = torch.arange(float(shape.numel())).reshape(shape)
    return Group(
        (
            Element(_product_name(n.name, h.name), compose(h.act, n.act), n.sign * h.sign)
            for n in normal.elements
            for h in complement.elements
        ),
        probe,
    )


def _product_name(n: str, h: str) -> str:
    return n if h == "e" else h if n == "e" else f"{n} {h}"


GROUPS: dict[str, Callable[[], Group]] = {
    "parity": parity,
    "half-turn parity": half_turn_parity,
    "dihedral": dihedral,
}
"""Groups that a chapter's `group` parameter may name."""


# --- the projection


class Symmetrised(nn.Module):
    """f(x) = 1/|G| sum_h chi(h) g(h x): any g, made to transform with the character chi.

    All |G| copies go through g as one channels_last batch.  Batch normalisation then sees
    every copy of every image at once, so its statistics are invariant and f has exactly the
    symmetry in training mode too.  To save memory, chunk over images, never over copies.

    What g does first may commute with the whole group, as an average over pixels commutes with
    the symmetries of the square.  Such a g names it `before`: it is then done once for every
    image instead of once for every copy.

    Args:
        g: a module that takes (M, C, H, W), or whatever the group acts on, to (M,) or (M, 1), or
            to K values an item, (M, K); g and g after `g.before`, if there is one, must be the
            same function.
        group: the group and its character.
    """

    def __init__(self, g: nn.Module, group: Group):
        super().__init__()
        self.g = g
        self.group = group
        self.register_buffer("signs", torch.tensor(group.signs, dtype=torch.float32), False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N,), or (N, K) where g has K > 1 values an item."""
        before = getattr(self.g, "before", None)
        copies = self.group.orbit(before(x) if before else x)
        if copies.ndim == 4:
            copies = copies.contiguous(memory_format=torch.channels_last)
        values = self.g(copies)
        several = values.shape[1:] if values.ndim == 2 and values.shape[1] > 1 else ()
        values = values.reshape(len(self.group), -1)
        # the copies nearly cancel: summed in float32 they would leave a residual of
        # 1e-7 |g| / std f, more than 1e-6 before training.  MPS has no float64.
        wide = values.dtype if values.device.type == "mps" else torch.float64
        mean = self.signs.to(wide) @ values.to(wide) / len(self.group)
        return mean.to(values.dtype).reshape(len(x), *several)


# --- the measure


@dataclass(frozen=True)
class EquivarianceError:
    """How far f(act_in x) is from act_out f(x).

    Attributes:
        largest: largest absolute difference, in the units of f.
        rms: root-mean-square difference, in the units of f.
        relative: `rms` divided by the standard deviation of f(x).
    """

    largest: float
    rms: float
    relative: float


def equivariance_error(
    f: Callable[[Tensor], Tensor], x: Tensor, act_in: Action, act_out: Action
) -> EquivarianceError:
    """Compare f(act_in(x)) with act_out(f(x)) on a batch x.

    Oddness is `equivariance_error(f, x, mirror, torch.neg)`, invariance has `identity` as
    `act_out`, and a step of an image pipeline commutes with P if
    `equivariance_error(step, x, mirror, mirror)` vanishes.

    Raises:
        ValueError: if the two sides differ in shape.
    """
    with torch.no_grad():
        plain = f(x)
        left, right = f(act_in(x)), act_out(plain)
    if left.shape != right.shape:
        raise ValueError(
            f"f(act_in x) has shape {tuple(left.shape)}, act_out f(x) {tuple(right.shape)}"
        )
    difference = left.double() - right.double()
    rms = difference.square().mean().sqrt().item()
    spread = plain.double().std(correction=0).item()
    relative = rms / spread if spread > 0 else (0.0 if rms == 0 else float("inf"))
    return EquivarianceError(difference.abs().max().item(), rms, relative)


def random_half(n: int, generator: torch.Generator) -> Tensor:
    """A boolean mask (n,): each item is chosen with probability one half.

    This is the coin of the control sets (SLR in Gibbon 2023).
    """
    return torch.rand(n, generator=generator) < 0.5


def mirror_where(x: Tensor, chosen: Sequence[bool] | Tensor) -> Tensor:
    """Mirror the chosen items of a batch (N, ..., H, W) and leave the others."""
    chosen = torch.as_tensor(chosen, dtype=torch.bool)
    return torch.where(chosen.reshape(-1, *[1] * (x.ndim - 1)), mirror(x), x)


def roll_each(x: Tensor, shifts: Tensor, axis: int = -2) -> Tensor:
    """Roll every item of a batch (N, ..., H, W) by a number of pixels of its own.

    Args:
        x: the items.
        shifts: whole numbers, shape (N,), on the device of x.
        axis: -2 for rows (vertical), -1 for columns.
    """
    size = x.shape[axis]
    source = (torch.arange(size, device=x.device) - shifts[:, None]) % size
    shape = [len(x)] + [1] * (x.ndim - 1)
    shape[axis] = size
    return x.gather(axis, source.reshape(shape).expand(x.shape))
