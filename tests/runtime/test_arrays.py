"""Pillow images and image files: which pixels come out, upright, of 8 bits, or which words."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from eeinfer import InputError
from eeinfer.arrays import MOST_PIXELS, all_finite, finite_rows, read_image, to_pixels
from eeinfer.errors import DataError

DRAW = np.random.default_rng(0)
COLOUR = DRAW.integers(0, 256, (6, 9, 3), np.uint8)
WIDE = DRAW.integers(0, 1 << 16, (6, 9)).astype(np.uint16)
# EXIF's orientation -> how the camera turned what stands upright
TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_photos_are_turned_as_exif_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.ascontiguousarray(TURNS[orientation](COLOUR))).save(path, exif=tag)
    np.testing.assert_array_equal(read_image(path), COLOUR)
    with Image.open(path) as image:
        np.testing.assert_array_equal(to_pixels(image, 3), COLOUR)


def test_a_damaged_exif_block_leaves_the_photo_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "photo.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_image(tmp_path / "photo.png"), COLOUR)


@pytest.mark.parametrize("name", ["wide.png", "wide.tif"])
def test_16_bits_are_scaled_to_8(tmp_path: Path, name: str) -> None:
    Image.fromarray(WIDE).save(tmp_path / name)
    expected = np.round(WIDE / 65535 * 255).astype(np.uint8)[..., np.newaxis]
    np.testing.assert_array_equal(read_image(tmp_path / name, channels=1), expected)
    np.testing.assert_array_equal(read_image(tmp_path / name), np.repeat(expected, 3, axis=2))
    np.testing.assert_array_equal(to_pixels(Image.fromarray(WIDE), 1), expected)
    big_endian = Image.frombytes("I;16B", (9, 6), WIDE.astype(">u2").tobytes())
    np.testing.assert_array_equal(to_pixels(big_endian, 1), expected)


def test_a_palette_with_transparency_keeps_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    image.save(tmp_path / "palette.png", transparency=bytes([0, 128] * 8))
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), expected)


@pytest.mark.parametrize("mode", ["RGBA", "RGBX", "LA", "PA"])
def test_transparency_is_dropped(mode: str) -> None:
    plain = Image.fromarray(COLOUR).convert("L" if mode in ("LA", "PA") else "RGB")
    np.testing.assert_array_equal(to_pixels(plain.convert(mode), 3), np.asarray(plain.convert("RGB")))


def test_a_cmyk_photo_shows_its_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (32, 32), (250, 10, 10))
    red.convert("CMYK").save(tmp_path / "print.jpg", quality=100)
    np.testing.assert_allclose(read_image(tmp_path / "print.jpg").mean((0, 1)), (250, 10, 10), atol=4)


def test_of_several_frames_the_current_one_counts(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "film.gif", 1).mean() == 10
    with Image.open(tmp_path / "film.gif") as film:
        film.seek(1)
        assert to_pixels(film, 1).mean() == 200


@pytest.mark.parametrize("mode", ["I", "F", "LAB", "La"])
def test_pixels_without_an_8_bit_form_are_refused_by_their_mode(mode: str) -> None:
    with pytest.raises(InputError, match=f"mode {mode}, which has no 8-bit form"):
        to_pixels(Image.new(mode, (3, 3)), 3)


def test_a_file_in_lab_is_refused_by_its_name(tmp_path: Path) -> None:
    lab = ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    turned = ImageCms.applyTransform(Image.fromarray(COLOUR), to_lab)
    assert turned is not None
    turned.save(tmp_path / "lab.tif")
    with pytest.raises(DataError, match=r"lab\.tif: the image has mode LAB"):
        read_image(tmp_path / "lab.tif")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"words")
    with pytest.raises(DataError, match=r"no\.png is not an image file"):
        read_image(tmp_path / "no.png")
    with pytest.raises(DataError, match=r"gone\.png cannot be read: No such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)
    Image.fromarray(DRAW.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    for end in range(8, len(whole) - 12, len(whole) // 40):
        (tmp_path / "cut.png").write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"cut\.png"):
            read_image(tmp_path / "cut.png")


def test_a_file_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (9460, 9460)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match=r"large\.png is too large|large\.png: the image has 9460 x 9460 pixels"):
        read_image(tmp_path / "large.png")
    with pytest.raises(InputError, match=f"more than the {MOST_PIXELS:,}"):
        to_pixels(Image.new("1", (9460, 9460)), 1)


def test_a_truncated_pillow_image_is_an_error_of_the_input(tmp_path: Path) -> None:
    Image.fromarray(DRAW.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:600])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(InputError, match="cannot be decoded"):
        to_pixels(image, 3)


def finite(rows: np.ndarray) -> list[bool]:
    return finite_rows({"x": rows}).tolist()


def test_rows_with_nan_or_infinite_values_are_found() -> None:
    rows = np.zeros((6, 2, 3), np.float32)
    rows[1, 1, 2], rows[2, 0, 0], rows[3, 0, 1] = np.nan, np.inf, -np.inf
    rows[4] = np.finfo(np.float32).max
    assert finite(rows) == [True, False, False, False, True, True]
    rows[5, 0] = np.inf, -np.inf, 0
    assert not finite(rows)[5]
    assert finite(np.zeros((2, 3), np.int64)) == [True, True]


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 28, 28), (1, 3, 64, 64)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_one_broken_number_is_found_wherever_it_stands(shape: tuple[int, ...], dtype: str) -> None:
    row = np.ones(shape, dtype)
    largest = np.finfo(dtype).max if row.dtype.kind == "f" else np.iinfo(dtype).max
    for number in (largest, -largest, 0):  # their squares overflow, and nothing is wrong with them
        row.flat[0] = row.flat[-1] = number
        assert all_finite(row)
    if row.dtype.kind == "f":
        for at, broken in ((0, np.nan), (1, np.inf), (-1, -np.inf)):
            row[...] = 1
            row.flat[at] = broken
            assert not all_finite(row)
        row.flat[:3] = np.inf, -np.inf, 1
        assert not all_finite(row)
