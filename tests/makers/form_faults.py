"""Optimised forms whose files are as their record says, and that open, but do not run or cannot be what they answer."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import helper, numpy_helper

from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.optimised import OptimisedBuild, encode_optimised
from eeinfer.bundle.sums import sums

LAST = "segment_01.onnx"


def does_not_run(form: Path) -> None:
    """Let the last score pass through a shape that it cannot have."""
    shapes = [np.array([7, -1]), np.array([-1])]
    _behind(form, "score", lambda at: ("Reshape", numpy_helper.from_array(shapes[at].astype(np.int64))), steps=2)


def answers_with_no_class(form: Path) -> None:
    """Let the last prediction be a class that there is not."""
    _behind(form, "prediction", lambda _: ("Add", numpy_helper.from_array(np.array(1000, np.int64))), steps=1)


def answers_with_no_score(form: Path) -> None:
    """Let the last score be above 1."""
    _behind(form, "score", lambda _: ("Add", numpy_helper.from_array(np.array(2, np.float32))), steps=1)


FAULTS: dict[str, Callable[[Path], None]] = {
    "does not run": does_not_run,
    "no class": answers_with_no_class,
    "no score": answers_with_no_score,
}


def _behind(form: Path, output: str, operator: Callable[[int], tuple[str, onnx.TensorProto]], *, steps: int) -> None:
    path = form / LAST
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        node.output[:] = [f"{output}_0" if name == output else name for name in node.output]
        node.input[:] = [f"{output}_0" if name == output else name for name in node.input]
    for at in range(steps):
        kind, constant = operator(at)
        constant.name = f"{output}_by_{at}"
        model.graph.initializer.append(constant)
        made = output if at == steps - 1 else f"{output}_{at + 1}"
        model.graph.node.append(helper.make_node(kind, [f"{output}_{at}", constant.name], [made]))
    onnx.save(model, path)
    record = form / "build.json"
    build = msgspec.json.decode(record.read_bytes(), type=OptimisedBuild)
    files = build.files | {LAST: hash_file(path)}
    record.write_bytes(encode_optimised(msgspec.structs.replace(build, files=files, crc32=build.crc32 | sums_of(form))))


def sums_of(form: Path) -> dict[str, int]:
    return {name: sum for name, sum in sums(form).items() if name == LAST}
