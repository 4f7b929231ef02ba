"""A run small enough to repeat: a narrow ResNet-8 on synthetic images, two exits."""

from collections.abc import Iterator

import pytest
import torch

from eeinfer.training import BackboneConfig, DataConfig, PhaseConfig, TrainConfig

TINY_PHASE = PhaseConfig(epochs=2, lr=0.05)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> TrainConfig:
    return TrainConfig(
        data=DataConfig(name="synthetic", batch_size=128),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        regime="mixed",
        phase1=TINY_PHASE,
        phase2=TINY_PHASE,
        phase3=TINY_PHASE,
        device="cpu",
    )
