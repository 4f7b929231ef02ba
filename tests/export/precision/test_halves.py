"""Sixteen bits in the graph: what is narrowed, what stays wide, and that the cut changes nothing."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from exit_networks import Exported
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from eeinfer.errors import ExportError
from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.index import GraphIndex
from eeinfer.export.precision.halves import WIDE, narrowed, rounded_in_float, with_halves

KINDS = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def rows_of(exported: Exported) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, *exported.network.shape), dtype=np.float32)


def names_of(exported: Exported) -> list[str]:
    return [f"logits_{k:02d}" for k in range(len(exported.segments))]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_segments_equal_the_whole_and_stay_near_float32(exported: Exported, kind: int) -> None:
    source, rows = onnx.load(exported.folder / "model.onnx"), rows_of(exported)
    whole = with_halves(source, len(exported.segments), kind)
    onnx.checker.check_model(whole, full_check=True)
    expected = ReferenceEvaluator(whole).run(names_of(exported), {"input": rows})
    exact = ort.InferenceSession(source.SerializeToString()).run(names_of(exported), {"input": rows})
    live: dict[str, np.ndarray] = {"input": rows}
    for k, part in enumerate(cut(whole, len(exported.segments))):
        onnx.checker.check_model(part.model, full_check=True)
        outputs = [value.name for value in part.model.graph.output]
        found = ReferenceEvaluator(part.model).run(outputs, {name: live[name] for name in part.inputs})
        live |= zip(outputs, found, strict=True)
        np.testing.assert_allclose(live["logits"], expected[k], atol=1e-6)
        np.testing.assert_allclose(live["logits"], exact[k], atol=0.05 * np.abs(exact[k]).max())


@pytest.mark.parametrize("exported", ["residual", "stateful", "multi_scale"], indirect=True)
def test_rounding_in_float32_computes_what_bf16_does(exported: Exported) -> None:
    """Not fp16: there, the reference also adds in fp16, which no GPU does."""
    source, rows = onnx.load(exported.folder / "model.onnx"), rows_of(exported)
    whole = with_halves(source, len(exported.segments), TensorProto.BFLOAT16)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    expected = ReferenceEvaluator(whole).run(names_of(exported), {"input": rows})
    exact = ort.InferenceSession(source.SerializeToString()).run(names_of(exported), {"input": rows})
    live: dict[str, np.ndarray] = {"input": rows}
    for k, part in enumerate(cut(whole, len(exported.segments))):
        simulated = rounded_in_float(part.model, TensorProto.BFLOAT16)
        onnx.checker.check_model(simulated, full_check=True)
        session = ort.InferenceSession(simulated.SerializeToString(), options)
        outputs = [value.name for value in simulated.graph.output]
        live |= zip(outputs, session.run(outputs, {name: live[name] for name in part.inputs}), strict=True)
        rounding = np.abs(expected[k] - exact[k]).mean()
        assert np.abs(live["logits"] - expected[k]).mean() < 0.3 * rounding


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("exported", ["residual", "stateful", "patience", "multi_scale"], indirect=True)
def test_heads_scores_and_sums_stay_float32_and_maps_cross_narrow(exported: Exported, kind: int) -> None:
    whole = with_halves(onnx.load(exported.folder / "model.onnx"), len(exported.segments), kind)
    index = GraphIndex(whole.graph)
    kinds = {name: value.type.tensor_type.elem_type for name, value in index.types.items()}
    kinds |= {tensor.name: tensor.data_type for tensor in whole.graph.initializer}
    convolutions = [node for node in whole.graph.node if node.op_type == "Conv"]
    assert {kinds[name] for node in convolutions for name in (*node.input, *node.output)} == {kind}
    wide = [node for node in whole.graph.node if node.op_type in WIDE | {"Gemm", "Softmax", "LogSoftmax"}]
    assert wide
    assert {kinds[node.input[0]] for node in wide} == {TensorProto.FLOAT}
    carried = [
        value.type.tensor_type for part in cut(whole, len(exported.segments)) for value in part.model.graph.output[3:]
    ]
    assert {value.elem_type for value in carried if len(value.shape.dim) == 4} == {kind}
    assert kind not in {value.elem_type for value in carried if len(value.shape.dim) < 4}  # what heads hand on


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("exported", ["residual"], indirect=True)
def test_nodes_keep_the_module_they_came_from(exported: Exported, kind: int) -> None:
    source = onnx.load(exported.folder / "model.onnx")
    before = {part.module for part in cut(source, len(exported.segments))}
    assert "" not in before
    assert {
        part.module for part in cut(with_halves(source, len(exported.segments), kind), len(exported.segments))
    } == before


@pytest.mark.parametrize("exported", ["residual"], indirect=True)
def test_a_weight_beyond_fp16_is_refused_by_name_and_fits_bf16(exported: Exported) -> None:
    source = onnx.load(exported.folder / "model.onnx")
    index = GraphIndex(source.graph)
    [first, *_] = [node for node in source.graph.node if node.op_type == "Conv"]
    weight = index.initializers[first.input[1]]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1e7, weight.name))
    with pytest.raises(ExportError, match=rf"{weight.name}.* more than fp16's 65504; take --precision bf16"):
        with_halves(source, len(exported.segments), TensorProto.FLOAT16)
    onnx.checker.check_model(with_halves(source, len(exported.segments), TensorProto.BFLOAT16))


def test_a_single_very_large_number_becomes_the_largest_there_is() -> None:
    lowest = np.array(np.finfo(np.float32).min)
    assert narrowed(lowest, TensorProto.FLOAT16, name="mask") == -65504
    assert narrowed(np.array(-np.inf, np.float32), TensorProto.FLOAT16, name="mask") == -np.inf
