import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from ntk_repro.data import dataset_sizes, load_dataset
from ntk_repro.errors import UserError
from tests.refusals import refused


def arrays(n=12, shape=(4, 5, 3), seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (n, *shape), dtype=np.uint8),
        "y_train": np.arange(n) % 3,
        "x_test": rng.integers(0, 256, (n // 2, *shape), dtype=np.uint8),
        "y_test": np.arange(n // 2) % 3,
    }


def saved(path, **changes):
    content = {key: value for key, value in {**arrays(), **changes}.items() if value is not None}
    np.savez(path / "mine.npz", **content)
    return path / "mine.npz"


def test_images_and_labels_are_taken_in_their_order(tmp_path):
    data = load_dataset(saved(tmp_path), standardize=False)
    np.testing.assert_array_equal(data.x_train, arrays()["x_train"] / np.float32(255))
    np.testing.assert_array_equal(data.y_test, arrays()["y_test"])
    assert data.y_train.dtype == np.int32
    assert (data.provenance.name, data.provenance.label, data.provenance.source) == ("mine.npz", "mine", "npz")


def test_floats_grey_images_and_further_arrays_are_taken(tmp_path):
    x = arrays()["x_train"] * 3.0 - 100
    path = saved(tmp_path, x_train=x, x_test=x[:3], y_test=[0, 1, 2], notes=np.array("mine"), objects=np.array([None]))
    data = load_dataset(str(path), standardize=False)
    np.testing.assert_array_equal(data.x_train, x)
    assert data.x_train.dtype == np.float32
    grey = {key: value[..., 0] for key, value in arrays().items() if key.startswith("x")}
    assert load_dataset(saved(tmp_path, **grey)).x_train.shape == (12, 4, 5, 1)


def test_classes_may_be_any_whole_numbers_and_come_from_anything_that_can_be_read_through(tmp_path):
    path = saved(tmp_path, y_train=np.arange(12) % 2 * 2 - 1, y_test=np.arange(6) % 2 * 2 - 1)
    with pytest.warns(UserWarning, match="the labels of mine.npz begin at -1, not at 0: number the classes 0, 1"):
        load_dataset(path)
    with pytest.warns(UserWarning, match="mine.npz has test images of classes without training images: 0$"):
        load_dataset(saved(tmp_path, y_train=np.arange(12) % 2 + 1))
    path = saved(tmp_path, y_train=np.arange(12) % 2 * 2 - 1, y_test=np.arange(6) % 2 * 2 - 1)
    expected = load_dataset(path, classes=(-1, 1)).y_train
    np.testing.assert_array_equal(expected, np.arange(12) % 2)
    for classes in (
        np.array([-1, 1]),
        jnp.array([-1, 1]),
        {-1: "no", 1: "yes"}.keys(),
        (number for number in (-1, 1)),
    ):
        data = load_dataset(path, classes=classes)
        np.testing.assert_array_equal(data.y_train, expected)
        assert data.provenance.classes == (-1, 1)
    assert dataset_sizes(path, classes=(number for number in (-1,))) == (6, 3)


FLOATS = arrays()["x_train"].astype(float)
NAN = arrays()["x_train"].astype(float)
NAN[[3, 7], 0, 0, 0] = np.nan
INFINITE = arrays()["x_test"].astype(float)
INFINITE[2, 1, 1, 0] = -np.inf
TOO_BIG = arrays()["x_train"] * 1e300
BLANK = arrays()["x_train"].copy()
BLANK[[4, 5, 6]] = 17
BLANK[9] = [1, 2, 3]  # one colour everywhere


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_test": None}, r"has no array 'y_test': it needs x_train, y_train, x_test, y_test \(it has x_train, "),
        ({"x_train": np.zeros((12, 5))}, r"x_train of .* has shape \(12, 5\): reshape the images to \(n, H, W\)"),
        ({"x_train": np.zeros((12, 4, 5, 3), complex)}, "convert the images to uint8 or floating point"),
        ({"x_train": np.full((12, 4, 5, 3), "a")}, "convert the images to uint8 or floating point"),
        ({"x_test": np.zeros((0, 4, 5, 3)), "y_test": np.zeros(0, int)}, "holds no pixels"),
        ({"x_test": arrays(shape=(4, 4, 3))["x_test"]}, r"differ in shape \(\(4, 5, 3\) and \(4, 4, 3\)\)"),
        (
            {"y_train": np.zeros(12)},
            r"y_train of .* has dtype float64: number the classes from 0, such as by numpy.unique",
        ),
        ({"y_train": np.zeros((12, 1), int)}, r"y_train of .* has shape \(12, 1\): flatten the labels to \(n,\)"),
        ({"y_train": np.eye(12, dtype=int)}, r"has shape \(12, 12\): .*; of one-hot rows take y_train.argmax"),
        ({"y_test": np.eye(6)}, r"has shape \(6, 6\): .*; of one-hot rows take y_test.argmax"),
        ({"x_test": FLOATS[:6]}, "has x_train uint8 and x_test float64, and only uint8 is read as 0..255"),
        ({"y_train": np.zeros(11, int)}, "has 12 images in x_train but 11 labels in y_train"),
        ({"y_train": np.full(12, 2**40)}, "labels beyond 32 bits"),
        ({"y_train": np.full(12, None)}, "holds Python objects, which are not read"),
        ({"x_train": NAN, "x_test": FLOATS[:6]}, r"2 images in x_train of mine.npz have NaN .* first at index 3\)"),
        ({"x_train": FLOATS, "x_test": INFINITE}, r"1 images in x_test of mine.npz have NaN .* first at index 2\)"),
        ({"x_train": TOO_BIG, "x_test": FLOATS[:6]}, "12 images in x_train of mine.npz have NaN or infinite values"),
        ({"x_train": BLANK}, r"4 images in x_train of mine.npz have one value everywhere \(the first at index 4\)"),
    ],
)
def test_faulty_contents_are_named(tmp_path, changes, sentence):
    refused(sentence, load_dataset, saved(tmp_path, **changes))


def test_the_index_named_is_that_in_the_file_also_for_a_subset(tmp_path):
    path = saved(tmp_path, x_train=NAN, x_test=FLOATS[:6])
    refused(r"2 images .* \(the first at index 3\)", load_dataset, path, n_train=12)


CUT, BARE = "an npz without its end", "one array"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then rubbish", b"text", CUT, BARE])
def test_a_file_that_is_not_an_npz_is_refused(tmp_path, content):
    path = saved(tmp_path)
    if content == CUT:
        content = path.read_bytes()[:-30]
    if content == BARE:
        np.save(tmp_path / "bare.npy", np.zeros(3))
        content = (tmp_path / "bare.npy").read_bytes()
    path.write_bytes(content)
    refused(r"mine\.npz is not a readable .npz file: write it again with numpy.savez", load_dataset, path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"there is no data file .*absent.npz: check the path, or name a data set"):
        load_dataset(tmp_path / "absent.npz")


def test_channels_first_are_refused_with_the_transposition(tmp_path):
    first = {f"x_{part}": arrays(n, (3, 8, 8))["x_train"] for part, n in (("train", 12), ("test", 6))}
    refused(r"channels first: .*, save x_train.transpose\(0, 2, 3, 1\)", load_dataset, saved(tmp_path, **first))
    last = {name: x.transpose(0, 2, 3, 1) for name, x in first.items()}
    assert load_dataset(saved(tmp_path, **last)).x_train.shape == (12, 8, 8, 3)


def test_arrays_that_memory_does_not_hold_are_refused(tmp_path):
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 2000, 2000, 10), }"
    content = header + b" " * (127 - len(header)) + b"\n"
    path = saved(tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in arrays():
            archive.writestr(f"{name}.npy", content)
    refused("holds arrays that do not fit into memory", load_dataset, path)
