"""How long a training step takes on this machine, measured on a few."""

from time import perf_counter

import torch
from lightning_fabric import Fabric

from eeinfer.training.config import TrainConfig
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.runs.loop import build_optimizer, phase_loss, train_epoch
from eeinfer.training.runs.phase import enter_phase, schedule
from eeinfer.training.runs.run import limited_threads, make_fabric

_STEPS = 2  # behind one that warms up


def step_seconds(config: TrainConfig, model: EarlyExitModel, sizes: tuple[int, ...]) -> dict[int, float]:
    """Return for each phase of `config` the seconds of a step on images of nothing, the least of a few.

    Args:
        config: the run.
        model: its model, whose weights change.
        sizes: of an image: channels, height, width.

    Raises:
        ConfigError: this machine does not have the device.
    """
    fabric = make_fabric(config)
    fabric.launch()
    with torch.random.fork_rng(devices=[]), limited_threads(config.threads):
        model.to(fabric.device)
        return {number: _seconds(number, config, model, sizes, fabric) for number in config.phases}


def _seconds(number: int, config: TrainConfig, model: EarlyExitModel, sizes: tuple[int, ...], fabric: Fabric) -> float:
    """Time steps at a learning rate of zero; those of a method's first stage stand for its others."""
    stage = next(stage for phase, stage in schedule(config, model.heads) if phase == number)
    optimizer = build_optimizer(stage.settings, enter_phase(model, number, stage.frozen))
    module, optimizer = fabric.setup(model.backbone if number == 1 else model, optimizer)
    batch = config.data.batch_size // config.devices
    images = torch.zeros(batch, *sizes), torch.zeros(batch, dtype=torch.int64)
    loss = phase_loss(number, stage, model.heads, (1.0,) * (len(config.exits) + 1))
    times = []
    for _ in range(1 + _STEPS):
        began = perf_counter()
        train_epoch(
            fabric, module, optimizer, [images], loss, stage.settings, rate=lambda _: 0.0, batch_done=lambda _: None
        )
        times.append(perf_counter() - began)
    return min(times[1:])
