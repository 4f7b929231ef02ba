from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer.bench.evaluate import confused, evaluate
from eeinfer.errors import DataError


def test_counts_are_what_the_engine_answers(tiny_bundle: Path) -> None:
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (70, 8, 8), dtype=np.uint8), draw.integers(0, 5, 70)
    with eeinfer.load(tiny_bundle, tau=0.3) as engine:
        found = evaluate(engine, images, labels, data="noise")
        every, result = engine.all_exits(images), engine(images)
    assert found.accuracy == pytest.approx((result.predictions == labels).mean())
    assert [exit.left for exit in found.exits] == np.bincount(result.exits, minlength=3).tolist()
    assert [exit.accuracy for exit in found.exits] == pytest.approx((every.predictions == labels[:, None]).mean(0))
    assert found.flops == pytest.approx(result.flops.mean())
    confusion = np.array(found.confusion)
    assert confusion.sum(axis=1).tolist() == np.bincount(labels, minlength=5).tolist()
    assert np.trace(confusion) == (result.predictions == labels).sum()
    worst = confused(found, 1)[0]
    assert worst[2] == (confusion - np.diag(np.diag(confusion))).max()
    assert found.interval[0] < found.accuracy < found.interval[1]


def test_labels_that_do_not_fit_are_refused(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle) as engine, pytest.raises(DataError, match="the bundle knows the classes 0 to 4"):
        evaluate(engine, np.zeros((1, 8, 8), np.uint8), np.array([7]))
