"""Three small bundles, written with the onnx package alone.

`tiny` is a network on 8 x 8 grey images: a feature map carried from segment to segment, a small state that every
exit adds to, and a map made in segment 0 that only segment 2 reads.

`words` reads three inputs with a dynamic axis: ids int64 and mask bool [B, length], scale float32 [B]. Exit 0 answers
from the mean of the words' vectors, exit 1 from the mean of what a layer makes of each.

`scripted` plays back its input [B, 4]: columns 0 to 2 are the scores of the three exits (a negative one becomes
NaN), column 3 is the row's name, which every exit predicts. So a test decides who leaves where.
"""

from pathlib import Path

import numpy as np
from bundle_parts import Parts, Weights, write_parts
from onnx import NodeProto, TensorProto, helper
from onnx import numpy_helper as numpy_to_onnx

from eeinfer.bundle.manifest import Axis, Input, Preprocess, TensorSpec

EXITS = 3
CLASSES = 5
NAMES = 1000  # classes of the scripted bundle: one name per row


def spec(name: str, *shape: int | str, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def write_tiny(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    shapes = {
        "conv0": (4, 1, 3, 3),
        "conv1": (6, 4, 3, 3),
        "head0": (4, CLASSES),
        "head1": (6, CLASSES),
        "head2": (10, CLASSES),
    }
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {name: weights[name] * 3 for name in ("head0", "head1", "head2")}  # scores all over (1/K, 1)
    image = spec("input", 1, 8, 8)
    wide, late, state0 = spec("carried_00", 4, 8, 8), spec("carried_01", 4, 4, 4), spec("carried_02", CLASSES)
    small, state1 = spec("carried_03", 6, 4, 4), spec("carried_04", CLASSES)
    node = helper.make_node
    parts: Parts = [
        (
            [
                node("Conv", ["input", "conv0"], ["c0"], pads=[1, 1, 1, 1]),
                node("Relu", ["c0"], ["carried_00"]),
                node("AveragePool", ["carried_00"], ["carried_01"], kernel_shape=[2, 2], strides=[2, 2]),
                *_pooled("carried_00", "p0"),
                node("MatMul", ["p0", "head0"], ["carried_02"]),
                *_exit(0, "carried_02"),
            ],
            [image],
            [wide, late, state0],
        ),
        (
            [
                node("Conv", ["carried_00", "conv1"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]),
                node("Relu", ["c1"], ["carried_03"]),
                *_pooled("carried_03", "p1"),
                node("MatMul", ["p1", "head1"], ["own1"]),
                node("Add", ["own1", "carried_02"], ["carried_04"]),
                *_exit(1, "carried_04"),
            ],
            [wide, state0],
            [small, state1],
        ),
        (
            [
                node("Concat", ["carried_01", "carried_03"], ["both"], axis=1),
                *_pooled("both", "p2"),
                node("MatMul", ["p2", "head2"], ["own2"]),
                node("Add", ["own2", "carried_04"], ["sum2"]),
                *_exit(2, "sum2"),
            ],
            [late, small, state1],
            [],
        ),
    ]
    rule = Preprocess(mean=(0.5,), std=(0.25,))
    return write_parts(folder, "tiny", (Input(tensor=image, preprocess=rule),), parts, weights, CLASSES)


def write_scripted(folder: Path) -> Path:
    weights = {f"column{k}": np.array([k]) for k in range(4)} | {"nothing": np.zeros((1, NAMES), np.float32)}
    weights["most"] = np.array(1.000009, np.float32)  # what rounding may make of a softmax
    image, copy, late = spec("input", 4), spec("carried_00", 4), spec("carried_01", 4)
    node = helper.make_node
    parts: Parts = [
        ([*_script(0, "input"), node("Identity", ["input"], ["carried_00"])], [image], [copy]),
        ([*_script(1, "carried_00"), node("Identity", ["carried_00"], ["carried_01"])], [copy], [late]),
        (_script(2, "input", name_from="carried_01"), [image, late], []),
    ]
    return write_parts(folder, "scripted", (Input(tensor=image),), parts, weights, NAMES)


def word_weights() -> Weights:
    """What `words` computes with: vectors of 20 words, a layer, and a head for each exit."""
    rng = np.random.default_rng(1)
    shapes = {"vectors": (20, 4), "layer": (4, 6), "head0": (4, CLASSES), "head1": (6, CLASSES)}
    return {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in shapes.items()}


def write_words(folder: Path, length: int | str = "length") -> Path:
    ids, mask = spec("ids", length, dtype="int64"), spec("mask", length, dtype="bool")
    scale, words = spec("scale"), spec("carried_00", length, 4)
    node = helper.make_node
    parts: Parts = [
        (
            [node("Gather", ["vectors", "ids"], ["carried_00"]), *_mean_word(0, "carried_00")],
            [ids, mask, scale],
            [words],
        ),
        (
            [
                node("MatMul", ["carried_00", "layer"], ["made"]),
                node("Relu", ["made"], ["lifted"]),
                *_mean_word(1, "lifted"),
            ],
            [words, mask, scale],
            [],
        ),
    ]
    inputs = tuple(Input(tensor=tensor) for tensor in (ids, mask, scale))
    axes = {length: Axis(min=2, max=12)} if isinstance(length, str) else {}
    return write_parts(folder, "words", inputs, parts, word_weights(), CLASSES, axes=axes)


def _mean_word(k: int, source: str) -> list[NodeProto]:
    node = helper.make_node
    return [
        node("Constant", [], [f"last{k}"], value=numpy_to_onnx.from_array(np.array([-1]))),
        node("Constant", [], [f"tokens{k}"], value=numpy_to_onnx.from_array(np.array([1]))),
        node("Cast", ["mask"], [f"m{k}"], to=TensorProto.FLOAT),
        node("Unsqueeze", [f"m{k}", f"last{k}"], [f"mm{k}"]),
        node("Mul", [source, f"mm{k}"], [f"kept{k}"]),
        node("ReduceSum", [f"kept{k}", f"tokens{k}"], [f"sum{k}"], keepdims=0),
        node("ReduceSum", [f"mm{k}", f"tokens{k}"], [f"count{k}"], keepdims=0),
        node("Div", [f"sum{k}", f"count{k}"], [f"mean{k}"]),
        node("MatMul", [f"mean{k}", f"head{k}"], [f"raw{k}"]),
        node("Unsqueeze", ["scale", f"last{k}"], [f"factor{k}"]),
        node("Mul", [f"raw{k}", f"factor{k}"], [f"scaled{k}"]),
        *_exit(k, f"scaled{k}"),
    ]


def _pooled(source: str, target: str) -> list[NodeProto]:
    return [
        helper.make_node("GlobalAveragePool", [source], [f"{target}_map"]),
        helper.make_node("Flatten", [f"{target}_map"], [target]),
    ]


def _exit(k: int, logits: str) -> list[NodeProto]:
    node = helper.make_node
    return [
        node("Identity", [logits], [f"logits_{k:02d}"]),
        node("Softmax", [logits], [f"p_{k}"], axis=1),
        node("ReduceMax", [f"p_{k}"], [f"score_{k:02d}"], axes=[1], keepdims=0),
        node("ArgMax", [logits], [f"prediction_{k:02d}"], axis=1, keepdims=0),
    ]


def _script(k: int, source: str, name_from: str | None = None) -> list[NodeProto]:
    node = helper.make_node
    return [
        node("Gather", [source, f"column{k}"], [f"s{k}"], axis=1),
        node("Sqrt", [f"s{k}"], [f"root{k}"]),  # NaN for a negative score, and 0 * NaN + score keeps it
        node("Sub", [f"root{k}", f"root{k}"], [f"zero{k}"]),
        node("Add", [f"s{k}", f"zero{k}"], [f"sum{k}"]),
        node("Min", [f"sum{k}", "most"], [f"most{k}"]),  # of random rows too an engine takes the score
        node("Flatten", [f"most{k}"], [f"flat{k}"], axis=1),
        node("ReduceMax", [f"flat{k}"], [f"score_{k:02d}"], axes=[1], keepdims=0),
        node("Gather", [name_from or source, "column3"], [f"n{k}"], axis=1),
        node("Add", [f"n{k}", "nothing"], [f"logits_{k:02d}"]),  # [B, 1] + [1, K]: the name in every class
        node("ReduceMax", [f"n{k}"], [f"name{k}"], axes=[1], keepdims=0),
        node("Cast", [f"name{k}"], [f"prediction_{k:02d}"], to=TensorProto.INT64),
    ]
