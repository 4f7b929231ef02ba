"""Classifiers over maps in blocks: every kind of pool, channels that fill no block, and what must stay as it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

import eeinfer
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.export import export_bundle
from eeinfer.export.optimise.blocks import DOMAIN, block_size
from eeinfer.export.optimise.classifiers import read_in_blocks
from eeinfer.machine import cache
from eeinfer.training.heads.reductions import MixedPool

SIDE, CLASSES = 14, 5
POOLS = (7, 4, 3, 14)  # cells that divide the side, that overlap evenly or not, and of one pixel each


class Pooled(nn.Module):
    """A stack of convolutions with a pooled head behind each, and a mean over the whole map at the end."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(1 if k == 0 else channels, channels, 3, padding=1) for k in range(len(POOLS) + 1)
        )
        self.pools = nn.ModuleList(MixedPool(size, SIDE, SIDE) for size in POOLS)
        self.heads = nn.ModuleList(nn.Linear(channels * size**2, CLASSES) for size in (*POOLS, 1))
        with torch.no_grad():
            for factor, pool in zip((0.3, 1.4, -0.2, 0.0), self.pools, strict=True):
                pool.alpha.fill_(factor)  # type: ignore[union-attr, operator]

    def forward(self, x: Tensor) -> list[Tensor]:
        logits = []
        for conv, head, pool in zip(self.convs, self.heads, (*self.pools, nn.AdaptiveAvgPool2d(1)), strict=True):
            x = torch.relu(conv(x))
            logits.append(head(pool(x).flatten(1)))
        return logits


@pytest.fixture(scope="module", params=[16, 24, 64])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pooled, Bundle]]:
    """A network of as many channels and its bundle, whose optimised form is in a cache of its own."""
    torch.manual_seed(0)
    folder, network = tmp_path_factory.mktemp("pooled"), Pooled(request.param).eval()
    bundle = Bundle.open(export_bundle(network, torch.zeros(1, 1, SIDE, SIDE), folder / "pooled.eeb", taus=0.5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder / "cache"))
        eeinfer.load(bundle.path, threads=1).close()
        yield network, bundle


def graphs(bundle: Bundle) -> list[ModelProto]:
    """The segments of its optimised form."""
    form = next(optimised.find(bundle), None)
    assert form is not None
    return [onnx.load(form.path / segment.file, load_external_data=False) for segment in form.build.segments]


def kinds(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_no_head_puts_a_map_into_plain_order(case: tuple[Pooled, Bundle]) -> None:
    for model in graphs(case[1]):
        found = kinds(model)
        assert "ReorderOutput" not in found
        assert {"MatMul", "FusedMatMul", "ReduceMean"}.isdisjoint(found)
        assert all(node.domain == DOMAIN for node in model.graph.node if "Pool" in node.op_type)


def test_only_cells_that_are_not_evenly_spaced_are_picked_afterwards(case: tuple[Pooled, Bundle]) -> None:
    assert [kinds(model).count("Gather") for model in graphs(case[1])] == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_every_exit_answers_as_torch_does(case: tuple[Pooled, Bundle], rows: int) -> None:
    network, bundle = case
    images = torch.randn(rows, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(rows))
    with eeinfer.load(bundle.path, threads=1) as engine, torch.no_grad():
        assert engine.optimised
        found = engine.all_exits(images.numpy()).logits
        for k, wanted in enumerate(network(images)):
            np.testing.assert_allclose(found[:, k], wanted.numpy(), atol=1e-5)


def test_a_row_of_padding_channels_has_no_weight(case: tuple[Pooled, Bundle]) -> None:
    network, bundle = case
    block = block_size()
    filled = -(-network.heads[0].in_features // 49 // block) * block
    weights = [node.input[1] for node in graphs(bundle)[0].graph.node if node.op_type == "Gemm"]
    dims = {tensor.name: list(tensor.dims) for tensor in graphs(bundle)[0].graph.initializer}
    assert dims[weights[0]] == [CLASSES, filled * 49]


# What must stay, in a network of one head: blocks "x" [B, 16, 4, 4] -> plain "map" -> pool -> flat -> Gemm.


def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def head(*, pool: str = "MaxPool", outputs: tuple[str, ...] = ("logits",), **attributes: float) -> ModelProto:
    """A head over a pooled map, and what of it is read from outside too."""
    weights = {"w": np.ones((CLASSES, 64), np.float32), "b": np.zeros(CLASSES, np.float32)}
    nodes = [
        helper.make_node("ReorderOutput", ["x"], ["map"], domain=DOMAIN, channels=16),
        helper.make_node(pool, ["map"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], **{"transB": 1, **attributes}),
    ]
    types = [value("map", "batch", 16, 4, 4), value("pooled", "batch", 16, 2, 2), value("flat", "batch", 64)]
    ends = [one for one in (*types, value("logits", "batch", CLASSES)) if one.name in outputs]
    stored = [numpy_helper.from_array(numbers, name) for name, numbers in weights.items()]
    graph = helper.make_graph(nodes, "g", [value("x", "batch", 16, 4, 4)], ends, stored, value_info=types)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)])


def changed(model: ModelProto, tmp_path: Path) -> bool:
    return kinds(read_in_blocks(model, tmp_path)) != kinds(model)


def test_a_head_by_itself_is_written_anew(tmp_path: Path) -> None:
    found = read_in_blocks(head(), tmp_path)
    assert kinds(found) == ["MaxPool", "Reshape", "Gemm"]
    assert found.graph.node[0].domain == DOMAIN
    assert changed(head(pool="AveragePool"), tmp_path)


@pytest.mark.parametrize("attributes", [{"alpha": 0.5}, {"beta": 2.0}])
def test_a_classifier_with_factors_of_its_own_stays(attributes: dict[str, float], tmp_path: Path) -> None:
    assert not changed(head(**attributes), tmp_path)


@pytest.mark.parametrize("read", ["pooled", "flat"])
def test_what_others_read_too_is_not_computed_twice(read: str, tmp_path: Path) -> None:
    assert not changed(head(outputs=("logits", read)), tmp_path)


def test_the_map_itself_may_be_read_by_others(tmp_path: Path) -> None:
    found = kinds(read_in_blocks(head(outputs=("logits", "map")), tmp_path))
    assert sorted(found) == ["Gemm", "MaxPool", "ReorderOutput", "Reshape"]


def other(model: ModelProto, node: int, **attributes: object) -> ModelProto:
    model.graph.node[node].attribute.extend(helper.make_attribute(name, kept) for name, kept in attributes.items())
    return model


@pytest.mark.parametrize("attributes", [{"ceil_mode": 1}, {"dilations": [2, 2]}, {"auto_pad": "SAME_UPPER"}])
def test_pools_with_other_rules_stay(attributes: dict[str, object], tmp_path: Path) -> None:
    assert not changed(other(head(), 1, **attributes), tmp_path)


def test_a_map_with_its_channels_last_stays(tmp_path: Path) -> None:
    assert not changed(other(head(), 0, channels_last=1), tmp_path)


def test_a_nonlinear_node_in_between_stays(tmp_path: Path) -> None:
    model = head()
    model.graph.node[2].input[0] = "bent"
    model.graph.node.insert(2, helper.make_node("Relu", ["pooled"], ["bent"]))
    model.graph.value_info.append(value("bent", "batch", 16, 2, 2))
    assert not changed(model, tmp_path)


@pytest.mark.parametrize("step", ["Mul", "Gather"])
def test_a_sum_of_which_one_part_is_something_else_stays(step: str, tmp_path: Path) -> None:
    """A part that cannot be read off must not be lost beside one that can."""
    model = head()
    model.graph.node[2].input[0] = "both"
    constant = np.float32(2) if step == "Mul" else np.arange(2)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(constant), "constant"))
    more = {"axis": 2} if step == "Gather" else {}
    for at, node in enumerate(
        [
            helper.make_node("Relu", ["pooled_too"], ["bent"]),
            helper.make_node(step, ["bent", "constant"], ["changed"], **more),
            helper.make_node("Add", ["changed", "pooled"], ["both"]),
        ]
    ):
        model.graph.node.insert(2 + at, node)
    model.graph.node.insert(0, helper.make_node("MaxPool", ["y"], ["pooled_too"], kernel_shape=[2, 2], strides=[2, 2]))
    model.graph.input.append(value("y", "batch", 16, 4, 4))
    for name in ("pooled_too", "bent", "changed", "both"):
        model.graph.value_info.append(value(name, "batch", 16, 2, 2))
    assert not changed(model, tmp_path)


def test_a_pool_of_any_numbers_by_matrices_stays(tmp_path: Path) -> None:
    """Rows @ map @ columns is an average pool only where the matrices take means of neighbours."""
    rows: NDArray[np.float32] = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.4, 0.6]], np.float32)
    assert not changed(by_matrices(rows), tmp_path)
    rows[1] = [0, 0, 0.5, 0.5]
    assert changed(by_matrices(rows), tmp_path)
    rows[1] = [0.5, 0, 0.5, 0]
    assert not changed(by_matrices(rows), tmp_path), "no neighbours"


def by_matrices(rows: NDArray[np.float32]) -> ModelProto:
    model = head()
    del model.graph.node[1]
    steps = [("MatMul", ["rows", "map"], ["half"]), ("MatMul", ["half", "columns"], ["pooled"])]
    for at, step in enumerate(steps, 1):
        model.graph.node.insert(at, helper.make_node(*step))
    columns = np.ascontiguousarray(np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], np.float32).T)
    model.graph.initializer.append(numpy_helper.from_array(rows, "rows"))
    model.graph.initializer.append(numpy_helper.from_array(columns, "columns"))
    model.graph.value_info.append(value("half", "batch", 16, 2, 4))
    return model
