"""A provider that is there and takes no operator stands for one that takes only some: the CPU gets the others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper

from eeinfer.backends.ort_gpu import sessions as gpu_sessions
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.backends.ort_gpu.sessions import open_on
from eeinfer.errors import ConfigError

NAME = "AzureExecutionProvider"


@pytest.fixture(scope="module")
def picky() -> Provider:
    if NAME not in ort.get_available_providers():
        pytest.skip(f"this build of onnxruntime has no {NAME}")
    return Provider(names=(NAME,), device="cpu", attach=lambda options, inputs: [NAME])


def save(path: Path, nodes: Sequence[NodeProto], *, output: int = TensorProto.FLOAT) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    y = helper.make_tensor_value_info("y", output, None)
    graph = helper.make_graph(list(nodes), "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_operators_left_to_the_cpu_are_named(tmp_path: Path, picky: Provider) -> None:
    path = save(
        tmp_path / "graph.onnx", [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Elu", ["r"], ["y"])]
    )
    with pytest.raises(ConfigError, match=r"AzureExecutionProvider does not take these operators of graph\.onnx: Elu"):
        open_on(picky, path, [])


def test_shapes_may_be_computed_on_the_cpu(tmp_path: Path, picky: Provider) -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Concat", ["s", "s"], ["y"], axis=0)]
    session = open_on(picky, save(tmp_path / "graph.onnx", nodes, output=TensorProto.INT64), [])
    [found] = session.run(["y"], {"x": np.zeros((2, 3), np.float32)})
    assert found.tolist() == [2, 3, 2, 3]


def test_older_versions_are_told_to_refuse_themselves(
    tmp_path: Path, picky: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_sessions, "_tells_assignment", lambda ort: False)
    on_gpu = Provider(names=picky.names, device="cuda", attach=picky.attach)
    path = save(tmp_path / "graph.onnx", [helper.make_node("Elu", ["x"], ["y"])])
    with pytest.raises(ConfigError, match="fallback to CPU EP has been explicitly disabled"):
        open_on(on_gpu, path, [])
