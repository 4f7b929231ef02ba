"""One real measurement of the tiny bundle, quick and rough, shared by every test of what is made from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eeinfer.bench import BenchConfig, Report, measure


@pytest.fixture(scope="session")
def quick() -> BenchConfig:
    return BenchConfig(
        thresholds=11, latency_samples=12, rounds=2, min_seconds=0, max_seconds=5, warmup=1, pairs=6, threads=1
    )


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[Any], NDArray[Any]]:
    """Forty noisy images and labels; nobody says that the tiny network is any good at them."""
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (40, 8, 8), np.uint8), draw.integers(0, 5, 40)


@pytest.fixture(scope="session")
def report(tiny_bundle: Path, digits: tuple[NDArray[Any], NDArray[Any]], quick: BenchConfig) -> Report:
    return measure(tiny_bundle, *digits, quick, data="noise")
