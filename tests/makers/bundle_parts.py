"""Writes a small bundle from nodes, tensors and weights, with the onnx package alone."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper
from onnx import numpy_helper as numpy_to_onnx

from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.manifest import (
    MODEL_NAME,
    WEIGHTS_NAME,
    Axis,
    ExitParity,
    Flops,
    Input,
    Manifest,
    Parity,
    Segment,
    TensorSpec,
)
from eeinfer.bundle.manifest_file import write_manifest

_EXIT = {"logits": TensorProto.FLOAT, "score": TensorProto.FLOAT, "prediction": TensorProto.INT64}

Weights = dict[str, np.ndarray]
Parts = list[tuple[list[NodeProto], list[TensorSpec], list[TensorSpec]]]  # nodes, inputs, carried


def write_parts(
    folder: Path,
    name: str,
    inputs: tuple[Input, ...],
    parts: Parts,
    weights: Weights,
    classes: int,
    axes: dict[str, Axis] | None = None,
) -> Path:
    folder.mkdir(parents=True)
    stored = _store(folder, weights)
    exits = range(len(parts))
    every_node = [node for nodes, _, _ in parts for node in nodes]
    outputs = [(f"{base}_{k:02d}", base) for k in exits for base in _EXIT]
    _save(folder / MODEL_NAME, every_node, [input.tensor for input in inputs], outputs, [], stored, classes)
    segments = []
    for k, (nodes, reads, carries) in enumerate(parts):
        own = [_renamed(node, k) for node in nodes]
        file = f"segment_{k:02d}.onnx"
        _save(folder / file, own, reads, [(base, base) for base in _EXIT], carries, stored, classes)
        segments.append(
            Segment(
                file=file,
                inputs=tuple(reads),
                carried=tuple(carries),
                module=f"stage{k}",
                flops=100 * (k + 1),
                cumulative_flops=sum(100 * (j + 1) for j in range(k + 1)),
            )
        )
    files = (MODEL_NAME, WEIGHTS_NAME, *(segment.file for segment in segments))
    manifest = Manifest(
        name=name,
        inputs=inputs,
        axes=axes or {},
        classes=tuple(f"class {i}" for i in range(classes)),
        score="max_softmax",
        taus=(0.8,) * len(parts),
        segments=tuple(segments),
        flops=Flops(convention="1 multiply-add = 1", static=550, uncounted={}),
        parity=Parity(
            tolerance=1e-4,
            batch_sizes=(1,),
            inputs=("random",),
            taus=(0.5,),
            exits=(ExitParity(max_abs_error=0.0, predictions_equal=True, decisions_equal=1.0),) * len(parts),
        ),
        provenance={"recipe": "tests"},
        files={file: hash_file(folder / file) for file in files},
    )
    write_manifest(folder, manifest)
    return folder


def _renamed(node: NodeProto, k: int) -> NodeProto:
    """In its own graph an exit's outputs are called logits, score, prediction."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.output[:] = [name.removesuffix(f"_{k:02d}") if name.startswith(tuple(_EXIT)) else name for name in node.output]
    return copy


def _store(folder: Path, weights: Weights) -> list[TensorProto]:
    """Put all weights into one file and return tensors that point there."""
    tensors, data = [], b""
    for name, array in weights.items():
        tensor = numpy_to_onnx.from_array(array, name)
        for key, value in {"location": WEIGHTS_NAME, "offset": len(data), "length": len(tensor.raw_data)}.items():
            tensor.external_data.add(key=key, value=str(value))
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensors.append(tensor)
    (folder / WEIGHTS_NAME).write_bytes(data)
    return tensors


def _save(
    path: Path,
    nodes: list[NodeProto],
    reads: list[TensorSpec],
    exits: Iterable[tuple[str, str]],
    carries: list[TensorSpec],
    stored: list[TensorProto],
    classes: int,
) -> None:
    used = {name for node in nodes for name in node.input}
    shapes = {"logits": ["batch", classes], "score": ["batch"], "prediction": ["batch"]}
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        path.stem,
        [info(tensor.name, _type(tensor), ["batch", *tensor.shape]) for tensor in reads],
        [
            *(info(name, _EXIT[base], shapes[base]) for name, base in exits),
            *(info(tensor.name, _type(tensor), ["batch", *tensor.shape]) for tensor in carries),
        ],
        [tensor for tensor in stored if tensor.name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


def _type(tensor: TensorSpec) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype)))
