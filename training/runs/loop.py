"""One epoch of training and one evaluation; the regime decides what moves."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, AdamW, Optimizer

from eeinfer.training.config import PhaseConfig
from eeinfer.training.data.batches import Batch
from eeinfer.training.exits.rescaling import Shares, scale_gradients
from eeinfer.training.methods import Method, exit_logits
from eeinfer.training.methods.stages import Stage

Loss = Callable[[Any, Tensor], Tensor]  # what the module gave, labels [B] -> scalar


def build_optimizer(settings: PhaseConfig, parameters: Sequence[nn.Parameter]) -> Optimizer:
    """Build the optimiser of a phase over the parameters that the phase trains."""
    if settings.optimizer == "adamw":
        return AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    return SGD(parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay)


def learning_rate(settings: PhaseConfig, step: int, total: int) -> float:
    """Return the learning rate of `step` (from 0) of `total`: linear warm-up, then as `scheduler` says."""
    warmup = round(settings.warmup * total)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    if settings.scheduler == "none":
        return settings.lr
    if settings.scheduler == "steps":
        return settings.lr * 0.1 ** sum(step >= round(share * total) for share in settings.milestones)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def phase_loss(phase: int, stage: Stage, method: Method, weights: tuple[float, ...]) -> Loss:
    """Return the loss of a stage: the network's own classifier in phase 1, the method's over all exits later."""
    smoothing = stage.settings.label_smoothing
    combined = stage.loss or method.loss
    if phase == 1:
        return lambda logits, targets: F.cross_entropy(logits, targets, label_smoothing=smoothing)
    return lambda outputs, targets: combined(outputs, targets, weights, smoothing)


def train_epoch(
    fabric: Fabric,
    module: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    loss: Loss,
    settings: PhaseConfig,
    rate: Callable[[int], float],
    batch_done: Callable[[int], None],
    shares: Shares = (),
) -> float:
    """Train on every batch once and return the mean loss.

    `rate` maps the batch number to the learning rate; `shares` are what gradients are multiplied by before they count.
    """
    module.train()
    total, count = torch.zeros((), device=fabric.device), 0
    for number, (x, targets) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate(number)
        x, targets = fabric.to_device((x, targets))
        optimizer.zero_grad(set_to_none=True)
        value = loss(module(x), targets)
        fabric.backward(value)
        scale_gradients(shares)
        if settings.clip is not None:
            fabric.clip_gradients(module, optimizer, max_norm=settings.clip)
        optimizer.step()
        total += value.detach().float()
        count += 1
        batch_done(count)
    mean = fabric.all_reduce(total / max(count, 1), reduce_op="mean")
    assert isinstance(mean, Tensor)
    return float(mean)


@torch.no_grad()
def mean_objective(fabric: Fabric, module: nn.Module, batches: Iterable[Batch], method: Method) -> float | None:
    """Return the mean of the method's own objective over the images, in eval mode; None if there are none."""
    module.eval()
    total = torch.zeros(2, dtype=torch.float64, device=fabric.device)  # sum, images
    for x, targets in batches:
        x, targets = fabric.to_device((x, targets))
        values = method.objective(module(x), targets)
        total += torch.stack([values.double().sum(), total.new_tensor(len(targets))])
    value, count = fabric.all_reduce(total, reduce_op="sum").tolist()  # type: ignore[union-attr]  # a tensor in, one out
    return value / count if count else None


@torch.no_grad()
def accuracies(fabric: Fabric, module: nn.Module, batches: Iterable[Batch]) -> tuple[float, ...]:
    """Return the share of right answers per exit, in eval mode; () if there are no images."""
    module.eval()
    right: Tensor | None = None
    count = 0
    for x, targets in batches:
        x, targets = fabric.to_device((x, targets))
        outputs = module(x)
        logits = (outputs,) if isinstance(outputs, Tensor) else exit_logits(outputs)
        hits = torch.stack([(exit.argmax(1) == targets).sum() for exit in logits])
        right = hits if right is None else right + hits
        count += len(targets)
    if right is None:
        return ()
    # float64 holds every count exactly, so that the sum does not depend on the number of processes.
    sums = fabric.all_reduce(torch.cat([right, right.new_tensor([count])]).double(), reduce_op="sum")
    assert isinstance(sums, Tensor)
    return tuple((sums[:-1] / sums[-1]).tolist())
