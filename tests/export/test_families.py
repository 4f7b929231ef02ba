"""The cut on real architectures: what the export promises for ResNet, ViT and EfficientNet holds for other families."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import eeinfer
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.export import export_bundle, export_single_file
from eeinfer.training.build import build_model
from eeinfer.training.config import BackboneConfig, TrainConfig

NETWORKS: dict[str, tuple[BackboneConfig, tuple[int | float | str, ...], int]] = {
    "resnet18": (BackboneConfig(name="resnet18"), (1, 4), 32),
    "vit": (BackboneConfig(name="vit", options={"patch": 8, "dim": 32, "depth": 4, "heads": 2}), (0, 2), 32),
    "efficientnet_v2_s": (BackboneConfig(name="efficientnet_v2_s"), (6, 20), 64),
    "convnext": (BackboneConfig(name="timm:convnext_atto"), ("stages.0", "stages.2"), 32),
    "mobilenetv3": (BackboneConfig(name="timm:mobilenetv3_small_050"), (0.3, 0.6), 64),
    "regnet": (BackboneConfig(name="timm:regnetx_002"), ("s1", "s3"), 32),
}


def network(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Build the network with random weights whose normalisation has seen images, so that logits are of order one."""
    backbone, exits, side = NETWORKS[name]
    shape = (3, side, side)
    model = build_model(
        TrainConfig(backbone=backbone, exits=exits),
        Input(tensor=TensorSpec(name="input", dtype="float32", shape=shape)),
        num_classes=10,
    ).model
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train().momentum = None
    with torch.no_grad():
        model(torch.randn(64, *shape, generator=torch.Generator().manual_seed(0)))
    return model.eval(), shape


@pytest.mark.parametrize("name", NETWORKS)
def test_engine_equals_torch_at_every_exit_and_batch_size(name: str, tmp_path: Path) -> None:
    model, shape = network(name)
    bundle = export_bundle(model, torch.zeros(1, *shape), tmp_path / "m")
    engine = eeinfer.load(bundle, threads=1)
    for batch in (1, 2, 7, 32):
        x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            expected = torch.stack(list(model(x)), 1).numpy()
        seen = engine.all_exits(x.numpy())
        np.testing.assert_allclose(seen.logits, expected, atol=1e-4)
        np.testing.assert_array_equal(seen.predictions, expected.argmax(-1))
    alone = [engine.all_exits(row[None]).logits for row in x.numpy()]
    np.testing.assert_allclose(seen.logits, np.concatenate(alone), atol=1e-4)
    assert export_single_file(bundle, tmp_path / "one").is_file()  # compared with the bundle before it is let out
