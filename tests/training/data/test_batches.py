import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eeinfer.errors import ConfigError
from eeinfer.preprocess import prepare
from eeinfer.training.data import load_dataset
from eeinfer.training.data.augment import (
    AUGMENTATIONS,
    Augmentation,
    affine,
    find_augmentation,
    flip,
    resized_crop,
    shift,
)
from eeinfer.training.data.batches import EvaluationBatches, Share, TrainingBatches, stream

SIZE = (16, 16)


def random() -> np.random.Generator:
    return np.random.default_rng(5)


def batches(augment: str = "crop-flip", size: int = 32, epoch: int = 0, share: Share = Share()) -> TrainingBatches:  # noqa: B008
    dataset = load_dataset("synthetic")
    return TrainingBatches(
        split=dataset.train,
        input=dataset.input(),
        augmentation=AUGMENTATIONS[augment],
        batch_size=size,
        stream=(0, 1, epoch),
        share=share,
    )


def test_an_epoch_shows_every_image_once() -> None:
    labels = torch.cat([targets for _, targets in stream(batches(), 0)])
    assert torch.bincount(labels).tolist() == [128] * 4


def test_a_batch_depends_on_nothing_but_seed_phase_epoch_and_number() -> None:
    ours, again, other = batches()[3], batches()[3], batches(epoch=1)[3]
    assert torch.equal(ours[0], again[0])
    assert not torch.equal(ours[0], other[0])


WORKERS = """
import torch
from eeinfer.training.data import load_dataset
from eeinfer.training.data.augment import AUGMENTATIONS
from eeinfer.training.data.batches import TrainingBatches, stream
dataset = load_dataset("synthetic")
batches = TrainingBatches(
    split=dataset.train,
    input=dataset.input(),
    augmentation=AUGMENTATIONS["crop-flip"],
    batch_size=128,
    stream=(0, 1, 0),
)
for ours, theirs in zip(stream(batches, 0), stream(batches, 1), strict=True):
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
"""


def test_workers_prepare_the_same_batches() -> None:
    """In a process of its own.

    Once a thread has computed with AMX, the kernel ends a process at the next signal for which a library has set up
    too small a stack, and torch's workers end with a signal. Here many libraries share a process with other tests.
    """
    done = subprocess.run([sys.executable, "-c", WORKERS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_processes_share_a_batch_without_overlap() -> None:
    whole = batches("none", 32)[0]
    parts = [batches("none", 32, share=Share(rank=rank, world=2))[0] for rank in (0, 1)]
    assert torch.equal(parts[0][0], whole[0][0::2])
    assert torch.equal(parts[1][1], whole[1][1::2])


def test_the_incomplete_last_batch_is_left_out() -> None:
    assert [len(targets) for _, targets in stream(batches(size=200), 0)] == [200, 200]


def test_evaluation_sees_what_deployment_will_see_in_order() -> None:
    dataset = load_dataset("synthetic")
    found = EvaluationBatches(split=dataset.test, input=dataset.input(), batch_size=50)
    assert len(found) == 3
    x = torch.cat([x for x, _ in stream(found, 0)])
    assert np.array_equal(x.numpy(), prepare(dataset.test.images, dataset.input()))  # type: ignore[arg-type]
    assert np.array_equal(torch.cat([targets for _, targets in stream(found, 0)]).numpy(), dataset.test.labels)


@pytest.mark.parametrize("shape", [(4, 16, 16), (4, 16, 16, 3)])
@pytest.mark.parametrize("name", ["none", "crop", "crop-flip", "affine-flip", "trivial"])
def test_augmentations_keep_shape_and_kind(name: str, shape: tuple[int, ...]) -> None:
    images = random().integers(0, 256, shape, np.uint8)
    changed = AUGMENTATIONS[name].change(images, random(), SIZE)
    assert changed.shape == shape
    assert changed.dtype == np.uint8


def test_shifting_moves_each_image_within_an_eighth() -> None:
    images = np.zeros((64, 16, 16), np.uint8)
    images[:, 8, 8] = 255
    rows, columns = np.nonzero(shift(images, random(), SIZE))[1:]
    assert len(rows) == 64
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 10, 6, 10)


def test_flipping_mirrors_about_half_of_the_images() -> None:
    images = np.tile(np.arange(16, dtype=np.uint8), (200, 16, 1))
    flipped = flip(images, random(), SIZE)
    mirrored = (flipped[:, 0, 0] == 15).sum()
    assert 70 < mirrored < 130
    assert all(np.array_equal(image, images[0]) or np.array_equal(image, images[0][:, ::-1]) for image in flipped)


def test_affine_without_luck_is_near_the_identity() -> None:
    class Middle:
        def uniform(self, low: float, high: float, size: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return np.zeros(size)  # type: ignore[call-overload, no-any-return]

    images = random().integers(0, 256, (3, 16, 16, 3), np.uint8)
    assert np.array_equal(affine(images, Middle(), SIZE), images)  # type: ignore[arg-type]


def test_random_crops_come_out_at_the_networks_size() -> None:
    images = [random().integers(0, 256, (40, 30, 3), np.uint8), random().integers(0, 256, (17, 90, 3), np.uint8)]
    assert resized_crop(images, random(), (12, 20)).shape == (2, 12, 20, 3)


def test_trivial_augmentation_and_erasing_leave_torchs_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    batches("trivial")[0]
    assert torch.equal(torch.rand(2), expected)


def test_files_of_many_sizes_are_cropped_once(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (40 + number, 50), (200, 30, 90)).save(tmp_path / part / label / f"{number}.png")
    dataset = load_dataset("imagefolder", tmp_path)
    found = TrainingBatches(
        split=dataset.train,
        input=dataset.input((24, 24)),
        augmentation=Augmentation(pixels=(resized_crop,), any_size=True, scales=True),
        batch_size=4,
        stream=(0, 1, 0),
    )
    x, _ = found[0]
    assert x.shape == (4, 3, 24, 24)
    assert x.std(dim=(0, 2, 3)).max() < 1e-5, "one colour in, one colour out"
    whole = replace(find_augmentation("auto", dataset))
    assert whole.any_size
    assert whole.scales


def test_augmentations_for_one_size_are_refused_for_files_of_many(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            Image.new("RGB", (40, 50)).save(tmp_path / part / label / "0.png")
    dataset = load_dataset("imagefolder", tmp_path)
    with pytest.raises(ConfigError, match="'crop' needs images of one size; for imagefolder choose of: none, resized"):
        find_augmentation("crop", dataset)


def test_unknown_augmentations_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown augmentation 'blur': known are auto, none, crop"):
        find_augmentation("blur", load_dataset("digits"))
