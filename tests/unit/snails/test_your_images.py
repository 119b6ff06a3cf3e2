"""Tests of `parity-nb test` and of what is under it: any folder in, an honest answer out."""

import json
import re

import h5py
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from chapter_code import chapter_code
from PIL import Image
from scipy import stats
from typer.testing import CliRunner

from parity_nb.images import SVG_WIDTH, ImageSet, read_images, square
from parity_nb.making import command_line as cli
from parity_nb.making import report
from parity_nb.saliency import occlusion
from parity_nb.statistics import joint_null, positive_fraction, smallest_fraction
from parity_nb.symmetry import dihedral, equivariance_error, mirror, parity

code = chapter_code("snails/your-images")
Refusal, Verdict, gather, control = code.Refusal, code.Verdict, code.gather, code.control
belongs_together, pieces, demand = code.belongs_together, code.pieces, code.demand
one_each, forward_test, judge = code.one_each, code.forward_test, code.judge
marked, places, cover = code.marked, code.places, code.cover
CLOCK, draw_shells = code.CLOCK, code.draw_shells

FIVE = float(stats.norm.sf(5))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def only(path, key=""):
    """The one item that is read."""
    (item,) = read_images(path, key)
    return item


# --- reading: kinds of files


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)], ids=["grey", "colour"])
def test_pictures_without_loss(tmp_path, suffix, shape):
    pixels = noise(*shape)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    image = only(tmp_path).image
    assert image.dtype == torch.uint8
    assert np.array_equal(
        image.numpy(), pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    )


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_pictures_of_other_modes_have_one_channel_or_three(tmp_path, mode):
    Image.fromarray(noise(6, 4, 3)).convert(mode).save(tmp_path / "a.tif")
    assert only(tmp_path).image.shape == (1 if mode in "1L" else 3, 6, 4)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_their_steps_on_the_scale_of_eight(tmp_path, suffix):
    pixels = np.linspace(0, 65535, 24).reshape(4, 6).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    image = only(tmp_path).image
    assert image.shape == (1, 4, 6)
    np.testing.assert_allclose(image[0].numpy(), pixels / 257, rtol=1e-6)
    assert (image.min(), image.max()) == (0, 255)


def test_float_tiff_is_left_as_it_is(tmp_path):
    pixels = np.array([[0.5, -3.0], [7.25, 1e6]], np.float32)
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    assert np.array_equal(only(tmp_path).image[0].numpy(), pixels)


def test_drawings_in_svg(tmp_path):
    square = '<rect x="0" y="0" width="5" height="10" fill="red"/>'
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">'
    (tmp_path / "half.svg").write_text(f"{head}{square}</svg>")
    (tmp_path / "none.svg").write_text("no drawing")
    half, none = read_images(tmp_path)
    assert half.image.shape == (3, SVG_WIDTH, SVG_WIDTH)
    assert half.image[:, 9, 9].tolist() == [255, 0, 0]
    assert half.image[:, 9, -9].tolist() == [255, 255, 255]  # nothing is drawn on white
    assert none.image is None and "cannot read" in none.note


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_laid_on_white(tmp_path, mode):
    picture = Image.new("LA" if mode == "LA" else "RGBA", (4, 3), 0)  # black, and transparent
    picture.convert(mode).save(tmp_path / "a.png")
    image = only(tmp_path).image
    assert image.shape == (1 if mode == "LA" else 3, 3, 4)
    assert (image == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright(tmp_path, orientation):
    upright = Image.fromarray(noise(4, 6, 3))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how such a picture lies in its file
    stored = upright if orientation == 1 else upright.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    item = only(tmp_path)
    assert np.array_equal(item.image.permute(1, 2, 0).numpy(), np.asarray(upright))
    assert bool(item.note) == (orientation > 1)
    assert ("mirrored" in item.note) == (orientation in (2, 4, 5, 7))


def test_of_several_pages_the_first_is_taken(tmp_path):
    first, second = (Image.fromarray(noise(4, 6, seed=k)) for k in (0, 1))
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    item = only(tmp_path)
    assert np.array_equal(item.image[0].numpy(), np.asarray(first))
    assert item.note == "first of several pages"


@pytest.mark.parametrize(
    ("shape", "images", "each"),
    [
        ((8, 6), 1, (1, 8, 6)),
        ((8, 6, 3), 1, (3, 8, 6)),
        ((5, 8, 6), 5, (1, 8, 6)),
        ((5, 8, 6, 2), 5, (2, 8, 6)),
        ((5, 4, 8, 6), 5, (4, 8, 6)),
        ((5, 8, 6, 7), 5, (7, 8, 6)),
    ],
)
@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_stacks_of_every_layout(tmp_path, shape, images, each, kind):
    array = noise(*shape)
    if kind == "npy":
        np.save(tmp_path / "s.npy", array)
    else:
        with h5py.File(tmp_path / "s.h5", "w") as file:
            file["any/name"] = array
            file["energies"] = np.zeros(shape[0])
    items = list(read_images(tmp_path))
    assert [item.image.shape for item in items] == [each] * images
    if images > 1:
        assert [item.name for item in items] == [f"s.{kind}[{i}]" for i in range(images)]
        first = array[0] if array.ndim == 3 or shape[1] < shape[3] else array[0].transpose(2, 0, 1)
        assert np.array_equal(items[0].image.numpy().reshape(first.shape), first)


@pytest.mark.parametrize("dtype", [bool, np.int16, np.uint16, np.int64, np.float16, np.float64])
def test_stacks_of_every_number(tmp_path, dtype):
    array = (noise(3, 8, 6) % 2).astype(dtype)
    np.save(tmp_path / "s.npy", array)
    scale = {bool: 255, np.uint16: 1 / 257}.get(dtype, 1)
    for item, image in zip(read_images(tmp_path), array, strict=True):
        assert item.image.dtype == (torch.uint8 if dtype is bool else torch.float32)
        np.testing.assert_allclose(item.image[0].numpy(), image.astype(float) * scale, rtol=1e-6)


@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_images_with_nan_in_a_stack_are_named(tmp_path, kind):
    array = noise(4, 8, 6).astype(np.float32)
    array[1, 0, 0], array[3, 2, 2] = np.nan, np.inf
    if kind == "npy":
        np.save(tmp_path / "s.npy", array)
    else:
        with h5py.File(tmp_path / "s.h5", "w") as file:
            file["images"] = array
    items = list(read_images(tmp_path))
    assert [item.image is None for item in items] == [False, True, False, True]
    assert items[1].note == "holds NaN or infinite values"
    assert gather(tmp_path, 24).left_out.path.tolist() == [f"s.{kind}[1]", f"s.{kind}[3]"]


def test_one_file_is_enough(tmp_path):
    np.save(tmp_path / "s.npy", noise(3, 8, 6))
    assert [item.name for item in read_images(tmp_path / "s.npy")] == [
        "s.npy[0]",
        "s.npy[1]",
        "s.npy[2]",
    ]


def test_the_data_set_of_an_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["a"], file["b"] = noise(2, 8, 6), noise(3, 8, 6)
    assert (
        "it has the data sets ['a', 'b']; name the one with images by `key`" in only(tmp_path).note
    )
    assert "name the one" in only(tmp_path, "c").note
    assert len(list(read_images(tmp_path, "b"))) == 3


# --- reading: accidents


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "gif", "bmp", "webp", "npy", "h5"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path, suffix, kept):
    for name in ("a", "b", "c"):
        path = tmp_path / f"{name}.{suffix}"
        if suffix == "npy":
            np.save(path, noise(40, 40))
        elif suffix == "h5":
            with h5py.File(path, "w") as file:
                file["x"] = noise(40, 40)
        else:
            Image.fromarray(noise(40, 40, 3)).save(path)
    whole = (tmp_path / f"b.{suffix}").read_bytes()
    (tmp_path / f"b.{suffix}").write_bytes(whole[: int(kept * len(whole))])
    gathered = gather(tmp_path, 24)
    assert gathered.images.meta.path.tolist() == [f"a.{suffix}", f"c.{suffix}"]
    assert gathered.left_out.path.tolist() == [f"b.{suffix}"]
    assert "cannot read b." in gathered.left_out.reason[0]


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros((1, 2, 3, 4, 5)), np.zeros((2, 3), complex), np.array([["a"]])]
)
def test_arrays_that_are_no_images(tmp_path, array):
    np.save(tmp_path / "s.npy", array)
    assert "holds no images" in only(tmp_path).note


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "s.npy", np.array([{}], object))
    assert "cannot read" in only(tmp_path).note


def test_unknown_kinds_are_named_and_hidden_files_are_not(tmp_path):
    for name in ("notes.txt", "film.mp4", "README", ".hidden", ".git/config", "._a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
    assert {i.name: i.note for i in read_images(tmp_path)} == {
        "README": "unknown kind of file (no suffix)",
        "film.mp4": "unknown kind of file (.mp4)",
        "notes.txt": "unknown kind of file (.txt)",
    }


def test_an_image_without_pixels(tmp_path):
    np.save(tmp_path / "s.npy", np.zeros((2, 0, 6)))
    assert [i.note for i in read_images(tmp_path)] == ["has no pixels: (1, 0, 6)"] * 2


@pytest.mark.parametrize(("files", "text"), [([], "holds 0 image"), (["a.png"], "holds 1 image")])
def test_a_folder_without_a_population_is_refused(tmp_path, files, text):
    (tmp_path / "notes.txt").write_text("nothing")
    for name in files:
        Image.fromarray(noise(8, 8)).save(tmp_path / name)
    with pytest.raises(Refusal, match=rf"{text}.*left out: notes\.txt, unknown kind of file"):
        gather(tmp_path, 24)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder or file .*nowhere"):
        gather(tmp_path / "nowhere", 24)


@pytest.mark.parametrize("size", [16, 30])
def test_a_size_that_the_network_cannot_use(tmp_path, size):
    with pytest.raises(ValueError, match=f"size = {size}: give a multiple of 8 pixels, 24 or more"):
        gather(tmp_path, size)


# --- one population from many files


def test_grey_among_colour_gets_three_channels(tmp_path):
    for i, shape in enumerate([(30, 30), (30, 40, 3), (50, 30, 3)]):
        Image.fromarray(noise(*shape)).save(tmp_path / f"{i}.png")
    gathered = gather(tmp_path, 24)
    assert gathered.images.images.shape == (3, 3, 24, 24)
    assert gathered.shapes == {(1, 30, 30): 1, (3, 30, 40): 1, (3, 50, 30): 1}
    assert torch.equal(gathered.images.images[0, 0], gathered.images.images[0, 2])


def test_of_other_mixtures_the_commonest_number_of_channels_stays(tmp_path):
    np.save(tmp_path / "five.npy", noise(3, 5, 30, 30))
    np.save(tmp_path / "two.npy", noise(2, 2, 30, 30))
    gathered = gather(tmp_path, 24)
    assert gathered.images.images.shape == (3, 5, 24, 24)
    assert gathered.left_out.path.tolist() == ["two.npy[0]", "two.npy[1]"]
    assert gathered.left_out.reason[0] == "has another number of channels than most images (5)"


def test_one_float_makes_all_float(tmp_path):
    np.save(tmp_path / "a.npy", noise(30, 30))
    np.save(tmp_path / "b.npy", noise(30, 30).astype(np.float64))
    assert gather(tmp_path, 24).images.images.dtype == torch.float32


@pytest.mark.parametrize("height", [24, 31, 50])
@pytest.mark.parametrize("width", [24, 37, 50])
def test_the_square_commutes_with_the_group(height, width):
    images = torch.from_numpy(noise(3, 2, height, width))
    step = lambda x: square(x, 24)  # noqa: E731
    for element in dihedral().elements:
        exact = equivariance_error(step, images.float(), element.act, element.act)
        assert exact.largest < 1e-3
        assert equivariance_error(step, images, element.act, element.act).largest <= 1


def test_the_control_mirrors_what_was_read_and_not_what_was_resized(tmp_path, monkeypatch):
    """A resize that spoils the left edge must show in the control, too, on the same side."""

    def careless(images, size):
        small = square(images, size)
        small[..., :4] = 0
        return small

    monkeypatch.setattr(code, "square", careless)
    np.save(tmp_path / "s.npy", 1 + noise(40, 1, 33, 30) // 2)
    tossed = control(gather(tmp_path, 24), seed=0)
    assert 8 < tossed.meta.mirrored.sum() < 32
    assert (tossed.images[..., :4] == 0).all()
    assert (tossed.images[..., 4:] > 0).all()
    stack = torch.from_numpy(np.load(tmp_path / "s.npy"))
    coin = torch.tensor(tossed.meta.mirrored.to_numpy())
    assert torch.equal(tossed.images[coin], careless(mirror(stack[coin]), 24))
    assert torch.equal(tossed.images[~coin], careless(stack[~coin], 24))


# --- independence


@pytest.fixture(scope="module")
def shells(tmp_path_factory):
    """Thirty drawn shells: no two alike."""
    return gather(draw_shells(tmp_path_factory.mktemp("shells"), 30, seed=3), 64).images


def test_copies_and_mirror_twins_belong_together(shells):
    twins = torch.cat([shells.images, mirror(shells.images[:2]), shells.images[4:5]])
    meta = pd.DataFrame({"path": [str(i) for i in range(33)], "folder": "."})
    groups = belongs_together(ImageSet(twins, meta), parity(), 40)
    assert len(set(groups)) == 30
    assert (groups[[0, 1, 4]] == groups[30:]).all()
    assert len(set(belongs_together(ImageSet(twins, meta), parity(), -1))) == 33


def test_folders_and_tables_keep_images_together(shells, tmp_path):
    folders = [f"day{i // 10}" for i in range(30)]
    images = ImageSet(shells.images, shells.meta.assign(folder=folders))
    groups = belongs_together(images, parity(), 40, together="folder")
    assert [len(set(groups[i : i + 10])) for i in (0, 10, 20)] == [1, 1, 1]
    assert len(set(groups)) == 3
    table = pd.DataFrame({"path": shells.meta.path[::-1], "snail": np.arange(30)[::-1] // 2})
    table.to_csv(tmp_path / "t.csv", index=False)
    groups = belongs_together(images, parity(), 40, "snail", tmp_path / "t.csv")
    assert (groups[::2] == groups[1::2]).all()
    assert len(set(groups)) == 15


@pytest.mark.parametrize(
    ("content", "together", "text"),
    [
        (None, "snail", "'snail' is a column of a CSV file: name it by `table`"),
        ("", "snail", "cannot be read as CSV"),
        ("path,day\n0,1\n", "snail", r"has the columns \['path', 'day'\]: it needs `path`"),
        ("path,day\n0,1\n", "", "`together` must name one"),
        ("path,snail\n0,1\n", "snail", r"has no row for 30 images, such as 00000\.png"),
    ],
)
def test_tables_that_do_not_fit(shells, tmp_path, content, together, text):
    table = ""
    if content is not None:
        table = tmp_path / "t.csv"
        table.write_text(content)
    with pytest.raises(ValueError, match=text):
        belongs_together(shells, parity(), 40, together, table)


def pictures(n):
    return torch.from_numpy(noise(n, 3, 64, 64))


def brighter(images):
    return (images.float() * 0.8 + 40).clamp(0, 255).to(torch.uint8)


def numbered(images, **columns) -> ImageSet:
    return ImageSet(images, pd.DataFrame(columns), "numbered")


def test_groups_join_observations_through_twins():
    """0 and 1: one observation; 2: mirror twin of 1; 3 with 2 in an observation; 4, 5 alone."""
    images = pictures(6)
    images[2] = mirror(images[1])
    groups = code.split_groups(numbered(images, observation=[7, 7, 8, 8, 9, 10]), ["observation"])
    assert len(set(groups[:4])) == 1
    assert len({groups[0], groups[4], groups[5]}) == 3


def test_no_picture_has_a_twin_on_the_other_side():
    images = pictures(60)
    both = torch.cat([images, mirror(images), brighter(images)])
    photos = numbered(both, observation=np.arange(180), picture=np.tile(np.arange(60), 3))
    photos.meta["group"] = code.split_groups(photos, ["observation"])
    for fold in range(5):
        train, test = photos.split(fold, by="group")
        assert not set(train.meta["picture"]) & set(test.meta["picture"])
        assert len(test) == 36
    train, test = photos.split(by="observation")
    assert set(train.meta["picture"]) & set(test.meta["picture"])  # what the groups are for


def test_any_columns_may_hold_images_together():
    images = pictures(5)
    photos = numbered(images, user=["a", "b", "a", "c", "b"], day=[1, 2, 3, 3, 4])
    assert len(set(code.split_groups(photos))) == 5
    by_user = code.split_groups(photos, ["user"])
    assert by_user[0] == by_user[2] and by_user[1] == by_user[4] and len(set(by_user)) == 3
    assert len(set(code.split_groups(photos, ["user", "day"]))) == 2


@pytest.mark.parametrize("parts", [2, 4, 5])
def test_parts_are_equal_disjoint_and_keep_groups_whole(parts):
    groups = np.arange(60) // 3
    cut = pieces(groups, parts, seed=1)
    assert sorted(np.concatenate(cut)) == list(range(60))
    members = [set(groups[part]) for part in cut]
    assert len(set.union(*members)) == sum(map(len, members)) == 20
    assert max(map(len, members)) - min(map(len, members)) <= 1


def test_too_few_groups_for_the_parts():
    with pytest.raises(Refusal, match="9 images are 3 independent ones, fewer than the 4 parts"):
        pieces(np.arange(9) // 3, 4, seed=0)


def test_ten_images_are_refused_with_the_reason():
    groups = np.arange(10)
    with pytest.raises(Refusal, match=r"10 images make 7 .*p would be 0\.0078.*takes at least 30"):
        demand(groups, pieces(groups, 4, 0), FIVE)
    groups = np.arange(30)
    n = demand(groups, pieces(groups, 4, 0), FIVE)
    assert 0.5**n <= FIVE < 0.5 ** (n - 1)


def test_one_value_for_one_observation():
    f = torch.tensor([1.0, -3.0, 2.0, torch.nan, 0.5])
    assert one_each(f, np.array([0, 0, 1, 2, 1])).tolist() == [-1.0, 1.25]


# --- testing forward


def stub(images, group, steps, seed):
    """The simplest odd function: a scalar product with the mean of the training images."""
    weights = images.mean(0)
    return lambda x: (x * weights).sum((1, 2, 3))


def test_forward_counts_are_binomial_where_those_of_cross_validation_are_not(monkeypatch):
    monkeypatch.setattr(code, "train", stub)
    forward, crossed, cut = [], [], pieces(np.arange(160), 4, 0)
    parts = [(np.setdiff1d(np.arange(160), part), part) for part in cut]
    for seed in range(200):
        x = torch.randn(160, 1, 1, 40, generator=torch.Generator().manual_seed(seed))
        f, _ = forward_test(x, cut, parity(), 0, seed)
        assert f.isnan().nonzero().flatten().tolist() == sorted(cut[0])
        forward.append(positive_fraction(f[~f.isnan()]))
        values = torch.cat([stub(x[a], 0, 0, 0)(x[b]) for a, b in parts])
        crossed.append(positive_fraction(values))
    assert stats.kstest([count.p_mid for count in forward], "uniform").pvalue > 0.001
    assert joint_null(forward) > 0.001
    assert joint_null(crossed) < 1e-4


def test_no_part_is_tested_by_a_network_that_has_seen_it_or_a_later_one(monkeypatch):
    seen = []

    def spy(images, group, steps, seed):
        seen.append((set(images.flatten().tolist()), seed))
        return lambda x: torch.ones(len(x))

    monkeypatch.setattr(code, "train", spy)
    cut = pieces(np.arange(20), 4, 0)
    forward_test(torch.arange(20.0).reshape(20, 1, 1, 1), cut, parity(), 0, 7)
    assert seen == [(set(np.concatenate(cut[:k]).tolist()), 7 + k) for k in (1, 2, 3)]


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_trained_function_is_odd_for_any_channels_and_scale(channels, dtype):
    x = torch.from_numpy(noise(24, channels, 24, 24)).to(dtype)
    x = 1e-4 * x if dtype.is_floating_point else x
    odd = code.train(x, parity(), steps=2, seed=0, passes=1)
    f = odd(x)
    assert f.std() > 0
    assert (odd(mirror(x)) + f).abs().max() < 1e-5 * f.std()


def test_training_repeats_itself_and_depends_on_its_seed():
    x = torch.from_numpy(noise(24, 3, 24, 24))
    one, again, other = (code.train(x, parity(), 2, seed, 1)(x) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


# --- what may be said


@pytest.mark.parametrize("n", [25, 180, 5000])
@pytest.mark.parametrize("level", [0.05, FIVE])
def test_the_smallest_fraction_is_seen_as_often_as_it_says(n, level):
    fraction = smallest_fraction(n, level, 0.95)
    enough = int(np.argmax(stats.binom.sf(np.arange(n + 1) - 1, n, 0.5) <= level))
    assert abs(stats.binom.sf(enough - 1, n, fraction) - 0.95) < 1e-9


@pytest.mark.parametrize(("n", "level"), [(21, FIVE), (1, 0.05), (10, 0.0), (10, 1.0)])
def test_no_fraction_where_nothing_could_be_seen(n, level):
    with pytest.raises(ValueError, match="level"):
        smallest_fraction(n, level)


def counted(positive, n):
    return positive_fraction(torch.cat([torch.ones(positive), -torch.ones(n - positive)]))


def test_the_three_sentences():
    fair = counted(52, 100)
    seen = Verdict(counted(90, 100), fair, FIVE)
    assert seen.outcome == "detected"
    assert str(seen).startswith("Mirror symmetry is broken: 90.0 ± 3.0 % of 100 test images")
    nothing = Verdict(counted(55, 100), fair, FIVE)
    assert nothing.outcome == "not seen"
    assert re.search(r"would have seen a fraction of 8\d\.\d % with probability 95 %", str(nothing))
    wrong = Verdict(counted(90, 100), counted(90, 100), FIVE)
    assert wrong.outcome == "no answer"
    assert "the control, which is symmetric, was found asymmetric" in str(wrong)


def test_fewer_than_half_is_no_detection():
    assert Verdict(counted(1, 100), counted(50, 100), FIVE).outcome == "not seen"


def test_images_that_are_their_own_mirror_images_are_refused():
    few = torch.cat([torch.ones(10), torch.zeros(20)])
    with pytest.raises(Refusal, match=r"f is zero for 20 of 30 test images, .* and 10 cannot give"):
        judge(few, torch.ones(30), np.arange(30), 5.0)
    with pytest.raises(Refusal, match="f is zero for 30 of 30"):
        judge(torch.ones(30), torch.zeros(30), np.arange(30), 5.0)
    assert code.count(torch.zeros(30), np.arange(30)) == "every f is zero, nothing to count"


# --- where


def corner(x):
    """An odd function that looks at the two lower corners only."""
    return x[..., -8:, -8:].float().mean((1, 2, 3)) - x[..., -8:, :8].float().mean((1, 2, 3))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_map_is_covariant_and_points_at_what_matters(dtype):
    x = torch.from_numpy(noise(6, 3, 32, 40)).to(dtype)
    x[..., -8:, -8:] = 255
    maps = occlusion(corner, x, patches=4)
    assert maps.shape == (6, 4, 4)
    torch.testing.assert_close(occlusion(corner, mirror(x), patches=4), -mirror(maps))
    assert int(maps.mean(0).argmax()) == 15
    assert (maps[:, :3] == 0).all()


def test_patches_must_fit():
    with pytest.raises(ValueError, match="7 patches do not fit into images of 32 x 32 pixels"):
        occlusion(corner, torch.zeros(1, 1, 32, 32), patches=7)


def test_covered_places_are_mirror_images_of_themselves():
    average = torch.zeros(8, 8)
    average[6, 6], average[1, 1] = 4, 0.9
    where = places(average)
    assert torch.equal(where, mirror(where))
    assert where[5:, [0, 1, 2, 5, 6, 7]].all()
    assert where.sum() == 18


def test_of_a_map_without_a_place_not_all_is_covered():
    average = torch.from_numpy(np.random.default_rng(0).random((8, 8)))
    where = places(average)
    row, column = divmod(int(average.argmax()), 8)
    assert where[row, column]
    assert where[row, 7 - column]
    assert where.sum() <= 18
    x = torch.from_numpy(noise(4, 2, 32, 32))
    assert torch.equal(cover(mirror(x), where), mirror(cover(x, where)))
    assert not torch.equal(cover(x, where), x)


def gather_of(x):
    meta = pd.DataFrame({"path": range(len(x))})
    return code.Gathered(ImageSet(x, meta), mirror(x), x, {}, meta[:0], {})


def test_the_mark_lies_right_in_about_half():
    x = torch.from_numpy(noise(400, 1, 32, 32) // 2 + 60)
    changed = (marked(x, 0.5, seed=0) != x).any(1)
    has = changed.any((1, 2))
    assert 160 < has.sum() < 240
    gathered = gather_of(x)
    coin = torch.tensor(control(gathered, seed=0).meta.mirrored.to_numpy())
    assert 60 < (coin & has).sum() < 140  # a coin of its own
    assert not changed[..., :16].any()


# --- folders with a known answer


def analyse(folder, steps):
    """What the chapter does, without its pages."""
    gathered = gather(folder, 40)
    images = gathered.images.images
    groups = belongs_together(gathered.images, parity(), 40)
    cut = pieces(groups, 4, 0)
    demand(groups, cut, FIVE)
    f, odd = forward_test(images, cut, parity(), steps, 0)
    f_control, _ = forward_test(control(gathered, 0).images, cut, parity(), steps, 0)
    return judge(f, f_control, groups, 5.0), odd, images[cut[0]]


def test_a_symmetric_folder_and_an_honest_sentence(tmp_path):
    verdict, _, _ = analyse(draw_shells(tmp_path, 80, seed=4), steps=12)
    assert verdict.outcome == "not seen"
    assert verdict.control.p_exact > 1e-4


def test_two_handed_images_in_a_hundred_are_beyond_so_few_images(tmp_path):
    verdict, _, _ = analyse(draw_shells(tmp_path, 80, handed=0.02, seed=5), steps=12)
    assert verdict.outcome == "not seen"
    handed = 2 * verdict.smallest - 1
    assert handed > 0.02  # no network could have found them, and the sentence says so
    assert f"at least {100 * handed:.0f} % handed images" in str(verdict)


def test_a_clock_is_detected_and_the_map_points_at_it(tmp_path):
    verdict, odd, images = analyse(draw_shells(tmp_path, 80, clock=True, seed=6), steps=30)
    assert verdict.outcome == "detected"
    row, column = divmod(int(occlusion(odd, images[:10]).mean(0).argmax()), 8)
    assert row + 1 > 8 * CLOCK[1]
    assert column + 1 > 8 * CLOCK[0]


# --- the command


def call(*words):
    return CliRunner().invoke(cli.app, ["test", *map(str, words), "--no-progress"])


def test_the_command_on_a_folder_with_a_clock_and_a_broken_file(tmp_path):
    folder = draw_shells(tmp_path / "mine", 48, clock=True, seed=7)
    (folder / "00000.png").write_bytes(b"broken")
    small = ["-p", "steps=25", "-p", "channels=0", "-p", "size=40"]
    result = call(folder, "--output", tmp_path / "out", *small)
    assert result.exit_code == report.DETECTED, result.output
    assert re.fullmatch(r"Mirror symmetry is broken: .* of 3\d test images .*\n", result.stdout)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "out"]
    names = ["report.html", "report.ipynb", "report.json"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert result.stdout.strip() in page
    assert "cannot read 00000.png as a picture" in page
    assert "1 left out" in page
    assert not re.search(r"https?://|\{ref\}|\{term\}|```|import ", page)
    assert page.count('alt="') == page.count("<img") == 4
    assert nbformat.read(tmp_path / "out/report.ipynb", 4).cells
    numbers = {
        n["name"]: n["value"]
        for n in json.loads((tmp_path / "out/report.json").read_text())["numbers"]
    }
    assert numbers["left out"] == 1


def test_the_command_refuses_ten_images_and_leaves_nothing(tmp_path):
    folder = draw_shells(tmp_path / "ten", 10)
    result = call(folder, "--output", tmp_path / "out")
    assert result.exit_code == report.NO_ANSWER
    assert re.fullmatch(
        r"No answer: 10 images make 7 independent .* takes at least 30 .*\n", result.stdout
    )
    assert [p.name for p in tmp_path.iterdir()] == ["ten"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nowhere"], "no folder or file"),
        ([".", "-p", "sise=64"], "no parameter 'sise'"),
        ([".", "-p", "size=big"], "size must be int"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(tmp_path, monkeypatch, words, text):
    monkeypatch.setattr(report, "execute", lambda *a: pytest.fail("it ran"))
    result = call(*words, "--output", tmp_path / "out")
    assert result.exit_code == report.MISUSED
    assert text in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "code"), [("Refusal", report.NO_ANSWER), ("ValueError", report.MISUSED)]
)
def test_errors_of_the_chapter_become_exit_codes(tmp_path, monkeypatch, kind, code):
    from papermill import PapermillExecutionError

    def fails(*arguments):
        raise PapermillExecutionError(0, 1, "source", kind, "the reason", [])

    monkeypatch.setattr(report, "execute", fails)
    result = call(tmp_path, "--output", tmp_path / "out")
    assert result.exit_code == code
    assert "the reason" in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_old_report_stays_if_the_new_one_fails(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.html").write_text("old")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report.examine(tmp_path, {}, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/report.html").read_text() == "old"
