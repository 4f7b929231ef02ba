from pathlib import Path

import exit_networks
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from exit_networks import Exported
from onnx import TensorProto, helper

from eeinfer.export.graph.cut import cut, rename
from eeinfer.export.graph.index import extract
from eeinfer.export.graph.trace import ScoredExits, export_graph
from eeinfer.export.model.inputs import read_inputs


def run_chain(exported: Exported, x: np.ndarray) -> list[dict[str, np.ndarray]]:
    live, exits = {"input": x}, []
    for k in range(len(exported.segments)):
        session = ort.InferenceSession(exported.folder / f"segment_{k:02d}.onnx")
        names = [value.name for value in session.get_outputs()]
        feeds = {value.name: live[value.name] for value in session.get_inputs()}
        live.update(zip(names, session.run(names, feeds), strict=True))
        exits.append({name: live[name] for name in ("logits", "score", "prediction")})
    return exits


@pytest.mark.parametrize("batch", [1, 2, 7, 32])
def test_segment_chain_equals_torch_at_every_exit(exported: Exported, batch: int) -> None:
    x = torch.randn(batch, *exported.network.shape, generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        expected = [tensor.numpy() for tensor in exported.scored(x)]
    for k, exit in enumerate(run_chain(exported, x.numpy())):
        logits, score, prediction = expected[3 * k : 3 * k + 3]
        np.testing.assert_allclose(exit["logits"], logits, atol=1e-5)
        np.testing.assert_allclose(exit["score"], score, atol=1e-5)
        np.testing.assert_array_equal(exit["prediction"], prediction)


def test_outputs_have_the_types_of_the_contract(exported: Exported) -> None:
    for segment in exported.segments:
        outputs = {value.name: value.type.tensor_type for value in segment.model.graph.output}
        assert [outputs[name].elem_type for name in ("logits", "score", "prediction")] == [
            TensorProto.FLOAT,
            TensorProto.FLOAT,
            TensorProto.INT64,
        ]
        assert [len(outputs[name].shape.dim) for name in ("logits", "score", "prediction")] == [2, 1, 1]


def test_every_carried_tensor_is_read_later(exported: Exported) -> None:
    for k, segment in enumerate(exported.segments):
        read_later = {name for later in exported.segments[k + 1 :] for name in later.inputs}
        assert set(segment.carried) <= read_later
    assert not exported.segments[-1].carried


def test_every_node_is_computed_once(exported: Exported) -> None:
    heavy = ("Conv", "Gemm", "MatMul")
    whole = sum(node.op_type in heavy for node in exported.model.graph.node)
    parts = sum(node.op_type in heavy for part in exported.segments for node in part.model.graph.node)
    assert parts == whole


def test_a_tensor_made_first_and_read_last_skips_the_segment_between(tmp_path: Path) -> None:
    network = exit_networks.build("stateful")
    model = export_graph(
        ScoredExits(network, "max_softmax"), read_inputs(network, torch.zeros(1, *network.shape)), tmp_path
    )
    first, second, last = cut(model, 3)
    skipping = (set(first.carried) & set(last.inputs)) - set(second.carried)
    assert skipping  # the first log-probabilities, which the last exit averages again


def test_weights_are_stored_once(exported: Exported) -> None:
    files = {path.name for path in exported.folder.iterdir() if path.suffix not in (".onnx",)}
    assert files <= {"weights.bin"}
    for segment in exported.segments:
        for tensor in segment.model.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                assert {entry.value for entry in tensor.external_data if entry.key == "location"} == {"weights.bin"}


def test_graphs_say_nothing_of_the_machine_that_made_them(exported: Exported) -> None:
    for path in exported.folder.glob("*.onnx"):
        content = path.read_bytes()
        assert b"site-packages" not in content
        assert str(Path(__file__).parent.parent).encode() not in content


def test_extract_keeps_only_what_an_exit_needs(exported: Exported) -> None:
    last = len(exported.segments) - 1
    static = extract(exported.model, [f"logits_{last:02d}"])
    path = exported.folder / "static.onnx"
    onnx.save(static, path)
    x = np.random.default_rng(0).standard_normal((3, *exported.network.shape), dtype=np.float32)
    [logits] = ort.InferenceSession(path).run(None, {"input": x})
    path.unlink()
    np.testing.assert_allclose(logits, run_chain(exported, x)[last]["logits"], atol=1e-5)
    assert len(static.graph.node) < len(exported.model.graph.node)


def sized_later() -> onnx.ModelProto:
    """Exit 1 needs the size of a map that only exit 0 reads; the map itself must not be carried for it."""
    batch, f32, i64 = "batch", TensorProto.FLOAT, TensorProto.INT64
    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Relu", ["input"], ["map"]),
        helper.make_node("ReduceMax", ["map", "axes"], ["logits_00"], keepdims=0),
        helper.make_node("ReduceMax", ["logits_00", "one"], ["score_00"], keepdims=0),
        helper.make_node("ArgMax", ["logits_00"], ["prediction_00"], axis=1, keepdims=0),
        helper.make_node("Shape", ["map"], ["size"]),
        helper.make_node("Slice", ["size", "zero", "two"], ["pair"]),
        helper.make_node("Expand", ["half", "pair"], ["halves"]),
        helper.make_node("Mul", ["logits_00", "halves"], ["logits_01"]),
        helper.make_node("ReduceMax", ["logits_01", "one"], ["score_01"], keepdims=0),
        helper.make_node("ArgMax", ["logits_01"], ["prediction_01"], axis=1, keepdims=0),
    ]
    exits = [
        value
        for k in ("00", "01")
        for value in (
            info(f"logits_{k}", f32, [batch, 4]),
            info(f"score_{k}", f32, [batch]),
            info(f"prediction_{k}", i64, [batch]),
        )
    ]
    weights = [
        helper.make_tensor("axes", i64, [1], [2]),
        helper.make_tensor("one", i64, [1], [1]),
        helper.make_tensor("zero", i64, [1], [0]),
        helper.make_tensor("two", i64, [1], [2]),
        helper.make_tensor("half", f32, [1, 1], [0.5]),
    ]
    known = [info("map", f32, [batch, 4, 6]), info("size", i64, [3]), info("pair", i64, [2])]
    graph = helper.make_graph(nodes, "g", [info("input", f32, [batch, 4, 6])], exits, weights, value_info=known)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_a_size_is_read_off_a_tensor_at_hand_instead_of_carrying_the_one_it_belongs_to() -> None:
    first, last = cut(sized_later(), 2)
    assert last.inputs == first.carried == ("carried_00",)
    session = ort.InferenceSession(last.model.SerializeToString())
    logits = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(session.run(["logits"], {"carried_00": logits})[0], logits / 2)


@pytest.mark.parametrize("taken", ["carried_00", "score", "logits"])
def test_a_value_that_is_called_as_segments_call_theirs_gets_out_of_the_way(exported: Exported, taken: str) -> None:
    model = onnx.ModelProto.FromString(exported.model.SerializeToString())
    wanted = [kinds(segment.model) for segment in cut(model, len(exported.segments))]
    crossing = {name for segment in exported.segments for name in (*segment.inputs, *segment.carried)}
    ends = {value.name for value in model.graph.output} | crossing
    inner = next(name for node in model.graph.node[::-1] for name in node.output if name not in ends)
    del model.graph.node[:]
    model.graph.node.extend(rename(node, {inner: taken}) for node in exported.model.graph.node)
    for value in model.graph.value_info:
        value.name = taken if value.name == inner else value.name
    segments = cut(model, len(exported.segments))
    assert [kinds(segment.model) for segment in segments] == wanted
    for segment in segments:
        made = [name for node in segment.model.graph.node for name in node.output]
        assert len({*made, *segment.inputs}) == len(made) + len(segment.inputs)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
