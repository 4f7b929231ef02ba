"""Bundles that take 8-bit pixels as they are, measured on data sets, arrays and files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eeinfer
from eeinfer.arrays import take
from eeinfer.bench.data import given_images
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError
from eeinfer.export import fold_preprocess

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)


@pytest.fixture(scope="module", params=["nhwc", "nchw"])
def raw_bundle(request: pytest.FixtureRequest, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fold_preprocess(tiny_bundle, tmp_path_factory.mktemp("raw") / "raw.eeb", layout=request.param)


def as_array(folder: Path, bundle: Path) -> str:
    np.savez(folder / "grey.npz", images=PIXELS, labels=np.zeros(6, np.int64))
    return str(folder / "grey.npz")


def as_tensor(folder: Path, bundle: Path) -> str:
    [input] = Bundle.open(bundle).manifest.inputs
    np.savez(folder / "ready.npz", images=PIXELS.reshape(6, *input.tensor.sizes()), labels=np.zeros(6, np.int64))
    return str(folder / "ready.npz")


def as_files(folder: Path, bundle: Path) -> str:
    for i, image in enumerate(PIXELS):
        Image.fromarray(image).save(folder / f"{i}.png")
    return str(folder)


@pytest.mark.parametrize("given", [as_array, as_tensor, as_files])
def test_images_come_in_the_order_of_axes_that_the_bundle_reads(
    raw_bundle: Path, tiny_bundle: Path, tmp_path: Path, given: object
) -> None:
    assert callable(given)
    found = given_images(raw_bundle, given(tmp_path, raw_bundle))
    assert len(found) == 6
    with eeinfer.load(tiny_bundle, threads=1) as before, eeinfer.load(raw_bundle, threads=1) as after:
        wanted = before.all_exits(PIXELS)
        for images in (take(found.images, np.arange(6)), found.images[:6]):
            whole = images if isinstance(images, np.ndarray) else [*images]
            np.testing.assert_allclose(after.all_exits(whole).logits, wanted.logits, atol=1e-5)


def test_images_of_another_size_are_refused(raw_bundle: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "wide.npz", images=np.zeros((2, 9, 8), np.uint8), labels=np.zeros(2, np.int64))
    with pytest.raises(DataError, match=r"the images are 9 x 8 x 1, and the bundle takes 8-bit pixels of exactly"):
        given_images(raw_bundle, str(tmp_path / "wide.npz"))
