"""The segments of a bundle in one graph: an If at each exit holds all that comes after it.

    segment 0, score 0, who stays?  If(anyone):  segment 1, score 1, who stays?  If(anyone):  ...
                                    else:        the answers so far

An If is taken by the whole batch, so rows that have left ride along and `Where` keeps their answers. What a branch
reads from outside it takes by name, which is how carried tensors reach later segments; weights lie in the branch that
uses them, so that a runtime optimises a segment as it does in a file of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Input, Manifest, TensorSpec
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import BATCH

TAU = "tau"
ANSWERS = {"prediction": TensorProto.INT64, "exit": TensorProto.INT64, "score": TensorProto.FLOAT}
ANSWERS |= {"logits": TensorProto.FLOAT}
MAX_EXITS = 30  # protobuf reads messages nested up to 100 deep, and every If nests three of them
RULE = "a row leaves at exit k if and only if score > tau[k]; the last exit always answers"

_FLOATS = ("float16", "float32", "float64")
_NO_ANSWER = {"prediction": -1, "exit": -1, "score": float("nan"), "logits": float("nan")}
_NO_ANSWER_NAMES = {kind: f"row/no_{kind}" for kind in _NO_ANSWER}
_SHARED_BYTES = 4096  # weights above this are stored once for all segments; optimisers want small ones close by

Answers = dict[str, str]  # what is asked -> the tensor that holds it


def nest(parts: Sequence[onnx.ModelProto], manifest: Manifest) -> onnx.ModelProto:
    """Build the one graph: the bundle's inputs and, optionally, ``tau`` [E]; outputs prediction, exit, score, logits.

    Args:
        parts: the graphs of the segments; weights may still lie in another file.
        manifest: of their bundle; its taus become the default of ``tau``.

    Raises:
        ExportError: more exits than protobuf can nest, or segments of different opsets.
    """
    if len(parts) > MAX_EXITS:
        raise ExportError(
            f"the bundle has {len(parts)} exits; a single file nests at most {MAX_EXITS}, because protobuf reads no "
            "deeper messages: train with fewer exits, or deploy the bundle"
        )
    body = onnx.GraphProto()
    answers = _Levels(parts, manifest).fill(body, 0, _NO_ANSWER_NAMES, "row/usable")
    graph = onnx.GraphProto(name=manifest.name, value_info=body.value_info, initializer=body.initializer)
    graph.node.extend([*_usable_rows(manifest), *body.node, *_outputs(answers)])
    graph.initializer.append(numpy_helper.from_array(np.array(manifest.taus, np.float32), TAU))
    graph.input.extend(_inputs(manifest))
    graph.output.extend(_typed(kind, manifest) for kind in ANSWERS)
    model = onnx.ModelProto(ir_version=max(part.ir_version for part in parts), producer_name="eeinfer", graph=graph)
    model.opset_import.extend(_opsets(parts))
    model.functions.extend({(f.domain, f.name): f for part in parts for f in part.functions}.values())
    return model


class _Levels:
    """Fills the graph of one exit, with those of all later ones inside it."""

    def __init__(self, parts: Sequence[onnx.ModelProto], manifest: Manifest) -> None:
        self.parts = parts
        self.manifest = manifest
        self.stored: dict[bytes, str] = {}  # large weights in this branch or around it

    def fill(self, graph: onnx.GraphProto, k: int, before: Answers, still_in: str) -> Answers:
        """Compute segment ``k`` in ``graph``, answer for the rows ``still_in``, go on if any of them stays."""
        self._add_segment(graph, k)
        answers, nodes = _answer(k, before, still_in)
        graph.node.extend(nodes)
        if k + 1 == len(self.parts):
            return answers
        at = f"exit_{k:02d}"
        graph.node.extend(_stay(k, still_in))
        ends = {kind: f"{at}/final/{kind}" for kind in ANSWERS}
        branch = graph.node.add(op_type="If", name=f"{at}/if", input=[f"{at}/go_on"], output=ends.values())
        on = branch.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g
        on.name = f"{at}/some_go_on"
        deeper = self.fill(on, k + 1, answers, f"{at}/still_in")
        on.output.extend(_typed(kind, self.manifest, deeper[kind]) for kind in ANSWERS)
        off = branch.attribute.add(name="else_branch", type=onnx.AttributeProto.GRAPH).g
        off.name = f"{at}/all_have_left"
        off.node.extend(_node("Identity", [answers[kind]], f"{at}/so_far/{kind}") for kind in ANSWERS)
        off.output.extend(_typed(kind, self.manifest, f"{at}/so_far/{kind}") for kind in ANSWERS)
        return ends

    def _add_segment(self, graph: onnx.GraphProto, k: int) -> None:
        """Copy segment ``k`` into the empty ``graph``, its own names put out of the way of the others'."""
        source, segment = self.parts[k].graph, self.manifest.segments[k]
        kept = {spec.name for spec in (*segment.inputs, *segment.carried)}
        names = {"": "", **{name: name for name in kept}}
        weights = []
        for tensor in source.initializer:
            key = _content(tensor)
            if key is not None and key in self.stored:
                names[tensor.name] = self.stored[key]
                continue
            weights.append(tensor)
            if key is not None:
                self.stored[key] = f"segment_{k:02d}/{tensor.name}"
        graph.node.extend(source.node)
        graph.initializer.extend(weights)
        graph.value_info.extend([*source.value_info, *source.output])
        _rename(graph, names, f"segment_{k:02d}/")


def _content(tensor: onnx.TensorProto) -> bytes | None:
    """What tells a large tensor from every other: where its bytes lie, or the bytes; None for a small one."""
    if int(np.prod(tensor.dims)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize < _SHARED_BYTES:
        return None
    nameless = onnx.TensorProto()
    nameless.CopyFrom(tensor)
    nameless.name = ""
    data: bytes = nameless.SerializeToString(deterministic=True)
    return data


def _rename(graph: onnx.GraphProto, names: dict[str, str], prefix: str) -> None:
    """Put ``prefix`` before every name in ``graph`` and the graphs within, but for those that ``names`` knows."""

    def renamed(name: str) -> str:
        return names.get(name, prefix + name)

    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = renamed(value.name)
    for node in graph.node:
        node.name = prefix + node.name if node.name else ""
        node.input[:] = map(renamed, node.input)
        node.output[:] = map(renamed, node.output)
        for attribute in node.attribute:
            for body in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                _rename(body, names, prefix)


def _usable_rows(manifest: Manifest) -> list[onnx.NodeProto]:
    """Find the rows of finite values, as the engine does: 0 times NaN or infinity is NaN, and equals nothing."""
    tensors = [input.tensor for input in manifest.inputs]
    floats = [tensor for tensor in tensors if tensor.dtype in _FLOATS] or tensors[:1]  # whole numbers are finite
    nodes = [_constant("row/zero", 0.0), _constant("row/values", [1])]
    usable = ""
    for tensor in floats:
        nodes += _finite(tensor)
        finite = f"row/{tensor.name}/finite"
        if usable:
            nodes.append(_node("And", [usable, finite], f"row/{tensor.name}/usable"))
        usable = f"row/{tensor.name}/usable" if usable else finite
    no_answer = [_constant(_NO_ANSWER_NAMES[kind], value) for kind, value in _NO_ANSWER.items()]
    return [*nodes, _node("Identity", [usable], "row/usable"), *no_answer]


def _finite(tensor: TensorSpec) -> list[onnx.NodeProto]:
    source, nodes, at = tensor.name, [], f"row/{tensor.name}"
    if tensor.dtype != "float32":
        source = f"{at}/floats"
        nodes.append(_node("Cast", [tensor.name], source, to=TensorProto.FLOAT))
    return [
        *nodes,
        _node("Mul", [source, "row/zero"], f"{at}/zeros"),
        _node("Flatten", [f"{at}/zeros"], f"{at}/flat", axis=1),
        _node("ReduceSum", [f"{at}/flat", "row/values"], f"{at}/sum", keepdims=0),
        _node("Equal", [f"{at}/sum", "row/zero"], f"{at}/finite"),
    ]


def _answer(k: int, before: Answers, still_in: str) -> tuple[Answers, list[onnx.NodeProto]]:
    """Let the rows still in answer with exit ``k``; the others keep what they have."""
    at, segment = f"exit_{k:02d}", f"segment_{k:02d}"
    own = {"exit": f"{at}/number", **{kind: f"{segment}/{kind}" for kind in EXIT_OUTPUTS}}
    answers = {kind: f"{at}/{kind}" for kind in ANSWERS}
    column = f"{at}/answers_column"  # [B, 1] beside logits [B, K]
    nodes = [
        _constant(f"{at}/number", k),
        _constant(f"{at}/axis", [1]),
        _node("Unsqueeze", [still_in, f"{at}/axis"], column),
    ]
    for kind, name in answers.items():
        nodes.append(_node("Where", [column if kind == "logits" else still_in, own[kind], before[kind]], name))
    return answers, nodes


def _stay(k: int, still_in: str) -> list[onnx.NodeProto]:
    """Decide who stays behind exit ``k``; a NaN score is not above tau, and stays."""
    at = f"exit_{k:02d}"
    return [
        _node("Gather", [TAU, f"{at}/number"], f"{at}/tau", axis=0),
        _constant(f"{at}/one", 1.0),
        _node("Min", [f"segment_{k:02d}/score", f"{at}/one"], f"{at}/judged"),  # a softmax may round to just above 1
        _node("Greater", [f"{at}/judged", f"{at}/tau"], f"{at}/above"),
        _node("Not", [f"{at}/above"], f"{at}/not_above"),
        _node("And", [still_in, f"{at}/not_above"], f"{at}/still_in"),
        _node("Cast", [f"{at}/still_in"], f"{at}/ones", to=TensorProto.INT64),
        _node("ReduceSum", [f"{at}/ones"], f"{at}/count", keepdims=0),
        _node("Cast", [f"{at}/count"], f"{at}/go_on", to=TensorProto.BOOL),
    ]


def _outputs(last: Answers) -> list[onnx.NodeProto]:
    """Hand out the answers; a row whose score is not finite has prediction -1, as the engine's."""
    return [
        *(_node("Identity", [last[kind]], kind) for kind in ("exit", "score", "logits")),
        _node("Abs", [last["score"]], "row/size"),
        _constant("row/largest", float(np.finfo(np.float32).max)),
        _node("LessOrEqual", ["row/size", "row/largest"], "row/answered"),
        _node("Where", ["row/answered", last["prediction"], "row/no_prediction"], "prediction"),
    ]


def _inputs(manifest: Manifest) -> list[onnx.ValueInfoProto]:
    taus = ", ".join(f"{tau:g}" for tau in manifest.taus)
    return [
        *(_given(input) for input in manifest.inputs),
        helper.make_tensor_value_info(
            TAU, TensorProto.FLOAT, [len(manifest.taus)], f"{RULE}; optional, {taus} by default"
        ),
    ]


def _given(input: Input) -> onnx.ValueInfoProto:
    spec, what = input.tensor, "the prepared images, see 'preprocess'" if input.preprocess else "as in training"
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    return helper.make_tensor_value_info(spec.name, kind, [BATCH, *spec.shape], what)


def _typed(kind: str, manifest: Manifest, name: str | None = None) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = [BATCH, len(manifest.classes)] if kind == "logits" else [BATCH]
    return helper.make_tensor_value_info(name or kind, ANSWERS[kind], shape)


def _opsets(parts: Sequence[onnx.ModelProto]) -> list[onnx.OperatorSetIdProto]:
    found: dict[str, int] = {}
    for part in parts:
        for entry in part.opset_import:
            if found.setdefault(entry.domain, entry.version) != entry.version:
                raise ExportError(
                    f"segments of opset {found[entry.domain]} and {entry.version} cannot share a file; export again"
                )
    return [helper.make_opsetid(domain, version) for domain, version in found.items()]


def _node(kind: str, inputs: Sequence[str], output: str, **options: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], name=output, **options)


def _constant(name: str, value: float | list[int]) -> onnx.NodeProto:
    array = np.array(value, np.float32 if isinstance(value, float) else np.int64)
    return helper.make_node("Constant", [], [name], name=name, value=numpy_helper.from_array(array))
