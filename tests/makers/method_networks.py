"""A small network under any method, and what its bundle must have in common with it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import eeinfer
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.export import export_bundle
from eeinfer.export.graph.scores import SCORES
from eeinfer.rule import exits_at
from eeinfer.training import BackboneConfig, HeadConfig, MethodConfig, TrainConfig
from eeinfer.training.build import Built, build_model
from eeinfer.training.config import Option
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods import Method, build_method, exit_logits

SHAPE = (3, 8, 8)
CLASSES = 5
WIDTH = 6


def network(
    method: str,
    options: dict[str, Option] | None = None,
    *,
    backbone: tuple[str, dict[str, Option]] = ("resnet8", {"width": 4}),
    shape: tuple[int, ...] = SHAPE,
    pool: int | None = 2,
) -> Built:
    """A small network, a narrow ResNet-8 by default, with every parameter and statistic moved off its start."""
    config = TrainConfig(
        backbone=BackboneConfig(name=backbone[0], options=backbone[1]),
        exits=(0, 1),
        method=MethodConfig(name=method, heads=HeadConfig(pool=pool), options=options or {}),
        regime="joint",
    )
    built = build_model(config, Input(tensor=TensorSpec(name="input", dtype="float32", shape=shape)), CLASSES)
    shake(built.model)
    built.model.eval()
    return built


def heads(method: str, options: dict[str, Option] | None = None, count: int = 3) -> Method:
    """The method alone, reading `count` vectors of WIDTH numbers."""
    torch.manual_seed(0)
    config = MethodConfig(name=method, options=options or {})
    built = build_method(config, [FeatureSpec(kind="vector", shape=(WIDTH,))] * count, CLASSES)
    shake(built)
    return built


def shake(module: torch.nn.Module) -> None:
    """Move parameters and statistics, so that nothing is zero or one by its start alone."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() and tensor.requires_grad | (tensor.ndim == 1):
                tensor.add_(0.3 * torch.rand(tensor.shape, generator=random) - 0.1)


def inputs(rows: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    return torch.randn(rows, *shape, generator=torch.Generator().manual_seed(seed))


def features(rows: int = 4, count: int = 3) -> tuple[list[Tensor], Tensor]:
    """What three taps gave, and the logits of the network's own classifier."""
    return [inputs(rows, (WIDTH,), seed=k + 1) for k in range(count)], inputs(rows, (CLASSES,), seed=99)


def check_bundle(model: torch.nn.Module, score: str, folder: Path, shape: tuple[int, ...] = SHAPE) -> eeinfer.Bundle:
    """Export, then hold the bundle against torch at batch 1 and 7, and its exits against the offline rule."""
    path = export_bundle(model, torch.zeros(1, *shape), folder / "model.eeb", scores=score)
    with eeinfer.load(path, threads=1) as engine:
        for rows in (1, 7):
            x = inputs(rows, shape, seed=rows)
            with torch.no_grad():
                expected = torch.stack(exit_logits(model(x)), 1)
            answers = engine.all_exits(x.numpy())
            np.testing.assert_allclose(answers.logits, expected.numpy(), rtol=1e-4, atol=1e-4)
            if score in SCORES:
                wanted = torch.stack(
                    [SCORES[score](logits) for logits in torch.from_numpy(answers.logits).unbind(1)], 1
                )
                np.testing.assert_allclose(answers.scores, wanted.numpy(), rtol=1e-4, atol=1e-5)
            for tau in (0.0, *np.quantile(answers.scores[:, :-1], (0.3, 0.6)).clip(0, 0.9999) + 1e-5, 1.0):
                offline = exits_at(answers.scores, float(tau))
                result = engine(x.numpy(), tau=float(tau))
                assert result.exits.tolist() == offline.tolist()
                assert result.predictions.tolist() == answers.predictions[range(rows), offline].tolist()
        return engine.bundle
