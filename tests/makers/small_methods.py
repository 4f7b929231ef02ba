"""A small convolutional network under a method with heads of its own, and what its bundle must have in common."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from method_networks import check_bundle, inputs, shake

import eeinfer
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import BackboneConfig, HeadConfig, MethodConfig, TrainConfig
from eeinfer.training.build import Built, build_model
from eeinfer.training.config import Option

SHAPE = (3, 16, 16)
CLASSES = 5
FEATURES = torch.Size((4, 6, 6))


def network(
    method: str,
    options: dict[str, Option] | None = None,
    *,
    exits: tuple[int, ...] = (0, 1),
    heads: HeadConfig | None = None,
    score: str = "method",
) -> Built:
    """A narrow ResNet-8 on maps of 16, 8 and 4 pixels, everything moved off its start, in eval mode."""
    config = TrainConfig(
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=exits,
        method=MethodConfig(name=method, heads=heads or HeadConfig(), options=options or {}, score=score),
        regime="joint",
    )
    built = build_model(config, Input(tensor=TensorSpec(name="input", dtype="float32", shape=SHAPE)), CLASSES)
    shake(built.model)
    built.model.eval()
    return built


def check(built: Built, folder: Path) -> eeinfer.Bundle:
    """Export and compare with torch at batch 1 and 7, logits, exits and the method's own scores."""
    bundle = check_bundle(built.model, built.score, folder, SHAPE)
    with torch.no_grad():
        x = inputs(7, SHAPE, seed=7)
        outputs = built.model(x)
    if isinstance(outputs, Mapping):
        with eeinfer.load(bundle.path, threads=1) as engine:
            found = engine.all_exits(x.numpy()).scores
        # As far as the logits that they come from may be off: another processor rounds its sums in another order.
        np.testing.assert_allclose(found, torch.stack(list(outputs["scores"]), 1).numpy(), rtol=1e-4, atol=1e-5)
    return bundle
