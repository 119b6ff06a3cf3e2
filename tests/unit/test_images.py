"""Tests of `parity_nb.images`: sets of images, their files, and the steps of the pipeline."""

import io
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from parity_nb.images import (
    BT601,
    IMAGENET_MEAN,
    IMAGENET_STD,
    ImageSet,
    in_chunks,
    normalise,
    reencode_jpeg,
    resize,
    stack,
    to_grey,
)
from parity_nb.symmetry import equivariance_error, mirror


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random uint8 levels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def numbered(n: int, **meta) -> ImageSet:
    """A set whose image i has the level i, with a metadata column `row` = i."""
    images = torch.arange(n, dtype=torch.uint8).reshape(n, 1, 1, 1).expand(n, 1, 2, 3)
    return ImageSet(images.contiguous(), pd.DataFrame({"row": range(n)} | meta), "numbered")


def rows(images: ImageSet) -> list[int]:
    """Levels of the images, after a check that the metadata went with them."""
    levels = images.images[:, 0, 0, 0].tolist()
    assert levels == images.meta["row"].tolist()
    assert list(images.meta.index) == list(range(len(images)))
    return levels


# --- construction and choice


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(4, 8, 8), r"must be \(N, C, H, W\), not \(4, 8, 8\)"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.int64), "must be uint8 or float32, not torch.int64"),
    ],
)
def test_a_set_refuses_other_shapes_and_types(images, message):
    with pytest.raises(ValueError, match=message):
        ImageSet(images)


def test_a_set_refuses_metadata_of_another_length():
    with pytest.raises(ValueError, match="4 images, but 3 rows of metadata"):
        ImageSet(noise(4, 1, 2, 2), pd.DataFrame({"row": range(3)}))


@pytest.mark.parametrize(
    ("index", "chosen"),
    [
        (2, [2]),
        (-1, [9]),
        (np.int64(3), [3]),
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, 4), [0, 4, 8]),
        ([7, 0, 7], [7, 0, 7]),
        ([], []),
        (np.array([5, 4]), [5, 4]),
        (torch.tensor([5, -2]), [5, 8]),
        (np.arange(10) % 3 == 0, [0, 3, 6, 9]),
        (torch.arange(10) > 7, [8, 9]),
    ],
)
def test_choosing_keeps_images_and_metadata_together(index, chosen):
    picked = numbered(10)[index]
    assert rows(picked) == chosen
    assert picked.name == "numbered"


@pytest.mark.parametrize("index", [10, -11, [3, 10]])
def test_choosing_outside_the_set_fails(index):
    with pytest.raises(IndexError):
        numbered(10)[index]


def test_stack_joins_sets_in_order():
    whole = numbered(10)
    both = stack([whole[4:7], whole[[9, 0]]], "both")
    assert rows(both) == [4, 5, 6, 9, 0]
    assert both.name == "both"


def test_in_chunks_changes_memory_only():
    images = noise(11, 3, 16, 16)
    assert torch.equal(in_chunks(lambda x: resize(x, 8), images, 4), resize(images, 8))


# --- splitting


def test_folds_are_disjoint_complete_and_a_fifth_each():
    whole = numbered(103)
    tests = []
    for fold in range(5):
        train, test = whole.split(fold)
        assert sorted(rows(train) + rows(test)) == list(range(103))
        assert len(test) in (20, 21)
        tests += rows(test)
    assert sorted(tests) == list(range(103))


def test_the_split_of_the_published_size_is_the_published_one():
    images = ImageSet(torch.zeros(24_470, 1, 1, 1, dtype=torch.uint8))
    train, test = images.split()
    assert (len(train), len(test)) == (19_576, 4_894)


def test_a_split_is_decided_by_its_seed():
    whole = numbered(60)
    assert rows(whole.split(seed=3)[1]) == rows(whole.split(seed=3)[1])
    assert rows(whole.split(seed=3)[1]) != rows(whole.split(seed=4)[1])


def test_images_of_one_observation_stay_on_one_side():
    observation = np.random.default_rng(0).choice(list("abcdefghijklm"), 90)
    whole = numbered(90, observation=observation)
    held_out = []
    for fold in range(5):
        train, test = whole.split(fold, by="observation")
        assert not set(train.meta["observation"]) & set(test.meta["observation"])
        assert sorted(rows(train) + rows(test)) == list(range(90))
        held_out += list(set(test.meta["observation"]))
    assert sorted(held_out) == sorted(set(observation))


@pytest.mark.parametrize(("fold", "folds"), [(5, 5), (-1, 5), (0, 11), (0, 0)])
def test_a_split_with_an_empty_part_is_refused(fold, folds):
    with pytest.raises(ValueError, match=f"fold {fold} of {folds} from 10 .* of numbered"):
        numbered(10).split(fold, folds)


def test_a_split_counts_observations_and_not_images():
    with pytest.raises(ValueError, match="from 3 independent items"):
        numbered(9, observation=[0, 1, 2] * 3).split(by="observation")


def test_a_split_by_an_unknown_column_names_those_there_are():
    with pytest.raises(KeyError, match=r"no metadata column 'burst'; there are \['row'\]"):
        numbered(9).split(by="burst")


# --- grey


def test_grey_levels_are_the_rounded_bt601_sums():
    images = noise(6, 3, 5, 4)
    red, green, blue = images.double().unbind(1)
    exact = BT601[0] * red + BT601[1] * green + BT601[2] * blue
    grey = ImageSet(images, name="M3").grey()
    assert grey.name == "M3-grey"
    assert grey.images.dtype == torch.uint8
    assert grey.images.shape == (6, 1, 5, 4)
    assert (grey.images[:, 0] - exact).abs().max() <= 0.5 + 1e-4


def test_grey_of_pure_colours():
    pure = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    grey = to_grey(pure.to(torch.uint8).reshape(4, 3, 1, 1)).flatten().tolist()
    # the weights add up to 0.9999, yet white stays white
    assert grey == [76, 150, 29, 255]


def test_grey_of_floats_is_not_rounded():
    images = noise(2, 3, 4, 4).float() / 7
    expected = torch.einsum("nchw,c->nhw", images, torch.tensor(BT601))[:, None]
    torch.testing.assert_close(to_grey(images), expected)


def test_a_grey_set_stays_as_it_is():
    grey = ImageSet(noise(2, 1, 4, 4))
    assert grey.grey() is grey


# --- saved sets


@pytest.mark.parametrize("images", [noise(5, 3, 4, 6), torch.randn(5, 1, 3, 3)])
def test_a_set_comes_back_as_it_was_saved(tmp_path, images):
    meta = pd.DataFrame(
        {
            "label": ["007", "", "NA", 'a "b", c', "left\nright"],
            "angle": [0.1 + 0.2, 1 / 3, np.nan, -0.0, 1e-300],
            "count": range(5),
            "mirrored": [True, False, True, True, False],
        }
    )
    folder = ImageSet(images, meta, "five").save(tmp_path / "a/b/five")
    back = ImageSet.load(folder)
    assert back.name == "five"
    assert torch.equal(back.images, images)
    assert back.images.dtype == images.dtype
    # the last digit of a float may not survive a text file in every version of pandas
    pd.testing.assert_frame_equal(back.meta, meta, rtol=1e-15)
    assert [p.name for p in (tmp_path / "a/b").iterdir()] == ["five"]


def test_a_set_without_metadata_comes_back(tmp_path):
    back = ImageSet.load(ImageSet(noise(3, 1, 2, 2)).save(tmp_path / "plain"))
    assert len(back) == len(back.meta) == 3
    assert list(back.meta.columns) == []


def test_a_loaded_set_is_mapped_and_its_file_never_changes(tmp_path):
    images = noise(50, 3, 8, 8)
    folder = ImageSet(images).save(tmp_path / "set")
    back = ImageSet.load(folder)
    assert back[10:20].images.data_ptr() == back.images.data_ptr() + 10 * 3 * 8 * 8
    file = np.load(folder / "images.npy", mmap_mode="r+")
    file[1] = 7
    assert (back.images[1] == 7).all()  # it is the file that is looked at, not a copy
    back.images[0] = 255 - images[0]
    assert np.array_equal(file[0], images[0].numpy())


def test_loading_from_an_empty_folder_says_how_to_make_a_set(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no image set: make it with ImageSet\.save"):
        ImageSet.load(tmp_path)


@pytest.mark.parametrize("at", ["images.npy", "meta.csv", "set.json"])
def test_an_interrupted_save_leaves_nothing_new(tmp_path, monkeypatch, at):
    old, folder = numbered(4), tmp_path / "set"
    old.save(folder)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    owner, name = {
        "images.npy": (np, "save"),
        "meta.csv": (pd.DataFrame, "to_csv"),
        "set.json": (type(folder), "write_text"),
    }[at]
    monkeypatch.setattr(owner, name, interrupted)
    for target in (folder, tmp_path / "other"):
        with pytest.raises(KeyboardInterrupt):
            numbered(6).save(target)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    assert rows(ImageSet.load(folder)) == [0, 1, 2, 3]
    with pytest.raises(FileNotFoundError):
        ImageSet.load(tmp_path / "other")


def test_a_set_may_replace_the_one_it_was_loaded_from(tmp_path):
    folder = numbered(6).save(tmp_path / "set")
    ImageSet.load(folder)[[5, 1]].save(folder)
    assert rows(ImageSet.load(folder)) == [5, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


# --- the reader's own arrays


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((4, 6, 5), (0, None, 1, 2)),
        ((4, 6, 5, 1), (0, 3, 1, 2)),
        ((4, 6, 5, 3), (0, 3, 1, 2)),
        ((4, 1, 6, 5), (0, 1, 2, 3)),
        ((4, 3, 6, 5), (0, 1, 2, 3)),
        ((4, 2, 6, 5), (0, 1, 2, 3)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_arrays_of_every_layout(shape, order, dtype):
    array = noise(*shape).numpy().astype(dtype)
    made = ImageSet.from_array(array, "mine", row=range(4))
    expected = array[:, None] if None in order else array.transpose(order)
    assert np.array_equal(made.images.numpy(), expected)
    assert made.images.dtype == (torch.uint8 if dtype == np.uint8 else torch.float32)
    assert made.images.is_contiguous()
    assert made.name == "mine"
    assert made.meta["row"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"must be \(N, C, H, W\), not \(4, 5\)"),
        (np.zeros((2, 3, 4, 5, 6), np.uint8), r"must be \(N, C, H, W\), not \(2, 3, 4, 5, 6\)"),
        (np.array([[[0.0, np.nan]]]), "mine: images hold NaN or infinite values"),
        (np.array([[[np.inf, 1.0]]]), "mine: images hold NaN or infinite values"),
        (np.zeros((2, 3, 3), np.int64), "mine: images are torch.int64; give levels .* as uint8"),
        (np.zeros((2, 3, 3), bool), "mine: images are torch.bool; give levels .* as uint8"),
    ],
)
def test_other_arrays_are_refused(array, message):
    with pytest.raises(ValueError, match=message):
        ImageSet.from_array(array, "mine")


def test_a_set_from_hdf5(tmp_path):
    path = tmp_path / "showers.h5"
    array = noise(4, 6, 5, 3).numpy()
    with h5py.File(path, "w") as file:
        file["photos/train"] = array
    made = ImageSet.from_hdf5(path, "photos/train")
    assert made.name == "showers"
    assert np.array_equal(made.images.numpy(), array.transpose(0, 3, 1, 2))


def test_hdf5_without_the_file_or_the_key(tmp_path):
    path = tmp_path / "showers.h5"
    with pytest.raises(FileNotFoundError, match=re.escape(f"no HDF5 file {path}")):
        ImageSet.from_hdf5(path)
    with h5py.File(path, "w") as file:
        file["energy"] = np.zeros(3)
        file["pixels"] = np.zeros((3, 4, 4))
    with pytest.raises(KeyError, match=r"no data set 'images'; it has \['energy', 'pixels'\]"):
        ImageSet.from_hdf5(path)


# --- the reader's own pictures


def write(path, height: int = 12, width: int = 12, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """Save one random picture."""
    picture = Image.fromarray(noise(height, width, 3, seed=seed).numpy()).convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return picture


def test_a_folder_is_read_in_the_order_and_with_the_labels_of_image_folder(tmp_path):
    for i, name in enumerate(["right/b.png", "left/10.png", "right/a.PNG", "left/deep/2.png"]):
        write(tmp_path / "snails" / name, seed=i)
    (tmp_path / "snails/notes.txt").write_text("not a picture")
    (tmp_path / "snails/left/._10.png").write_bytes(b"left behind by a file manager")
    made = ImageSet.from_folder(tmp_path / "snails")
    theirs = ImageFolder(
        tmp_path / "snails", transforms.PILToTensor(), is_valid_file=lambda p: "._" not in p
    )
    assert made.name == "snails"
    assert made.meta["path"].tolist() == [
        "left/10.png", "left/deep/2.png", "right/a.PNG", "right/b.png",
    ]  # fmt: skip
    assert made.meta["label"].tolist() == [theirs.classes[label] for _, label in theirs]
    assert torch.equal(made.images, torch.stack([image for image, _ in theirs]))


def test_a_flat_folder_has_empty_labels_also_after_saving(tmp_path):
    for name in "ab":
        write(tmp_path / f"flat/{name}.png", mode="L")
    made = ImageSet.from_folder(tmp_path / "flat", name="mine")
    assert made.images.shape == (2, 3, 12, 12)
    assert ImageSet.load(made.save(tmp_path / "saved")).meta["label"].tolist() == ["", ""]


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        ImageSet.from_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("pictures", [0, 1])
def test_a_folder_without_a_population(tmp_path, pictures):
    for i in range(pictures):
        write(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match=rf"holds {pictures} picture\(s\).*at least two"):
        ImageSet.from_folder(tmp_path)


def test_mixed_sizes_need_a_size(tmp_path):
    write(tmp_path / "a.png", 12, 16)
    write(tmp_path / "b.png", 20, 10)
    with pytest.raises(ValueError, match=r"mixes picture sizes .*a\.png 12x16.*b\.png 20x10.*size"):
        ImageSet.from_folder(tmp_path)
    assert ImageSet.from_folder(tmp_path, size=8).images.shape == (2, 3, 8, 8)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.9])
def test_a_damaged_picture_is_named(tmp_path, suffix, kept):
    write(tmp_path / f"good.{suffix}", 40, 40)
    whole = (tmp_path / f"good.{suffix}").read_bytes()
    (tmp_path / f"harmed.{suffix}").write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=rf"cannot read .*harmed\.{suffix} as a picture"):
        ImageSet.from_folder(tmp_path)


# --- steps of the pipeline, under the mirror and beside the published one


def photographs(size: int, n: int = 4) -> torch.Tensor:
    """Coloured, lopsided blobs with some noise: (n, 3, size, size) uint8."""
    y, x = torch.meshgrid(*2 * [torch.linspace(-1, 1, size)], indexing="ij")
    blobs = [
        torch.exp(-8 * ((x - 0.3 * c) ** 2 + (y - 0.1 * i) ** 2)) * (1 + 0.5 * torch.sin(9 * x + i))
        for i in range(n)
        for c in range(3)
    ]
    smooth = torch.stack(blobs).reshape(n, 3, size, size) * 150
    return (smooth + 0.05 * noise(n, 3, size, size)).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("size", [256, 250])
def test_resize_commutes_with_the_mirror_to_rounding(size):
    images = photographs(size)
    exact = equivariance_error(lambda x: resize(x, 64), images.float(), mirror, mirror)
    levels = equivariance_error(lambda x: resize(x, 64), images, mirror, mirror)
    assert exact.largest < 1e-3  # of 255 levels: the order of a sum in float32
    assert levels.largest <= 1  # where a value lies on the edge between two levels
    assert levels.rms < 0.01


def test_the_crop_of_an_odd_rest_does_not_commute_with_the_mirror():
    # 101 columns, 64 of them kept: the middle lies between two pixels
    wide = photographs(101)[:, :, :64]
    assert resize(wide, 64).shape[-2:] == (64, 64)
    assert equivariance_error(lambda x: resize(x, 64), wide, mirror, mirror).largest > 1
    even = photographs(100)[:, :, :64]
    assert equivariance_error(lambda x: resize(x, 64), even, mirror, mirror).largest == 0


@pytest.mark.parametrize("quality", [1, 20, 90])
def test_jpeg_breaks_the_mirror_more_where_blocks_are_cut(quality):
    grey = {size: to_grey(photographs(size, 2)) for size in (256, 250)}
    error = {
        size: equivariance_error(lambda x: reencode_jpeg(x, quality), images, mirror, mirror)
        for size, images in grey.items()
    }
    # 256 = 32 blocks of 8 pixels, and the cosine transform of a mirrored block is that of the
    # block with some signs changed: what is left is rounding, before and after quantisation
    assert error[256].largest <= 4
    assert error[256].rms < 0.2
    assert error[250].rms > 5 * error[256].rms
    assert error[250].largest > error[256].largest


def test_jpeg_keeps_the_shape_and_loses_quality():
    for images in (photographs(64), to_grey(photographs(64))):
        loss = [
            (reencode_jpeg(images, q).float() - images.float()).square().mean() for q in (1, 20, 90)
        ]
        assert loss[0] > loss[1] > loss[2] > 0
        assert reencode_jpeg(images, 20).shape == images.shape


def test_jpeg_is_what_pillow_writes():
    image = photographs(64, 1)
    file = io.BytesIO()
    Image.fromarray(image[0].permute(1, 2, 0).numpy()).save(file, "JPEG", quality=20)
    theirs = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    assert torch.equal(reencode_jpeg(image, 20)[0], theirs)


def test_jpeg_refuses_floats_and_other_qualities():
    with pytest.raises(ValueError, match=r"quality must lie in 1\.\.95, not 0"):
        reencode_jpeg(noise(1, 1, 8, 8), 0)
    with pytest.raises(ValueError, match=r"quality must lie in 1\.\.95, not 96"):
        reencode_jpeg(noise(1, 1, 8, 8), 96)
    with pytest.raises(ValueError, match=r"uint8 levels, not torch\.float32"):
        reencode_jpeg(torch.zeros(1, 1, 8, 8), 50)


@pytest.mark.parametrize("channels", [1, 3])
def test_normalise_is_the_published_one_and_commutes_with_the_mirror(channels):
    images = noise(2, channels, 9, 7)
    theirs = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(
        images.expand(-1, 3, -1, -1).float() / 255
    )
    torch.testing.assert_close(normalise(images), theirs)
    assert equivariance_error(normalise, images, mirror, mirror).largest == 0


def test_normalised_floats_are_only_widened():
    images = torch.randn(2, 1, 4, 4)
    assert torch.equal(normalise(images), images.expand(2, 3, 4, 4))


@pytest.mark.parametrize(("height", "width"), [(256, 256), (250, 250), (120, 200), (201, 130)])
def test_the_published_order_of_steps_differs_by_rounding_only(height, width):
    """Published: ToTensor, Normalize, Resize, CenterCrop.  Ours: resize as uint8, normalise."""
    image = photographs(256, 1)[:, :, :height, :width]
    published = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            transforms.Resize(64, antialias=True),
            transforms.CenterCrop(64),
        ]
    )
    theirs = published(Image.fromarray(image[0].permute(1, 2, 0).numpy()))
    levels = (
        (normalise(resize(image, 64))[0] - theirs).abs()
        * torch.tensor(IMAGENET_STD).reshape(3, 1, 1)
        * 255
    )
    assert 0.4 < levels.max() <= 0.5 + 1e-3
