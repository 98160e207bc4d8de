"""A small folder of images, with broken files, other modes and missing classes among it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ntk_repro.data import SNAKES, load_image_folder
from ntk_repro.errors import UserError
from tests.refusals import refused

CLASSES = ("adder", "boa")
SMALL = {"classes": CLASSES, "resize": 16, "crop": 12}


def picture(seed: int, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def fill(folder: Path, count: int, seed: int = 0) -> None:
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            picture(seed + 10 * number + i).save(folder / name / f"{i}.png")


@pytest.fixture
def folder(tmp_path) -> Path:
    fill(tmp_path / "images" / "train", 3)
    fill(tmp_path / "images" / "val", 2, seed=50)
    return tmp_path / "images"


def test_classes_are_numbered_in_the_order_named(folder):
    data = load_image_folder(folder, **SMALL)
    assert data.x_train.shape == (6, 12, 12, 3)
    assert data.x_test.shape == (4, 12, 12, 3)
    assert data.y_train.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.y_test.tolist() == [0, 0, 1, 1]
    assert data.x_train.dtype == np.float32
    np.testing.assert_allclose(data.x_train.mean((0, 1, 2)), 0, atol=1e-6)
    other = load_image_folder(folder, **{**SMALL, "classes": CLASSES[::-1]})
    np.testing.assert_array_equal(data.x_train[:3], other.x_train[3:])
    subset = load_image_folder(folder, n_train=4, n_test=1, seed=1, **SMALL)
    assert (len(subset.x_train), len(subset.x_test), subset.provenance.n_train) == (4, 1, 4)


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (31, 64), (9, 9)])
def test_the_shorter_side_is_resized_and_the_middle_cut_out(folder, size):
    """A smooth picture has the same values: the crop's at a pixel are the original's at that place."""
    height, width = size[1], size[0]
    rows, columns = np.mgrid[:height, :width]
    smooth = np.stack([100 * (rows + 0.5) / height + 50, 100 * (columns + 0.5) / width + 50, rows * 0], -1)
    target = folder / "val" / "boa" / "1.png"
    Image.fromarray(smooth.astype(np.uint8)).save(target)
    data = load_image_folder(folder, standardize=False, **SMALL)
    found = data.x_test[-1] * 255
    scale = 16 / min(size)
    tall, wide = int(height * scale + 1e-9), int(width * scale + 1e-9)
    i, j = np.mgrid[:12, :12]
    expected = np.stack([
        100 * (round((tall - 12) / 2) + i + 0.5) / tall + 50, 100 * (round((wide - 12) / 2) + j + 0.5) / wide + 50
    ], -1)  # fmt: skip
    np.testing.assert_allclose(found[2:-2, 2:-2, :2], expected[2:-2, 2:-2], atol=4)


def test_pixels_are_torchvisions_pipeline(folder):
    """Pillow's resize and crop, step by step."""
    image = picture(0).resize((21, 16), Image.Resampling.BILINEAR).crop((4, 2, 16, 14))
    data = load_image_folder(folder, standardize=False, **SMALL)
    np.testing.assert_array_equal(np.round(data.x_train[0] * 255).astype(np.uint8), np.asarray(image))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK", "LA", "YCbCr"])
def test_every_mode_becomes_rgb(folder, mode):
    image = picture(7, mode=mode)
    image.save(folder / "train" / "adder" / f"9.{'tiff' if mode in ('CMYK', 'YCbCr') else 'png'}")
    data = load_image_folder(folder, standardize=False, **SMALL)
    assert data.x_train.shape == (7, 12, 12, 3)
    if mode in ("L", "1", "LA"):
        np.testing.assert_array_equal(data.x_train[3, ..., 0], data.x_train[3, ..., 2])


def test_broken_files_are_skipped_and_counted(folder):
    content = (folder / "train" / "adder" / "0.png").read_bytes()
    (folder / "train" / "adder" / "a_cut.png").write_bytes(content[: len(content) // 2])
    (folder / "train" / "boa" / "empty.jpeg").write_bytes(b"")
    (folder / "val" / "boa" / "text.JPEG").write_text("no picture")
    (folder / "val" / "boa" / "readme.txt").write_text("is not listed at all")
    for _ in range(2):  # decoded, and from the cache
        data = load_image_folder(folder, **SMALL)
        assert (len(data.x_train), len(data.x_test)) == (6, 4)
        assert data.provenance.note.endswith("central crop 12; 3 unreadable files skipped")


def test_images_are_decoded_again_only_when_a_file_changes(folder, monkeypatch):
    first = load_image_folder(folder, **SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("ntk_repro.data.image_folder._decode", lambda *_: pytest.fail("decoded again"))
        np.testing.assert_array_equal(load_image_folder(folder, **SMALL).x_train, first.x_train)
    picture(99, size=(41, 30)).save(folder / "train" / "adder" / "0.png")
    assert (load_image_folder(folder, **SMALL).x_train[0] != first.x_train[0]).any()


def test_classes_without_parts_are_split(tmp_path):
    fill(tmp_path / "flat", 20)
    data = load_image_folder(tmp_path / "flat", **SMALL)
    assert np.bincount(data.y_train).tolist() == [18, 18]
    assert np.bincount(data.y_test).tolist() == [2, 2]
    fill(tmp_path / "single", 1)
    with pytest.raises(UserError, match=r"has 1 images in .*, of which a tenth is for testing: put at least two"):
        load_image_folder(tmp_path / "single", **SMALL)


def test_what_is_missing_is_named(folder, tmp_path):
    refused(r"there is no class folder .*train/n01728572 \(.*train has adder, boa\)", load_image_folder, folder)
    refused("there is no image folder", load_image_folder, tmp_path / "nowhere")
    for path in (folder / "val" / "boa").iterdir():
        path.write_bytes(b"broken")
    refused(r"class boa has no readable image in its test part \(2 files\)", load_image_folder, folder, **SMALL)
    (folder / "val").rename(folder / "other")
    refused("has no folder val/", load_image_folder, folder, **SMALL)


def test_settings_out_of_range_are_refused(folder):
    with pytest.raises(UserError, match="shorter side of 16 pixels must be from 1 to 16, not 17"):
        load_image_folder(folder, **{**SMALL, "crop": 17})
    for classes in ((), ("boa", "boa")):
        refused("classes must name each class once", load_image_folder, folder, **{**SMALL, "classes": classes})


def test_ten_snakes_by_default():
    assert len(set(SNAKES)) == 10
    assert all(len(name) == 9 and name.startswith("n017") for name in SNAKES)
