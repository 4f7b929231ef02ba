from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from eeinfer.bundle.manifest import Input, Preprocess, TensorSpec
from eeinfer.errors import InputError
from eeinfer.preprocess import prepare, prepare_images

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def colour(height: int = 8, width: int = 10, **rule: int | str) -> Input:
    tensor = TensorSpec(name="input", dtype="float32", shape=(3, height, width))
    return Input(tensor=tensor, preprocess=msgspec.structs.replace(Preprocess(mean=MEAN, std=STD), **rule))


def grey(size: int = 8) -> Input:
    tensor = TensorSpec(name="input", dtype="float32", shape=(1, size, size))
    return Input(tensor=tensor, preprocess=Preprocess(mean=(0.5,), std=(0.25,)))


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def normalised(image: np.ndarray) -> np.ndarray:
    """[B, H, W, 3] 8-bit to [B, 3, H, W], in float64 and in so many words."""
    return ((image / 255 - np.array(MEAN)) / np.array(STD)).transpose(0, 3, 1, 2)


class Unreadable:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("it lies elsewhere\nfor a reason")


class Flat(np.ndarray):
    """An array that understands its shape in its own way, as ``matrix`` does."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key).ravel()

    def reshape(self, *_: object, **__: object) -> Any:
        return self.ravel()


def test_pixels_are_scaled_and_normalised_channel_by_channel() -> None:
    batch = pixels(4, 8, 10, 3)
    out = prepare(batch, colour())
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, normalised(batch), atol=1e-6)


@pytest.mark.parametrize("size", [(30, 21), (21, 30), (16, 16), (8, 10), (5, 3)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_other_sizes_are_scaled_by_the_shorter_side_and_cropped_at_the_centre(
    size: tuple[int, int], interpolation: str
) -> None:
    image = Image.fromarray(pixels(*size, 3))
    short = min(size)
    scaled = image.resize((12 * size[1] // short, 12 * size[0] // short), Image.Resampling[interpolation.upper()])
    left, top = round((scaled.width - 10) / 2), round((scaled.height - 8) / 2)
    expected = np.asarray(scaled.crop((left, top, left + 10, top + 8)))
    out = prepare(image, colour(resize=12, interpolation=interpolation))
    np.testing.assert_allclose(out, normalised(expected[np.newaxis]), atol=1e-5)


def test_without_a_resize_rule_any_size_is_scaled_straight_to_the_input() -> None:
    image = Image.fromarray(pixels(33, 17, 3))
    expected = np.asarray(image.resize((10, 33), Image.Resampling.BILINEAR).resize((10, 8), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(prepare(image, colour()), normalised(expected[np.newaxis]), atol=1e-5)


def test_every_pillow_scales_across_before_it_scales_down() -> None:
    image = [
        *([248, 194, 190], [207, 147, 26], [237, 21, 245], [211, 239, 45], [5, 157, 159]),
        *([60, 54, 236], [109, 46, 199], [82, 32, 205], [36, 7, 134]),
    ]
    rule = Preprocess(interpolation="bicubic", mean=(0.0,), std=(1 / 255,))
    made = prepare(
        np.array(image, np.uint8), Input(tensor=TensorSpec(name="x", dtype="float32", shape=(1, 2, 2)), preprocess=rule)
    )
    np.testing.assert_allclose(made[0, 0], [[173, 137], [62, 141]], atol=1e-4)  # down first, as Pillow 13: 63


def test_an_image_gives_the_same_in_every_form() -> None:
    array, rule = pixels(20, 30, 3), colour(resize=11)
    expected = prepare(Image.fromarray(array), rule)
    for form in (array, array[np.newaxis], [array], (Image.fromarray(array),), list(array[np.newaxis])):
        np.testing.assert_array_equal(prepare(form, rule), expected)
    np.testing.assert_array_equal(prepare([array, Image.fromarray(array)][:1], rule), expected)


def test_grey_images_give_the_same_in_every_form() -> None:
    array = pixels(8, 8)
    expected = prepare(array, grey())
    assert expected.shape == (1, 1, 8, 8)
    for form in (array[np.newaxis], array[..., np.newaxis], array[np.newaxis, ..., np.newaxis], Image.fromarray(array)):
        np.testing.assert_array_equal(prepare(form, grey()), expected)
    assert prepare(pixels(5, 8, 8), grey()).shape == (5, 1, 8, 8)
    assert prepare([pixels(8, 8), pixels(20, 9)], grey()).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_pillow_images_are_converted_to_the_channels_of_the_network(mode: str) -> None:
    image = Image.fromarray(pixels(9, 9, 3)).convert("L" if mode == "LA" else mode).convert(mode)
    assert prepare(image, colour()).shape == (1, 3, 8, 10)
    np.testing.assert_array_equal(prepare(image, grey()), prepare(np.asarray(image.convert("L")), grey()))


def test_a_list_of_pillow_images_of_many_sizes_is_one_batch() -> None:
    images = [Image.fromarray(pixels(size, size + 2, 3)) for size in (9, 14, 40)]
    out = prepare(images, colour(resize=12))
    for row, image in zip(out, images, strict=True):
        np.testing.assert_array_equal(row, prepare(image, colour(resize=12))[0])


@given(rows=st.integers(1, 4), single=st.booleans())
def test_a_prepared_tensor_is_passed_on_untouched(rows: int, single: bool) -> None:
    tensor = np.random.default_rng(rows).normal(size=(rows, 3, 8, 10)).astype(np.float32)
    out = prepare(tensor[0] if single else tensor, colour())
    np.testing.assert_array_equal(out, tensor[:1] if single else tensor)
    np.testing.assert_array_equal(prepare(list(tensor), colour()), tensor)
    odd = np.frombuffer(b"." + tensor.tobytes(), np.float32, offset=1).reshape(tensor.shape)
    for form in (np.asfortranarray(tensor), odd):
        assert prepare(form, colour()).flags.carray
        np.testing.assert_array_equal(prepare(form, colour()), tensor)


def test_inputs_that_are_no_images_need_no_rule() -> None:
    tokens = Input(tensor=TensorSpec(name="input", dtype="int64", shape=(7,)))
    assert prepare(np.zeros((2, 7), np.int64), tokens).shape == (2, 7)
    assert prepare(np.zeros(7, np.int64), tokens).shape == (1, 7)
    with pytest.raises(InputError, match="nothing about 8-bit images"):
        prepare(pixels(7), Input(tensor=TensorSpec(name="input", dtype="float32", shape=(7,))))


@pytest.mark.parametrize(
    ("images", "text"),
    [
        ([], "the list is empty"),
        (np.zeros((0, 3, 8, 10), np.float32), "batch is empty"),
        (np.zeros((0, 8, 10, 3), np.uint8), "array is empty"),
        (Image.new("RGB", (0, 5)), "0 x 5 pixels"),
        (np.zeros((1, 3, 8, 10)), "dtype float64.*astype"),
        (np.zeros((1, 8, 10, 3), np.int64), "dtype int64.*uint8"),
        (np.zeros((1, 3, 8, 10), np.float16), "dtype float16"),
        (np.zeros((1, 3, 8, 10), ">f4"), "dtype >f4"),
        (np.zeros((1, 3, 8, 10), bool), "dtype bool"),
        (np.zeros((3, 8, 11), np.float32), r"\[1, 3, 8, 11\].*\[batch, 3, 8, 10\].*resized"),
        (np.zeros((1, 8, 10, 3), np.float32), r"\[1, 8, 10, 3\]"),
        (np.zeros((8, 10), np.float32), r"\[8, 10\]"),
        (np.zeros((1, 1, 3, 8, 10), np.float32), r"\[1, 1, 3, 8, 10\]"),
        (np.zeros((8, 10), np.uint8), r"\[8, 10\].*3 channel.*Pillow image"),
        (np.zeros((2, 8, 10), np.uint8), "3 channel"),
        (np.zeros((2, 8, 10, 1), np.uint8), "3 channel"),
        (np.zeros((2, 3, 8, 10), np.uint8), "last axis"),
        (np.zeros((2, 2, 8, 10, 3), np.uint8), r"\[2, 2, 8, 10, 3\]"),
        (np.uint8(3), r"\[\]"),
        ("cat.png", "are a str.*PIL.Image.open"),
        (None, "are a NoneType"),
        (["cat.png"], "holds a str"),
        ([[1, 2]], "holds a list"),
        ([np.zeros((8, 10), np.uint8)], r"shape \[8, 10\].*uint8 \[H, W, 3\]"),
        ([np.zeros((2, 8, 10, 3), np.uint8)], "each must be one image"),
        ([np.zeros((2, 3, 8, 10), np.float32)], "each must be one image"),
        ([Image.new("RGB", (8, 8)), np.zeros((8, 8, 3), np.uint8)], "mixes Pillow images with a ndarray"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((3, 8, 10), np.float32)], "mixes .* dtype float32 and uint8"),
        ([np.zeros((3, 8, 10), np.float32), np.zeros((8, 10, 3), np.uint8)], "mixes .* dtype"),
        (Image.new("F", (8, 8)), "mode F, which has no 8-bit form"),
        (np.ma.masked_array(pixels(8, 10, 3), pixels(8, 10, 3) > 200), "masked pixels"),
        (np.zeros((8, 10, 3), object), "dtype object"),
        (np.zeros((8, 10), [("r", "u1"), ("g", "u1")]), "dtype"),
        (np.zeros((8, 10), "U3"), "dtype <U3"),
        (np.zeros((8, 10), "M8[s]"), "dtype datetime64"),
        (Unreadable(), "a Unreadable that NumPy cannot read: it lies elsewhere"),
    ],
)
def test_what_the_network_does_not_take_is_refused(images: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        prepare(images, colour())  # type: ignore[arg-type]  # wrong types are the point


def test_a_colour_image_is_not_taken_for_a_batch_of_narrow_grey_ones() -> None:
    for channels in (3, 4):
        with pytest.raises(InputError, match="1 channel"):
            prepare(pixels(8, 8, channels), grey())
    assert prepare(pixels(5, 4, 4), grey(4)).shape == (5, 1, 4, 4)


def test_grey_with_alpha_is_not_taken_for_a_batch() -> None:
    for form in (pixels(8, 8, 2), pixels(28, 28, 2), [pixels(8, 8, 2)]):
        with pytest.raises(InputError, match=r"2\]"):
            prepare(form, grey())
    with pytest.raises(InputError, match="1 channel"):
        prepare(pixels(8, 8, 3), grey(4))  # too narrow for images of this network: colour, not a batch


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "matrix": lambda array: array.view(np.matrix) if array.ndim == 2 else array,
    "record array": lambda array: array.view(np.recarray),
    "masked without a masked pixel": np.ma.masked_array,
    "every second row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "upside down twice": lambda array: array[::-1].copy()[::-1],
    "columns first": np.asfortranarray,
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "unaligned": lambda array: np.frombuffer(b"." + array.tobytes(), array.dtype, offset=1).reshape(array.shape),
    "of a class of its own": lambda array: array.view(Flat),
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_every_kind_count_as_the_plain_array_they_hold(form: str) -> None:
    grey_pixels = pixels(9, 12)
    np.testing.assert_array_equal(prepare(FORMS[form](grey_pixels), grey()), prepare(grey_pixels, grey()))
    np.testing.assert_array_equal(prepare([FORMS[form](grey_pixels)], grey()), prepare(grey_pixels, grey()))
    row = Input(tensor=TensorSpec(name="input", dtype="float32", shape=(5,)))
    rows = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    out = prepare(FORMS[form](rows), row)
    assert type(out) is np.ndarray
    assert out.flags.c_contiguous
    assert out.flags.aligned
    np.testing.assert_array_equal(out, rows)


shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=12)
kinds = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.datetime64_dtypes(),
    hnp.byte_string_dtypes(),
    st.just(np.dtype("u1")),
    st.just(np.dtype("f4")),
)


@settings(deadline=None)  # the machine may be busy
@given(
    dtype=kinds, shape=shapes, form=st.sampled_from(sorted(FORMS)), input=st.sampled_from([colour(), grey(), grey(4)])
)
def test_any_array_is_prepared_or_refused(
    dtype: np.dtype[Any], shape: tuple[int, ...], form: str, input: Input
) -> None:
    array = np.zeros(shape, dtype)
    try:
        out = prepare(FORMS[form](array) if array.ndim and array.size else array, input)
    except InputError:
        return
    assert out.dtype == np.float32
    assert out.shape[1:] == input.tensor.shape
    assert out.flags.c_contiguous
    assert out.shape[0] in (1, *shape[:1])


def test_a_memory_mapped_array_counts_as_the_array_it_holds(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", pixels(5, 9, 12))
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    np.testing.assert_array_equal(prepare(mapped, grey()), prepare(pixels(5, 9, 12), grey()))


def test_a_thin_image_is_not_scaled_beyond_every_measure() -> None:
    with pytest.raises(InputError, match=r"1 x 20000 pixels, its shorter side scaled to 256, has 256 x 5120000"):
        prepare(np.zeros((20000, 1, 3), np.uint8), colour(resize=256))
    assert prepare(np.zeros((2000, 1, 3), np.uint8), colour(resize=12)).shape == (1, 3, 8, 10)


def test_a_rule_needs_channels_that_pillow_knows() -> None:
    tensor = TensorSpec(name="input", dtype="float32", shape=(2, 8, 8))
    two = Input(tensor=tensor, preprocess=Preprocess(mean=(0, 0), std=(1, 1)))
    with pytest.raises(InputError, match="2 channels"):
        prepare(Image.new("RGB", (8, 8)), two)
    assert prepare(pixels(9, 9, 2), two).shape == (1, 2, 8, 8)


def test_images_to_train_on_are_those_that_the_bundle_will_see() -> None:
    photos = [pixels(20, 30, 3), Image.fromarray(pixels(9, 12, 3))]
    input = colour(8, 10, resize=12)
    assert input.preprocess is not None
    mixed = [photos[0], np.asarray(photos[1])]
    np.testing.assert_array_equal(prepare_images(mixed, input.preprocess, (8, 10)), prepare(mixed, input))
    assert prepare_images(pixels(5, 9), Preprocess(mean=(0.5,), std=(0.25,)), (4, 4)).shape == (1, 1, 4, 4)
    with pytest.raises(InputError, match="give at least one"):
        prepare_images([], input.preprocess, (8, 10))
