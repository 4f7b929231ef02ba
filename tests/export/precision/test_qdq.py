"""Eight bits in the graph: what becomes integer, what stays float32, and that the cut changes nothing."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from exit_networks import Exported
from onnx.reference import ReferenceEvaluator

from eeinfer.errors import ConfigError, ExportError
from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.index import GraphIndex
from eeinfer.export.precision.qdq import tensors_to_watch, weight_scale, with_integers
from eeinfer.export.precision.qdq_plan import Quantisation, plan, plan_inputs
from eeinfer.export.precision.ranges import Histogram, Range, observe
from eeinfer.export.precision.storage import AROUND_ZERO, FLOAT8, Storage


def ranges_of(exported: Exported, planned: Quantisation, rows: np.ndarray) -> dict[str, Range]:
    watched = list(tensors_to_watch(planned))
    model = onnx.load(exported.folder / "model.onnx")
    known = {value.name for value in (*model.graph.output, *model.graph.input)}
    made = [name for name in watched if name not in known]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in made)
    session = ort.InferenceSession(model.SerializeToString())
    return observe(
        lambda batch: [batch if name == "input" else session.run([name], {"input": batch})[0] for name in watched],
        [rows],
        watched,
        "mse",
    )


def test_segments_equal_the_quantised_whole_and_stay_near_float32(exported: Exported) -> None:
    exits = len(exported.segments)
    rows = np.random.default_rng(0).standard_normal((48, *exported.network.shape), dtype=np.float32)
    source = onnx.load(exported.folder / "model.onnx")
    planned = plan(GraphIndex(source.graph), exits)
    if not planned.weighted:
        pytest.skip("its exits share one place, so that all its weights belong to heads")
    whole = with_integers(source, planned, ranges_of(exported, planned, rows))
    onnx.checker.check_model(whole)
    names = [f"logits_{k:02d}" for k in range(exits)]
    expected = ort.InferenceSession(whole.SerializeToString()).run(names, {"input": rows})
    exact = ort.InferenceSession(source.SerializeToString()).run(names, {"input": rows})
    live: dict[str, np.ndarray] = {"input": rows}
    for k, part in enumerate(cut(whole, exits)):
        session = ort.InferenceSession(part.model.SerializeToString())
        outputs = [value.name for value in session.get_outputs()]
        live |= zip(outputs, session.run(outputs, {name: live[name] for name in part.inputs}), strict=True)
        spread = np.abs(exact[k]).max()
        np.testing.assert_allclose(live["logits"], expected[k], atol=0.02 * spread)
        np.testing.assert_allclose(live["logits"], exact[k], atol=0.1 * spread)


@pytest.mark.parametrize("storage", [AROUND_ZERO, FLOAT8], ids=["int8", "fp8"])
def test_for_gpus_what_weighted_nodes_read_is_stored_around_zero(exported: Exported, storage: Storage) -> None:
    exits = len(exported.segments)
    rows = np.random.default_rng(0).standard_normal((16, *exported.network.shape), dtype=np.float32)
    source = onnx.load(exported.folder / "model.onnx")
    planned = plan_inputs(GraphIndex(source.graph), exits)
    if not planned.weighted:
        pytest.skip("its exits share one place, so that all its weights belong to heads")
    whole = with_integers(source, planned, ranges_of(exported, planned, rows), storage)
    onnx.checker.check_model(whole)
    stored = {tensor.name: tensor for tensor in whole.graph.initializer}
    for node in whole.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = stored[node.input[2]]
            assert zero.data_type == storage.activations
            assert not onnx.numpy_helper.to_array(zero).astype(np.float32).any()
    names = [f"logits_{k:02d}" for k in range(exits)]
    options = ort.SessionOptions()  # optimising, ONNX Runtime 1.32 takes a ReLU before eight-bit floats for needless
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    expected = ort.InferenceSession(whole.SerializeToString(), options).run(names, {"input": rows})
    exact = ort.InferenceSession(source.SerializeToString()).run(names, {"input": rows})
    live: dict[str, np.ndarray] = {"input": rows}
    for k, part in enumerate(cut(whole, exits)):
        outputs = [value.name for value in part.model.graph.output]
        found = ReferenceEvaluator(part.model).run(outputs, {name: live[name] for name in part.inputs})
        live |= zip(outputs, found, strict=True)
        spread = np.abs(exact[k]).max()
        np.testing.assert_allclose(live["logits"], expected[k], atol=0.05 * spread)
        np.testing.assert_allclose(live["logits"], exact[k], atol=0.2 * spread)


@pytest.mark.parametrize("exported", ["residual", "stateful", "patience"], indirect=True)
def test_heads_keep_float_weights_and_maps_cross_as_bytes(exported: Exported) -> None:
    exits = len(exported.segments)
    source = onnx.load(exported.folder / "model.onnx")
    planned = plan(GraphIndex(source.graph), exits)
    assert {source.graph.node[i].op_type for i in planned.weighted} == {"Conv"}
    rows = np.random.default_rng(0).standard_normal((8, *exported.network.shape), dtype=np.float32)
    whole = with_integers(source, planned, ranges_of(exported, planned, rows))
    weights = {tensor.name: tensor.data_type for tensor in whole.graph.initializer}
    heads = [node for node in whole.graph.node if node.op_type in ("Gemm", "MatMul")]
    assert len(heads) == exits
    assert all(weights[node.input[1]] == onnx.TensorProto.FLOAT for node in heads)
    [first, *_] = cut(whole, exits)
    carried = [value.type.tensor_type for value in first.model.graph.output[3:]]
    assert [value.elem_type for value in carried if len(value.shape.dim) == 4] == [onnx.TensorProto.UINT8]


def test_a_histogram_finds_the_range_whatever_the_order_of_magnitude() -> None:
    seen = Histogram()
    for size in (1e-3, 1.0, 50.0):
        seen.add(np.linspace(-size, 2 * size, 1001, dtype=np.float32))
    assert seen.counts.sum() == 3003
    assert seen.without_tails(0) == (-50.0, 100.0)
    low, high = seen.without_tails(0.1)
    assert -50 < low < 0 < high < 100


def test_cutting_off_a_rare_outlier_costs_less_than_coarse_steps() -> None:
    values = np.append(np.random.default_rng(0).standard_normal(400_000), 6.5).astype(np.float32)
    narrow = observe(lambda batch: [batch], [values], ["x"], "mse")["x"]
    assert narrow[1] < 6
    seen = Histogram()
    seen.add(values)
    assert seen.squared_error(narrow) < seen.squared_error(seen.without_tails(0))


def test_values_that_are_not_finite_and_unknown_rules_are_refused() -> None:
    with pytest.raises(ExportError, match="NaN or infinity"):
        Histogram().add(np.array([1.0, np.nan], np.float32))
    with pytest.raises(ConfigError, match="choose one of mse, percentile, minmax"):
        observe(lambda batch: [batch], [], ["x"], "entropy")


def test_a_channel_of_zeros_keeps_its_bias() -> None:
    weight, bias = np.zeros((2, 3), np.float32), np.array([0.0, 5.0], np.float32)
    scale = weight_scale(weight, bias, 0, 0.01)
    assert np.abs(bias / (scale * 0.01)).max() <= 2**30 * 1.001
    np.testing.assert_allclose(np.round(bias / (scale * 0.01)) * scale * 0.01, bias, rtol=1e-6)
