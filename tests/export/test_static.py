"""The static network is the backbone with its own classifier and no heads, also where the last exit reads heads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from method_networks import CLASSES, SHAPE, inputs, network
from torch import Tensor, nn

import eeinfer
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bench.peers.kinds.networks import what_is_static
from eeinfer.bench.peers.kinds.one_exit import write_one_exit
from eeinfer.bench.timing.networks import (
    ALL_EXITS,
    NO_HEADS,
    STATIC,
    cut_name,
    ends,
    fixed_networks,
    has_no_heads,
    write_parts,
)
from eeinfer.bundle.folder import Bundle
from eeinfer.export import export_bundle
from eeinfer.export.checkpoint import export_checkpoint
from eeinfer.export.graph.index import module_of
from eeinfer.export.graph.static import STATIC_KEY, note_static, noted_static
from eeinfer.training import RECIPES, load_checkpoint
from eeinfer.training.calibrated import Tempered
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.runs.untrained import save_untrained


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bundle, and its backbone in torch."""

    bundle: Bundle
    backbone: nn.Module
    images: Tensor


def _recipe(name: str, folder: Path) -> Case:
    checkpoint = save_untrained(RECIPES[name](), folder)
    model = load_checkpoint(checkpoint).model.eval()
    assert isinstance(model, EarlyExitModel)
    images = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return Case(bundle=Bundle.open(export_checkpoint(checkpoint)), backbone=model.backbone, images=images)


def _network(folder: Path, *, tempered: bool = False) -> Case:
    built = network("ztw", {"stacking": True}).model
    model = Tempered(built, [1.0, 2.0, 3.0]) if tempered else built
    path = export_bundle(model, torch.zeros(1, *SHAPE), folder / "net.eeb", static=built.backbone)
    return Case(bundle=Bundle.open(path), backbone=built.backbone, images=inputs(7))


CASES: dict[str, Callable[[Path], Case]] = {
    "boostnet_digits": lambda folder: _recipe("boostnet_digits", folder),
    "pabee_digits": lambda folder: _recipe("pabee_digits", folder),
    "stacked ztw": _network,
    "calibrated ztw": lambda folder: _network(folder, tempered=True),
}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return CASES[request.param](tmp_path_factory.mktemp("static"))


def _static_graph(bundle: Bundle, folder: Path) -> Path:
    [path] = write_parts(bundle, {STATIC: [len(bundle.manifest.segments) - 1]}, folder, link=False)
    return path


def test_no_node_of_a_head_is_in_it(case: Case, tmp_path: Path) -> None:
    nodes = onnx.load(_static_graph(case.bundle, tmp_path), load_external_data=False).graph.node
    modules = [module_of(node) for node in nodes]
    assert any("backbone" in module for module in modules)
    assert not [module for module in modules if "heads" in module.split(".")]


def test_it_computes_nothing_but_what_its_flops_say(case: Case, tmp_path: Path) -> None:
    """Counted from the weights of the graph: every convolution and matrix product is one that the backbone has."""
    graph = onnx.load(_static_graph(case.bundle, tmp_path), load_external_data=False).graph
    heavy = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    layers = [part for part in case.backbone.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]
    assert len(heavy) == len(layers)
    assert case.bundle.manifest.flops.static < case.bundle.manifest.segments[-1].cumulative_flops


def test_its_logits_are_those_of_the_backbones_own_classifier(case: Case, tmp_path: Path) -> None:
    session, _ = open_session(_static_graph(case.bundle, tmp_path), threads=1)
    logits, score, prediction = session.run(None, {case.bundle.manifest.input.tensor.name: case.images.numpy()})
    with torch.no_grad():
        wanted = case.backbone(case.images).numpy()
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(prediction, wanted.argmax(1))
    np.testing.assert_allclose(score, torch.softmax(torch.from_numpy(wanted), 1).amax(1).numpy(), atol=1e-4)


def test_it_stands_beside_the_network_cut_at_the_last_exit(case: Case) -> None:
    last = len(case.bundle.manifest.segments) - 1
    names = [*(cut_name(k) for k in range(last + 1)), STATIC, ALL_EXITS]
    assert list(ends(case.bundle)) == names
    batches = [{case.bundle.manifest.input.tensor.name: case.images.numpy()}]
    for call in fixed_networks(case.bundle, batches, 1).values():
        call(0)
    assert what_is_static(case.bundle) == NO_HEADS


def test_as_a_bundle_of_one_exit_it_answers_as_the_backbone_does(case: Case, tmp_path: Path) -> None:
    last = len(case.bundle.manifest.segments) - 1
    part = write_one_exit(case.bundle, last, tmp_path / "one.eeb", static=True)
    assert part.manifest.segments[0].flops == case.bundle.manifest.flops.static
    with eeinfer.load(part.path, threads=1) as engine, torch.no_grad():
        found = engine(case.images.numpy()).logits
        np.testing.assert_allclose(found, case.backbone(case.images).numpy(), rtol=1e-4, atol=1e-4)


class Reads(nn.Module):
    """A last exit that adds the first one's logits to those of its own classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(4, 6), nn.Linear(6, CLASSES)
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(6, CLASSES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.stem(x)
        first = self.head(features)
        return first, self.body(features) + first


class Backbone(nn.Module):
    """The same network without exits: no part of the other one."""

    def __init__(self, model: Reads) -> None:
        super().__init__()
        self.stem, self.body = model.stem, model.body

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(self.stem(x))
        return logits


def test_of_a_foreign_module_it_is_the_network_cut_at_the_last_exit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Reads()
    path = export_bundle(model, torch.zeros(1, 4), tmp_path / "foreign.eeb", static=Backbone(model))
    bundle = Bundle.open(path)
    assert not has_no_heads(bundle)
    assert what_is_static(bundle) == "model.onnx cut at the last exit"
    graph = onnx.load(_static_graph(bundle, tmp_path), load_external_data=False).graph
    assert sum(node.op_type == "Gemm" for node in graph.node) == 3


@pytest.mark.parametrize("value", ["nowhere", "input", "score_01"])
def test_a_note_that_names_no_logits_does_not_count(value: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    bundle = Bundle.open(export_bundle(Reads(), torch.zeros(1, 4), tmp_path / "foreign.eeb"))
    model = onnx.load(bundle.model, load_external_data=False)
    assert [entry.key for entry in model.metadata_props] == []
    note_static(model, value)
    assert model.metadata_props[0].key == STATIC_KEY
    assert noted_static(model, 2) is None
