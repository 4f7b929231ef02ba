"""One real comparison of the tiny bundle, quick and rough, shared by every test of what is made from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eeinfer.bench.peers import PeersConfig, PeersReport, compare

QUICK = PeersConfig(
    peers=(
        "native",
        "predict_one",
        "static",
        "static tuned",
        "cut",
        "sessions",
        "torch",
        "openvino",
        "openvino cut",
        "openvino cascade",
    ),
    rounds=2,
    images=8,
    threads=1,
    pause_seconds=0.001,
)


@pytest.fixture(scope="session")
def quick() -> PeersConfig:
    return QUICK


@pytest.fixture(scope="session")
def noise() -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 256, (16, 8, 8), np.uint8)


@pytest.fixture(scope="session")
def peers_report(tiny_bundle: Path, noise: NDArray[Any], quick: PeersConfig) -> PeersReport:
    return compare(tiny_bundle, noise, quick, data="noise")
