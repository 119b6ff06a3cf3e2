"""Proofs of the faults that book/errata.md lists; each test carries the entry's number there.

What is transcribed from a source is the least that shows the fault, in our own words.
"""

from __future__ import annotations

import io
import re

import h5py
import numpy as np
import pytest
import torch
from parity_nb.discovery.components import principal_components
from PIL import Image
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import CenterCrop

from parity_nb.calorimeters.augmentation import PUBLISHED_NAMES as NAMES
from parity_nb.calorimeters.augmentation import PUBLISHED_SLOTS, published_selection
from parity_nb.calorimeters.files import read_images, write_images
from parity_nb.calorimeters.methods.hypotheses import counting_power, likelihood_power
from parity_nb.calorimeters.networks.classifiers import (
    PlainNet,
    published_variants,
    symmetry_averaging,
)
from parity_nb.calorimeters.world.disc import (
    UNIFORM,
    draw_events,
    turn_images,
    turn_images_as_published,
)
from parity_nb.calorimeters.world.hard_process import CLASSES
from parity_nb.data import project_root
from parity_nb.networks import PublishedNet
from parity_nb.neutrinos.networks import PrintedMobileNet, weights
from parity_nb.neutrinos.methods import purity_efficiency
from parity_nb.objectives import mean_over_std
from parity_nb.records import published
from parity_nb.statistics import positive_fraction
from parity_nb.symmetry import (
    Element,
    Group,
    Symmetrised,
    equivariance_error,
    half_turn,
    half_turn_parity,
    mirror,
    mirror_where,
    parity,
    random_half,
    roll,
)

BATCH = 2447
"""Images that one test batch of Gibbon (2023) holds."""


@pytest.fixture(scope="module")
def gibbon():
    return published("gibbon2023snails").set_index("name")


@pytest.fixture(scope="module")
def shokar():
    return published("shokar2020").set_index("name")


def fractions(gibbon):
    """The rows of Tables 4 and 6: value and error as fractions, n."""
    rows = gibbon[gibbon.place.isin(["Table 4", "Table 6"])]
    return rows.assign(value=rows.value / 100, error=rows.error / 100)


# --- 1 to 7: how the test fractions were found


def draws(loader: DataLoader, times: int) -> torch.Tensor:
    """What the appendix evaluates: the first batch of a freshly shuffled loader, `times` times."""
    return torch.cat([next(iter(loader)) for _ in range(times)])


def test_1_fresh_shuffles_repeat_some_images_and_miss_others():
    batches, size = 10, 100
    items = torch.arange(batches * size)
    torch.manual_seed(0)
    seen = draws(DataLoader(items, batch_size=size, shuffle=True), batches)
    assert len(seen) == len(items), "as many evaluations as there are images ..."
    share = len(seen.unique()) / len(items)
    assert share == pytest.approx(1 - (1 - 1 / batches) ** batches, abs=0.03)  # ... not all seen


def test_1_coverage_for_the_published_sizes(gibbon):
    batches = fractions(gibbon).n / BATCH
    coverage = 1 - (1 - 1 / batches) ** batches
    assert coverage["M1 S"] == pytest.approx(0.75)
    assert coverage["L1 S"] == pytest.approx(0.65, abs=0.001)
    assert coverage["L5 S"] == pytest.approx(0.644, abs=0.001)
    assert coverage["L3 S"] == 1


def test_2_every_published_test_set_is_a_whole_number_of_batches(gibbon):
    assert (fractions(gibbon).n % BATCH == 0).all()


@pytest.mark.parametrize(
    ("row", "images", "removed"),
    [
        ("L1 S", "Helicoidea images", None),
        ("L2 S", "Helicoidea images", "Helicoidea hands removed"),
        ("L5 S", "Stylommatophora images", "Stylommatophora hands removed"),
    ],
)
def test_2_and_the_largest_that_fits_into_a_fifth_of_the_images(gibbon, row, images, removed):
    kept = gibbon.value[images] - (gibbon.value[removed] if removed else 0)
    test_set = (1 - gibbon.value["training share"] / 100) * kept
    assert gibbon.n[row] == test_set // BATCH * BATCH < test_set


def test_3_redrawn_batches_spread_more_than_the_quoted_error():
    batches, size, p = 10, 200, 0.5
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        positive = rng.random(batches * size) < p  # a new test set, then batches drawn from it
        found.append(np.mean([rng.permutation(positive)[:size].mean() for _ in range(batches)]))
    quoted = np.sqrt(p * (1 - p) / (batches * size))
    expected = np.sqrt(2 - 1 / batches)
    assert np.std(found) / quoted == pytest.approx(expected, rel=4 / np.sqrt(2 * len(found)))
    assert expected > 1.37


def test_4_a_zero_counts_as_not_positive():
    f = torch.zeros(8)
    assert torch.count_nonzero(f > 0).item() / len(f) == 0, "the appendix's fraction"
    f[0], f[1] = 1, -1
    assert torch.count_nonzero(f > 0).item() / len(f) == 0.125
    assert positive_fraction(f).fraction == 0.5


def test_4_zeros_do_occur():
    symmetric = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    symmetric = symmetric + mirror(symmetric)
    f = Symmetrised(PublishedNet(), parity())(symmetric)
    assert torch.count_nonzero(f) == 0


def test_5_the_printed_errors_are_binomial_not_poisson(gibbon):
    rows = fractions(gibbon)
    binomial = np.sqrt(rows.value * (1 - rows.value) / rows.n)
    poisson = np.sqrt(rows.value / rows.n)
    last_digit = np.where(rows.error < 0.001, 0.0001, 0.001)
    assert (abs(rows.error - binomial) <= last_digit / 2).all()
    assert poisson["M3 S"] / rows.error["M3 S"] > 15


def test_5_the_loss_has_the_sample_standard_deviation():
    f = torch.tensor([1.0, 2.0, 4.0, 9.0])
    assert torch.std(f).item() == pytest.approx(np.std(f.numpy(), ddof=1))
    assert torch.std(f) != torch.sqrt(f.mean()), "a Poisson one"
    assert torch.std(f).item() > np.std(f.numpy()), "one with n"


def test_6_a_coin_flip_after_preprocessing_hides_an_asymmetric_pipeline():
    generator = torch.Generator().manual_seed(0)
    raw = torch.rand(4000, 1, 8, 8, generator=generator)  # a population without handedness
    coin = random_half(len(raw), generator)

    def pipeline(x):
        return x + torch.linspace(0, 1, 8)  # a camera that is brighter on the right

    def f(x):
        return (x * torch.linspace(-1, 1, 8)).sum((1, 2, 3))  # odd, and fond of the right

    assert equivariance_error(f, raw, mirror, torch.neg).relative < 1e-6
    as_it_is = positive_fraction(f(pipeline(raw)))
    coin_first = positive_fraction(f(pipeline(mirror_where(raw, coin))))
    coin_last = positive_fraction(f(mirror_where(pipeline(raw), coin)))
    assert as_it_is.fraction > 0.99 and coin_first.fraction > 0.99, "the pipeline's fault shows"
    assert coin_last.positive == pytest.approx(len(raw) / 2, abs=3 * np.sqrt(len(raw)) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_6_it_is_a_fair_coin_whatever_the_images_and_the_network(seed):
    torch.manual_seed(seed)
    network = Symmetrised(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 1)),
                          half_turn_parity())  # fmt: skip
    x = torch.rand(50, 1, 8, 8)
    coin = random_half(len(x), torch.Generator().manual_seed(seed))
    with torch.no_grad():
        f, flipped = network(x), network(mirror_where(x, coin))
    torch.testing.assert_close(flipped, torch.where(coin, -f, f), rtol=1e-4, atol=1e-6)


def spread(row, batches):
    """Standard deviation of a fraction from redrawn batches (3), as a fraction."""
    return np.sqrt(row.value * (1 - row.value) / row.n * (2 - 1 / batches))


def test_7_colour_against_grey_is_not_decided(gibbon):
    rows = fractions(gibbon)
    colour, grey = rows.loc["L2 S"], rows.loc["L4 S"]
    batches = colour.n / BATCH
    # the images are the same, so their own scatter may cancel; that of redrawing cannot
    redrawing = [r.value * (1 - r.value) / r.n * (1 - 1 / batches) for r in (colour, grey)]
    assert (colour.value - grey.value) / np.sqrt(sum(redrawing)) < 1.8


def test_7_swapped_networks_are_not_a_detection(gibbon):
    row = fractions(gibbon).loc["L6 S"]
    z = (row.value - 0.5) / spread(row, row.n / BATCH)
    assert 1.7 < z < 1.9
    one_sided = stats.norm.sf(z)
    assert one_sided > 0.03


# --- 8 to 10: training


def test_8_both_groups_train_one_network():
    """The appendix makes one network, hands it to S and SLR, trains S and then SLR."""
    torch.manual_seed(0)
    network = nn.Linear(2, 1, bias=False)  # odd already
    nets = {"S": network, "SLR": network}
    optimisers = {name: torch.optim.SGD(net.parameters(), lr=0.1) for name, net in nets.items()}
    fresh = network.weight.detach().clone()

    for _ in range(20):
        optimisers["S"].zero_grad()
        mean_over_std(nets["S"](torch.randn(64, 2) + 1).squeeze(1)).backward()
        optimisers["S"].step()

    assert torch.equal(nets["SLR"].weight, nets["S"].weight), "SLR starts where S ended"
    assert not torch.equal(nets["SLR"].weight, fresh)


def test_9_the_weights_are_saved_under_one_name_and_sought_under_another():
    for word in ("", "EXTENSION", "_END15", "_M3"):
        saved = "S" + word + ".pth"
        sought = "S" + ("_END" + str(15) + word) + ".pth"
        assert saved != sought


@pytest.mark.filterwarnings("ignore:std:UserWarning")
def test_10_a_last_batch_of_one_image_ruins_the_network():
    one = torch.tensor([0.3], requires_grad=True)
    loss = -one.mean() / torch.std(one)
    loss.backward()
    assert torch.isnan(loss) and torch.isnan(one.grad).all()
    with pytest.raises(ValueError, match="at least two values"):
        mean_over_std(one)


# --- 11 to 13: preparing images


def test_11_the_jpeg_quality_ends_at_100():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert jpeg(noise, 200)[0] == jpeg(noise, 100)[0]
    assert jpeg(noise, 0)[0] == jpeg(noise, 1)[0]
    assert jpeg(noise, 100)[0] != jpeg(noise, 90)[0]


def jpeg(image: np.ndarray, quality: int) -> tuple[bytes, np.ndarray]:
    """The JPEG file of an image (H, W) or (H, W, 3), and the image that it decodes to."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue(), np.asarray(Image.open(file))


def smooth_image(width: int, seed: int = 0) -> np.ndarray:
    noise = torch.rand(1, 1, width, width, generator=torch.Generator().manual_seed(seed))
    noise = nn.functional.avg_pool2d(noise, 5, 1, 2)[0, 0]
    return (255 * (noise - noise.min()) / (noise.max() - noise.min())).byte().numpy()


@pytest.mark.parametrize("quality", [1, 20, 90])
def test_12_jpeg_breaks_parity_where_blocks_do_not_fill_the_width(quality):
    def moved(width):
        image = smooth_image(width)
        left, right = jpeg(image[:, ::-1].copy(), quality)[1], jpeg(image, quality)[1][:, ::-1]
        return np.abs(left.astype(int) - right).mean()

    assert moved(250) > 2, "grey levels, on average over the image"
    assert moved(256) < 0.05


@pytest.mark.parametrize("width", range(64, 74))
def test_13_the_centre_crop_is_off_centre_for_odd_widths(width):
    image = torch.arange(64 * width).reshape(1, 64, width)
    crop = CenterCrop(64)
    commutes = torch.equal(crop(mirror(image)), mirror(crop(image)))
    assert commutes == (width % 2 == 0)


# --- 14 to 16: theory


def test_14_angular_momentum_is_r_cross_p():
    rng = np.random.default_rng(0)
    r, p = rng.normal(size=(2, 3))
    momentum = np.cross(r, p)
    np.testing.assert_allclose(np.cross(-r, -p), momentum)  # axial: parity leaves it
    np.testing.assert_allclose(np.cross(momentum, -r), -np.cross(momentum, r))  # L x r: polar


def test_15_one_mirror_pair_does_not_make_a_set_symmetric():
    images = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    images[1] = mirror(images[0])  # condition (b): there is a pair; the third image is alone
    found = {tuple(x.flatten().tolist()) for x in images}
    mirrored = {tuple(x.flatten().tolist()) for x in mirror(images)}
    assert found != mirrored
    assert len(found & mirrored) == 2


def test_16_more_than_half_is_no_evidence_by_itself():
    """A symmetric population, any odd function: above one half in half of all samples."""
    for n in (2447, 4894, 24470):
        assert stats.binom.sf(n // 2, n, 0.5) == pytest.approx(0.5, abs=0.01)


def test_16_on_its_own_training_images_an_odd_function_always_finds_something():
    rng = np.random.default_rng(0)
    training, test = rng.normal(size=(2, 200, 1000))  # symmetric under x -> -x
    w = training.mean(axis=0)  # f(x) = w . x is odd
    assert (training @ w > 0).mean() > 0.95
    assert positive_fraction(test @ w).p_exact > 0.001


def test_17_untrained_networks_lean_on_a_lopsided_population():
    """The letter F in noise, turned upside down at random: never its own mirror image."""
    torch.manual_seed(0)
    letter = torch.zeros(1, 8, 8)
    letter[0, 1:7, 2] = letter[0, 1, 2:6] = letter[0, 3, 2:5] = 1.0
    upside_down = torch.rand(2000) < 0.5
    images = torch.where(upside_down[:, None, None, None], half_turn(letter), letter)
    images = images + 0.5 * torch.randn(2000, 1, 8, 8)
    leaning, above = 0, 0
    for _ in range(40):
        g = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        with torch.no_grad():
            found = positive_fraction(Symmetrised(g, half_turn_parity())(images))
        leaning += min(found.p_mid, 1 - found.p_mid) < 0.0005
        above += found.fraction > 0.5
    assert leaning > 20
    assert 8 < above < 32


# --- 18 to 21: Hewson, Handley and Lester


@pytest.fixture(scope="module")
def hewson():
    return published("hewson2024chiral").set_index("name")


@pytest.fixture(scope="module")
def diluted(hewson):
    """Fractions, sizes, shares of chiral items and the caps that follow from them."""
    rows = hewson[hewson.index.str.contains("%") & ~hewson.index.str.endswith("SLR")]
    share = rows.index.str.extract(r"([\d.]+) ?%", expand=False).astype(float) / 100
    return rows.assign(value=rows.value / 100, share=share, cap=0.5 + share / 2)


def test_18_the_last_term_needs_a_minus():
    x = torch.rand(8, 1, 5, 5, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.rand(25, 1, generator=torch.Generator().manual_seed(1)).double()
    group = half_turn_parity()

    def residuals(signs):
        def f(x):
            copies = group.orbit(x).reshape(4, -1, 25)
            return (torch.tensor(signs).double()[:, None] * (copies @ weights)[..., 0]).sum(0)

        odd = equivariance_error(f, x, group["P"].act, torch.neg)
        even = equivariance_error(f, x, group["R180"].act, lambda f: f)
        return odd.relative, even.relative

    assert group.names == ("e", "R180", "P", "R180 P")
    assert max(residuals((1, 1, -1, -1))) < 1e-12
    assert min(residuals((1, 1, -1, 1))) > 0.1, "as printed"


def test_19_three_fractions_exceed_their_caps(diluted):
    excess = (diluted.value - diluted.cap) / np.sqrt(diluted.cap * (1 - diluted.cap) / diluted.n)
    beyond = set(excess.index[excess > 4])
    assert beyond == {
        "SPR-RI-5-1% S",
        "3-D angles, chiral share 5 %",
        "3-D vectors, chiral share 5 %",
    }


def test_19_a_perfect_function_reaches_the_cap_and_no_more(diluted):
    rng = np.random.default_rng(0)
    for q in diluted.share.unique():
        chiral = rng.random(1_000_000) < q
        f = np.where(chiral, 1, rng.choice([-1, 1], chiral.size))
        assert positive_fraction(f).fraction == pytest.approx(0.5 + q / 2, abs=4 * 0.5e-3)


def test_20_the_smallest_detection_is_below_one_half_and_could_not_be_seen(hewson):
    row = hewson.loc["SPR-RI-5-0.1% S"]
    assert (row.value - 50) / row.error == pytest.approx(-8)
    assert (100 * 0.001 / 2) / row.error < 0.2


def test_21_the_nulls_scatter_by_twice_their_errors(hewson):
    table = hewson[hewson.place == "Table I"]
    null = table[table.index.str.endswith("SLR") | table.index.str.startswith(("F-", "RI "))]
    assert (null.n == 10 * 2400).all()
    z = (null.value - 50) / (100 * np.sqrt(0.25 / null.n))
    assert stats.chi2.sf((z**2).sum(), len(z)) < 1e-6
    assert 1.5 < np.sqrt((z**2).mean()) < 2.5
    assert (z > 3).any() and (z < -3).any()


# --- 22 to 27: events and pictures of neutrinos


def test_22_the_first_line_needs_a_name_that_does_not_exist():
    with pytest.raises(NameError, match="folder"):
        exec("files_list = [f for f in folder if f.endswith('.h5')]", {})


def test_22_the_loop_over_prongs_sees_one_of_them():
    column = np.zeros((500, 1))  # a column of the file, as h5py gives it
    assert len(range(column.shape[1])) == 1 < len(column)


@pytest.mark.parametrize("weighted", [True, False])
def test_23_with_weights_nothing_is_cut_and_without_them_nothing_is_joined(weighted):
    fields = ["run 1", "subrun 2", "evt 3", "subevt 4", "cycle 5"]
    picture = ",".join(fields)
    truth = ",".join(fields + ["genweight 1.0"] * weighted)
    joined = {truth} if ",".join(truth.split(",")[:-1]) == picture else set()
    cut = {picture}  # the event fails every cut
    assert joined - cut == ({truth} if weighted else set())


def test_24_no_two_neighbouring_cells_of_a_plane_stay_together():
    number = np.arange(100 * 80).reshape(100, 80)
    seen = np.rot90(number).reshape(100, 80)
    place = np.empty((8000, 2), int)
    place[seen.ravel()] = np.argwhere(seen >= 0)
    across = np.abs(place[number[:, 1:]] - place[number[:, :-1]]).max(-1)
    along = np.abs(place[number[1:]] - place[number[:-1]]).max(-1)
    assert (across > 1).all()
    assert (along == 1).mean() > 0.98


def test_25_twice_the_energy_is_the_same_picture():
    picture = np.random.default_rng(0).integers(0, 120, (2, 80, 100)).astype(float)

    def stretched(x):
        with np.errstate(invalid="ignore"):
            return (x - x.min()) / (x.max() - x.min())

    np.testing.assert_allclose(stretched(2 * picture), stretched(picture))
    assert np.isnan(stretched(0 * picture)).all()


def test_26_the_chance_of_being_kept_is_not_proportional_to_the_weight():
    number = np.random.default_rng(0).uniform(1, 10, 200_000)
    kept = {w: (w > number).mean() for w in (0.9, 2.0, 6.0)}
    assert kept[0.9] == 0
    assert kept[6.0] / kept[2.0] == pytest.approx(5, abs=0.1)  # and not 3


def test_27_three_draws_hold_every_rare_event_three_times(shokar):
    rng = np.random.default_rng(0)
    rare = np.arange(3100) < 100
    draws = [np.flatnonzero(rare | (rng.random(3100) > 0.97)) for _ in range(3)]
    times = np.bincount(np.concatenate(draws), minlength=3100)
    assert (times[rare] == 3).all() and (times[~rare] < 2).mean() > 0.99
    assert shokar.loc["balanced nue"].value % 3 == 0


# --- 28 to 34: black holes and sphalerons


@pytest.fixture(scope="module")
def thesis():
    return published("irootsar2023").set_index("name")


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


def test_28_the_two_versions_of_the_layer_are_one():
    y = torch.rand(2, 3, 8, 8)
    by_parts = torch.cat((y[:, :, -1:], y[:, :, :-1]), dim=2)  # the second definition's shift
    assert torch.equal(by_parts, roll(y, 1))


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
    slots = [name for name, _ in PUBLISHED_SLOTS]
    stored = slots * 5  # the copies of five events

    def trained(name):
        chosen = published_selection(name, len(stored))
        return {stored[i] for i in chosen}, len(chosen)

    assert trained("None") == ({"original"}, 5)
    assert trained("Flip Horizontal") == ({"original", "phi roll"}, 10)
    assert trained("Random Shift Y") == ({"original", "half turn"}, 10)
    assert trained("Rotate 180") == ({"original"}, 9)  # the first is missed the second time
    assert trained("Combined") == (set(slots), 20)


def test_31_dropout_on_the_logits_caps_the_training_accuracy():
    torch.manual_seed(0)
    n, p = 100_000, 0.3
    labels = torch.arange(2).repeat(n // 2)
    certain = torch.where(torch.nn.functional.one_hot(labels) == 1, 50.0, -50.0)
    dropped = nn.Dropout(p).train()(certain)
    accuracy = (dropped.argmax(1) == labels).double().mean().item()
    assert accuracy == pytest.approx(1 - p**2 / 2, abs=0.003)


def test_31_the_published_accuracies_stay_below_the_cap(thesis):
    cap = 100 * (1 - thesis.value["dropout"] ** 2 / 2)
    trained = thesis[thesis.index.str.endswith("training accuracy")].value
    assert len(trained) == 2 and ((trained <= cap) & (trained > cap - 0.6)).all()


def test_32_the_best_epoch_on_the_test_set_is_too_good(thesis):
    rng = np.random.default_rng(0)
    n, epochs = int(thesis.n["plain"]), int(thesis.value["epochs"])
    true, fickle = 0.937, 0.02  # accuracy of every epoch; share of events on which epochs differ
    best = []
    for _ in range(200):
        settled = rng.binomial(n, true - fickle / 2)  # right in all epochs
        best.append((settled + rng.binomial(int(n * fickle), 0.5, epochs)).max() / n)
    excess = 100 * (np.mean(best) - true)
    gains = [thesis.value[f"plain, {name}"] - thesis.value["plain, None"] for name in NAMES[1:]]
    assert excess > 0.1 and excess > min(gains) / 2
    assert thesis.value["plain, best epoch"] > thesis.value["plain"]


def test_32_weights_kept_by_reference_are_the_last_ones():
    model = nn.Linear(2, 1)
    kept = model.state_dict()
    with torch.no_grad():
        model.weight += 1
    assert torch.equal(kept["weight"], model.weight)


def test_33_the_augmentations_differ_in_steps_and_hardly_in_accuracy(thesis):
    stored = 4 * int(thesis.value["training events"])
    images = {name: len(published_selection(name, stored)) for name in ("Combined", *NAMES)}
    assert images["Combined"] == 4 * images["None"]
    assert all(images[name] == pytest.approx(2 * images["None"], abs=1) for name in NAMES[1:])
    value = thesis.value
    binomial = 100 * np.sqrt(0.94 * 0.06 / thesis.n["plain, None"])
    twice = value["plain, Rotate 180"]  # the originals twice: the same number of steps
    for name in ("Flip Horizontal", "Random Shift Y"):
        assert 0 < value[f"plain, {name}"] - twice < 1.1 * binomial


def test_34_more_of_the_label_never_excludes():
    value = published("grefsrud2023").set_index("name").value
    table = np.array([[value[f"{a} as {b}"] for b in CLASSES] for a in CLASSES])
    six, four = CLASSES.index("BH_n6_M10"), CLASSES.index("BH_n4_M10")
    assert table[four].argmax() == table[six].argmax() == six
    assert all(counting_power(table, six, four, n) <= 0.05 for n in (10, 100, 1000, 5000))
    assert likelihood_power(table, six, four, 150) > 0.5


# --- 35 to 43: Shokar (2020), networks and their training


def test_35_the_stated_weights_need_the_factor_twice(shokar):
    stated = shokar.value["weights"]
    assert weights(PrintedMobileNet(alpha_twice=True)) == stated
    assert weights(PrintedMobileNet(alpha_twice=False)) == 499_872

    def printed_width(channels, t, alpha):  # of `_bottleneck`, through `_conv_block`
        return int(channels * t * alpha)

    assert [printed_width(c, 6, 0.25) / c for c in (4, 16, 40)] == [1.5] * 3


def test_36_the_last_normalisation_of_a_block_is_a_fixed_map():
    mean, variance = torch.zeros(4), torch.ones(4)
    x = 5 + 7 * torch.randn(32, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for _ in range(3):  # three training steps
        y = nn.functional.batch_norm(x, mean, variance, training=False, eps=1e-3)
    assert torch.allclose(y, x / 1.001**0.5)
    assert mean.abs().max() == 0 and (variance == 1).all()


class PrintedReversal(torch.autograd.Function):
    """The gradient of `reverse_gradient(X, hp_lambda)`."""

    @staticmethod
    def forward(ctx, x, hp_lambda):
        ctx.hp_lambda = hp_lambda
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient * 0.5 * ctx.hp_lambda, None


def printed_branch(features, DANN_strength):
    """What the printed model does to its pooled features on their way to the discriminator."""
    x = PrintedReversal.apply(features, 1.0)
    return torch.cat([x[: len(x) // 2], x[: len(x) // 2]])


def test_37_every_strength_gives_the_same_gradient():
    found = []
    for strength in (0.1, 0.3, 0.5, 0.7, 0.9):
        x = torch.ones(4, requires_grad=True)
        printed_branch(x, strength).sum().backward()
        found.append(x.grad.tolist())
    assert found == [found[0]] * 5
    assert found[0] == [-1.0, -1.0, 0.0, 0.0], "twice 0.5 for the first half, nothing for the other"


def test_38_a_perfect_discriminator_scores_three_quarters():
    domains = torch.randint(0, 2, (20_000, 32), generator=torch.Generator().manual_seed(0))
    seen = torch.cat([domains[:, :16], domains[:, :16]], 1)
    score = (seen == domains).double()
    assert score[:, :16].mean() == 1
    assert score[:, 16:].mean().item() == pytest.approx(0.5, abs=4 * 0.5 / (20_000 * 16) ** 0.5)
    assert score.mean().item() == pytest.approx(0.75, abs=0.005)


def test_38_the_mean_gradient_is_halved():
    """Over batches, for a head that separates two domains along one axis."""
    generator = torch.Generator().manual_seed(1)
    slopes = {"right": [], "printed": []}
    for _ in range(400):
        d = torch.randint(0, 2, (64,), generator=generator).double()
        x = torch.randn(64, generator=generator).double() + 2 * d - 1
        for name in slopes:
            w = torch.zeros((), dtype=torch.float64, requires_grad=True)
            half = torch.cat([x[:32], x[:32]])
            logits = w * (x if name == "right" else half)
            nn.functional.binary_cross_entropy_with_logits(logits, d).backward()
            slopes[name].append(w.grad.item())
    right, printed = (np.array(v) for v in slopes.values())
    error = printed.std() / 400**0.5 / abs(right.mean())
    assert printed.mean() / right.mean() == pytest.approx(0.5, abs=5 * error)


def test_39_class_labels_of_the_target_reach_the_loss():
    """`generator` with model = "dann" fills the labels of each event, whatever file it is from."""
    rows = [("_genie_", 1), ("gibuu", 2), ("_genie_", 3), ("gibuu", 1)]
    batch_labels = np.zeros((4, 3))
    for index, (_, label) in enumerate(rows):  # no branch looks at the file
        batch_labels[index] = np.eye(3)[label - 1]
    logits = torch.zeros(4, 3, requires_grad=True)
    loss = -(torch.tensor(batch_labels) * logits.log_softmax(1)).sum(1).mean()
    loss.backward()
    target = torch.tensor(["gibuu" in file for file, _ in rows])
    assert (logits.grad[target].abs().sum(1) > 0).all()


def test_39_no_adversarial_run_reaches_the_fair_baseline(shokar):
    runs = shokar.value[shokar.index.str.startswith("adversarial")]
    assert len(runs) == 6
    assert runs.max() < shokar.value["both to both"]


def test_40_the_target_was_easier_and_equal_runs_differ_as_much_as_strengths(shokar):
    value = shokar.value
    assert value["GENIE to GiBUU"] > value["GENIE to GENIE"]
    equal = abs(value["adversarial, 0.5"] - value["adversarial, 0.5 again"])
    strengths = [value[f"adversarial, {s}"] for s in (0.1, 0.2, 0.4, 0.5, 0.7)]
    assert equal > 0.9 * (max(strengths) - min(strengths))


def test_41_every_node_has_the_same_purity_and_efficiency():
    rng = np.random.default_rng(0)
    scores, nodes, truth = rng.random(200), rng.random((200, 5)), rng.integers(0, 3, 200)

    def node_pe(node):
        for j in np.arange(0, 0.25, 0.01):
            purity_list, efficiency_list = [], []
            above, below = ([[], [], []] for _ in range(2))
            for i in range(200):
                (above if scores[i] >= j else below)[truth[i]].append(nodes[i, node])
            purity_list.append(len(above[1]) / sum(map(len, above)))
            efficiency_list.append(len(above[1]) / (len(above[1]) + len(below[1])))
        return purity_list, efficiency_list

    curves = [node_pe(node) for node in range(5)]
    assert curves == [curves[0]] * 5
    assert len(curves[0][0]) == 1, "of 25 cuts"


def test_42_purity_does_not_depend_on_the_weights():
    rng = np.random.default_rng(0)
    scores, signal = rng.random(100), rng.random(100) < 0.5

    def printed_purity(weights, j=0.4):
        above = {s: [] for s in (True, False)}
        for i in range(100):
            if scores[i] >= j:
                above[bool(signal[i])].append(scores[i] * weights[i])
        return len(above[True]) / (len(above[True]) + len(above[False]))

    heavy = np.where(signal, 10.0, 0.1)
    assert printed_purity(np.ones(100)) == printed_purity(heavy)
    ours = [purity_efficiency(scores, signal, [0.4], w).purity[0] for w in (np.ones(100), heavy)]
    assert ours[0] == pytest.approx(printed_purity(heavy))
    assert ours[1] > ours[0] + 0.3


def test_43_training_accuracy_does_not_stop_a_network_that_overfits():
    """EarlyStopping(monitor="accuracy", patience=10) on curves like those of a memory."""
    epochs = np.arange(200)
    training = 1 - 0.5 * np.exp(-epochs / 60)
    validation = 0.7 - 0.5 * np.exp(-epochs / 8) - 0.001 * epochs

    def stops(monitored, patience=10):
        best, waited = -np.inf, 0
        for epoch, value in enumerate(monitored):
            best, waited = (value, 0) if value > best else (best, waited + 1)
            if waited >= patience:
                return epoch
        return len(monitored)

    assert stops(training) == 200
    assert stops(validation) < 50


# --- Witkowski and Whiteson (2023)


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


# --- the thesis on calorimeters (2023): its files


def test_46_the_third_picture_is_event_ten(tmp_path):
    pictures = torch.zeros(12, 3, 50, 50)
    pictures[:, 0, 0, 0] = torch.arange(12.0)  # each picture carries its number
    path = write_images(tmp_path / "events.h5", pictures, "BH_n4_M10")
    with h5py.File(path) as file:
        as_listed = np.array([file[key]["data"] for key in list(file)])
    assert as_listed[:4, 0, 0, 0].tolist() == [0, 1, 10, 11]
    assert read_images(path).images[:, 0, 0, 0].tolist() == list(range(12))


def test_47_the_heat_map_is_one_picture_too_bright():
    pictures = np.random.default_rng(0).exponential(size=(5, 50, 50, 3))
    combined = pictures[0].copy()
    for picture in pictures:
        combined = np.add(combined, picture)
    np.testing.assert_allclose(combined - pictures.sum(0), pictures[0])


# --- the page


# --- 48: symmetry in hidden layers


def test_48_pca_image_of_a_layer_that_knows_no_position_is_the_picture():
    chance = torch.Generator().manual_seed(0)
    picture = (torch.rand(400, generator=chance) < 0.4).float()
    directions, offset = torch.randn(2, 32, generator=chance)
    layer = torch.tanh(picture[:, None] * directions + offset)
    image, share = principal_components(layer[None])
    assert share[0, 0] > 0.9999
    assert torch.corrcoef(torch.stack([image[0, 0], picture]))[0, 1].abs() > 0.9999
    # shuffled pixels give the shuffled image: the layer knows nothing of where a pixel is
    order = torch.randperm(400, generator=chance)
    shuffled, _ = principal_components(layer[order][None])
    assert torch.allclose(shuffled[0, 0], image[0, 0][order], atol=1e-3)


def test_every_entry_has_its_proof_and_every_proof_its_entry():
    page = (project_root() / "book/errata.md").read_text(encoding="utf-8")
    entries = {int(n) for n in re.findall(r"^### (\d+)\. ", page, re.MULTILINE)}
    proofs = {int(m.group(1)) for m in map(re.compile(r"test_(\d+)_").match, globals()) if m}
    assert entries == proofs
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named <= set(globals()), "the page names tests that do not exist"
    for number in entries:
        assert any(name.startswith(f"test_{number}_") for name in named), f"entry {number}"
