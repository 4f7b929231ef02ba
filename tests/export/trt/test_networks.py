"""Plans of whole networks, every segment, built for a GPU that is not there."""

from pathlib import Path
from typing import Any

import exit_networks
import pytest
import torch

from eeinfer.bundle.builds import find_build
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.export import export_bundle
from eeinfer.export.trt import TrtConfig, build_plans
from eeinfer.training import RECIPES, BackboneConfig, TrainConfig
from eeinfer.training.build import build_model
from eeinfer.training.runs.untrained import estimate_statistics

NETWORKS: dict[str, tuple[TrainConfig, tuple[int, int, int]]] = {
    "resnet34": (TrainConfig(backbone=BackboneConfig(name="resnet34"), exits=(2, 6, 12)), (3, 32, 32)),
    "vit_s_16": (
        TrainConfig(backbone=BackboneConfig(name="timm:vit_small_patch16_224"), exits=tuple(range(11))),
        (3, 224, 224),
    ),
    "msdnet": (RECIPES["msdnet_digits"](), (1, 8, 8)),
    "ztw": (RECIPES["ztw_digits"](), (1, 8, 8)),
    "pabee": (RECIPES["pabee_digits"](), (1, 8, 8)),
}


def bundle(name: str, folder: Path) -> Bundle:
    """The network as initialised, exported."""
    config, shape = NETWORKS[name]
    spec = TensorSpec(name="input", dtype="float32", shape=shape)
    built = build_model(config, Input(tensor=spec), num_classes=10)
    torch.manual_seed(0)
    estimate_statistics(built.model, torch.randn(8, *shape))
    path = export_bundle(built.model, torch.zeros(1, *shape), folder / name, scores=built.score)
    return Bundle.open(path)


def check(source: Bundle, trt: Any) -> None:
    """Build for an Ada GPU; TensorRT must know every plan as its own, and every tensor must be in it."""
    config = TrtConfig(targets=("sm89",))
    assert build_plans(source.path, config) == [source.file("engines/tensorrt_rtx-sm89")]
    build = find_build(source, library="tensorrt_rtx", library_version=trt.__version__, capability=(8, 9))
    assert build.batches == config.batches
    runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
    for segment, plan in zip(source.manifest.segments, build.plans, strict=True):
        data = (source.file(build.folder) / plan.file).read_bytes()
        _, diagnostics = runtime.get_engine_validity(data)
        assert not diagnostics & int(trt.EngineInvalidityDiagnostics.MALFORMED_ENGINE)
        names = [*EXIT_OUTPUTS, *(tensor.name for tensor in (*segment.inputs, *segment.carried))]
        assert [name for name in names if name.encode() not in data] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_every_segment_of_the_network_becomes_a_plan(name: str, tmp_path: Path, rtx: Any) -> None:
    source = bundle(name, tmp_path)
    assert len(source.manifest.segments) == {"resnet34": 4, "vit_s_16": 12, "pabee": 4}.get(name, 3)
    check(source, rtx)


@pytest.mark.parametrize("name", exit_networks.MODELS)
def test_every_kind_of_cut_becomes_plans(name: str, tmp_path: Path, rtx: Any) -> None:
    network = exit_networks.build(name)
    score = "own" if name == "patience" else "max_softmax"
    check(Bundle.open(export_bundle(network, torch.zeros(1, *network.shape), tmp_path / name, scores=score)), rtx)
