"""A promise from start to end: what is certified on one half is measured on the other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eeinfer.bench import BenchConfig
from eeinfer.bench.thresholds.config import ThresholdsConfig
from eeinfer.bench.thresholds.unseen import on_unseen, render_unseen
from eeinfer.bundle.certificate import CertifiedPromise
from eeinfer.samples import bundle_path, images
from eeinfer.thresholds.split import halves

FAST = BenchConfig(rounds=1, min_seconds=0, max_seconds=0.1, warmup=0, pairs=1, threads=1, latency_samples=8)


@pytest.fixture(scope="module")
def some() -> tuple[Any, Any]:
    pixels, labels = images()
    return pixels, labels


def test_the_shipped_network_keeps_its_promise_on_images_never_seen(some: tuple[Any, Any]) -> None:
    config = ThresholdsConfig(promise=CertifiedPromise(kind="max_loss", value=0.05), threads=1)
    seen = on_unseen(bundle_path(), *some, config, FAST)
    assert (seen.found.choice.rows, seen.images) == (500, 500)
    assert list(seen.points) == ["certified", "by eye", "the bundle's own", "never early"]
    assert seen.kept
    assert seen.loss("certified") <= 0.05
    assert seen.points["certified"].mean_flops < seen.points["never early"].mean_flops
    assert seen.points["certified"].mean_flops >= seen.points["by eye"].mean_flops  # the eye makes no allowance
    assert render_unseen(seen).renderables


def test_half_the_images_have_no_part_in_the_choice(tiny_bundle: Path) -> None:
    """Wrong labels on the unseen half change what is measured there, and nothing about the choice."""
    draw = np.random.default_rng(0)
    pixels, labels = draw.integers(0, 256, (80, 8, 8), np.uint8), draw.integers(0, 5, 80)
    config = ThresholdsConfig(promise=CertifiedPromise(kind="max_loss", value=0.4), confidence=0.6, threads=1)
    _, second = halves(80, 0)
    other = labels.copy()
    other[second] = (other[second] + 1) % 5
    one, two = (on_unseen(tiny_bundle, pixels, known, config, FAST) for known in (labels, other))
    assert one.found.choice == two.found.choice
    assert one.static.accuracy != two.static.accuracy
