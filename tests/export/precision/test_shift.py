"""The shift report, on answers made up by hand."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import ExportError
from eeinfer.export.precision.real_images import Part, RealImages
from eeinfer.export.precision.shift import Seen, report, seen
from eeinfer.export.reference import Exit

SCORES = np.array([[0.95, 0.2, 0.3], [0.1, 0.95, 0.3], [0.1, 0.2, 0.3], [0.91, 0.2, 0.3]], np.float32)
PREDICTIONS = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3], [4, 0, 0]])


@pytest.fixture
def manifest(tiny_bundle: Path) -> Manifest:
    return msgspec.structs.replace(Bundle.open(tiny_bundle).manifest, taus=(0.9, 0.9, 0.9))


def images(labels: list[int] | None) -> RealImages:
    rows = np.arange(len(SCORES))
    every = None if labels is None else np.array(labels)
    pixels = np.zeros((4, 1, 8, 8), np.float32)
    return RealImages(
        name="made up",
        calibration=Part(images=pixels, rows=rows[:2]),
        report=Part(images=pixels, rows=rows, every_label=every),
    )


def test_a_score_that_sinks_below_tau_moves_its_image_to_a_later_exit(manifest: Manifest) -> None:
    before, after = Seen(scores=SCORES, predictions=PREDICTIONS), Seen(scores=SCORES.copy(), predictions=PREDICTIONS)
    after.scores[3, 0] = 0.89
    found = report(before, after, manifest, images([1, 2, 3, 4]), calibrated=True, how="by hand")
    [default, *others] = found.taus
    costs = [segment.cumulative_flops for segment in manifest.segments]
    assert default.taus == (0.9, 0.9, 0.9)
    assert (default.moved, default.mean_exit_before, default.mean_exit_after) == (0.25, 0.75, 1.25)
    assert default.flops_before == np.mean([costs[0], costs[1], costs[2], costs[0]])
    assert default.flops_after == np.mean([costs[0], costs[1], costs[2], costs[2]])
    assert (default.accuracy_before, default.accuracy_after) == (1.0, 0.75)
    assert all(tau.taus != default.taus for tau in others)
    [first, second, _] = found.exits
    assert first.max_score_shift == pytest.approx(0.02, abs=1e-6)
    assert first.mean_score_shift == pytest.approx(0.005, abs=1e-6)
    assert (second.max_score_shift, second.predictions_equal) == (0, 1)
    assert (found.images, found.calibration_images, found.computed) == (4, 2, "by hand")


def test_without_labels_nothing_is_said_about_accuracy(manifest: Manifest) -> None:
    before = Seen(scores=SCORES, predictions=PREDICTIONS)
    other = PREDICTIONS.copy()
    other[:2, 2] = 4
    found = report(before, Seen(scores=SCORES, predictions=other), manifest, images(None), calibrated=False, how="")
    assert {exit.accuracy_before for exit in found.exits} | {tau.accuracy_after for tau in found.taus} == {None}
    assert [exit.predictions_equal for exit in found.exits] == [1, 1, 0.5]
    assert found.calibration_images == 0


def test_a_score_that_is_no_number_names_the_exit_and_how_many_images(manifest: Manifest) -> None:
    def run(batch: np.ndarray) -> list[Exit]:
        score = np.where(np.arange(len(batch)) == 0, np.nan, 0.5).astype(np.float32)
        good = np.full(len(batch), 0.5, np.float32)
        return [{"score": s, "prediction": np.zeros(len(batch), np.int64)} for s in (good, score, good)]

    with pytest.raises(ExportError, match=r"exit 1 has no finite score for 2 of 4 images.*--precision bf16"):
        seen(run, images(None).report, manifest.input, 2)
