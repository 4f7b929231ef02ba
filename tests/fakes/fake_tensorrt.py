"""TensorRT without a GPU, for tests: plans are notes of where a segment's graph lies, contexts compute it with ONNX
Runtime on the memory of a `FakeCuda`, and whatever TensorRT's documentation forbids raises.
"""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from fake_cuda import FakeCuda
from fake_cuda_parts import Node

from eeinfer.backends.cuda.api import ALIGNMENT_BYTES
from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bundle.build_record import BUILD_NAME, TENSORRT, Build, Plan, encode_build, plan_name, platform_name
from eeinfer.bundle.builds import source_sha256
from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Segment

VERSION = "11.4.0.106"
TARGET = "sm86"
SCRATCH_BYTES = 1024
_sessions: dict[str, Any] = {}


def add_plans(path: Path, *, batches: tuple[int, ...] = (1, 8, 32), library: str = TENSORRT) -> Path:
    """Put plans for the fake into a bundle; return their folder."""
    bundle = Bundle.open(path)
    build = Build(
        library=library,
        library_version=VERSION,
        target=TARGET,
        platform=platform_name(),
        flags={},
        batches=batches,
        created="2026-01-01T00:00:00+00:00",
        plans=(),
    )
    folder = bundle.file(build.folder)
    folder.mkdir(parents=True, exist_ok=True)
    plans = tuple(_plan(bundle, folder, segment, batches) for segment in bundle.manifest.segments)
    (folder / BUILD_NAME).write_bytes(encode_build(msgspec.structs.replace(build, plans=plans)))
    return folder


def _plan(bundle: Bundle, folder: Path, segment: Segment, batches: tuple[int, ...]) -> Plan:
    exits = zip(EXIT_OUTPUTS, ("float32", "float32", "int64"), ([len(bundle.manifest.classes)], [], []), strict=True)
    outputs = {name: (dtype, shape) for name, dtype, shape in exits}
    outputs |= {spec.name: (spec.dtype, spec.shape) for spec in segment.carried}
    inputs = {spec.name: (spec.dtype, spec.shape) for spec in segment.inputs}
    note = {"onnx": str(bundle.file(segment.file)), "batches": batches, "inputs": inputs, "outputs": outputs}
    file = folder / plan_name(segment)
    file.write_text(json.dumps(note))
    found, source = hash_file(file), source_sha256(bundle, segment)
    return Plan(file=file.name, sha256=found.sha256, bytes=found.bytes, onnx_sha256=source, seconds=0.1)


def fake_tensorrt(cuda: FakeCuda, *, name: str = TENSORRT, runs: bool = True) -> ModuleType:
    """A module that stands in for `tensorrt`. `runs`: False makes contexts refuse to run."""
    module = ModuleType(name)
    module.__version__ = VERSION
    module.ILogger = type("ILogger", (), {"ERROR": "error", "INTERNAL_ERROR": "internal error"})
    module.TensorIOMode = SimpleNamespace(INPUT="input", OUTPUT="output")
    module.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    module.Runtime = lambda logger: _Runtime(cuda, logger, runs)
    return module


def session(path: str) -> Any:
    if path not in _sessions:
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        _sessions[path] = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return _sessions[path]


class _Runtime:
    def __init__(self, cuda: FakeCuda, logger: Any, runs: bool) -> None:
        self.cuda, self.logger, self.runs = cuda, logger, runs

    def deserialize_cuda_engine(self, data: bytes) -> "_Engine | None":
        try:
            note = json.loads(data)
        except ValueError:
            self.logger.log(self.logger.ERROR, "magic tag does not match\nsomewhere")
            return None
        return _Engine(self, note)


class _Engine:
    def __init__(self, runtime: _Runtime, note: dict[str, Any]) -> None:
        self.runtime, self.note = runtime, note
        self.inputs, self.outputs = note["inputs"], note["outputs"]
        self.tensors = self.inputs | self.outputs
        self.num_io_tensors, self.num_optimization_profiles = len(self.tensors), len(note["batches"])

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "input" if name in self.inputs else "output"

    def get_tensor_dtype(self, name: str) -> SimpleNamespace:
        dtype = self.tensors[name][0]
        return SimpleNamespace(name={"float32": "FLOAT", "float16": "HALF"}.get(dtype, dtype.upper()))

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self.note.get("shown", {}).get(name, self.tensors[name][1]))

    def get_device_memory_size_for_profile_v2(self, profile: int) -> int:
        return SCRATCH_BYTES * self.note["batches"][profile]

    def create_execution_context(self, strategy: str) -> "_Context":
        assert strategy == "user managed"
        return _Context(self)


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self.engine, self.cuda = engine, engine.runtime.cuda
        self.addresses, self.shapes, self.warm = dict[str, int](), dict[str, tuple[int, ...]](), False
        self.rows = 0

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        assert not self.cuda.captures(stream)
        self.profile = profile
        return True

    def set_device_memory(self, address: int, size: int) -> None:
        assert address % ALIGNMENT_BYTES == 0
        assert size >= self.engine.get_device_memory_size_for_profile_v2(self.profile)
        self.scratch = address, size

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        self.rows = shape[0]
        return shape == (self.engine.note["batches"][self.profile], *self.engine.inputs[name][1])

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address % ALIGNMENT_BYTES == 0
        self.addresses[name] = address
        return name in self.engine.tensors

    def execute_async_v3(self, stream: int) -> bool:
        runtime = self.engine.runtime
        assert set(self.addresses) == set(self.engine.tensors)
        assert set(self.shapes) == set(self.engine.inputs)
        assert self.warm or not self.cuda.captures(stream), "captured before its first run"
        if not runtime.runs:
            runtime.logger.log(runtime.logger.ERROR, "out of tactics")
            return False
        self.warm = True
        addresses = dict(self.addresses)  # a captured run keeps the addresses it was captured with
        self.cuda.put(stream, Node("engine", lambda launch: self._compute(addresses)))
        return True

    def _compute(self, addresses: dict[str, int]) -> None:
        self.cuda.view(*self.scratch)[:] ^= 0xA5
        feeds = {name: self._array(name, addresses).copy() for name in self.engine.inputs}
        for name, made in zip(
            self.engine.outputs, session(self.engine.note["onnx"]).run(list(self.engine.outputs), feeds), strict=True
        ):
            self._array(name, addresses)[...] = made

    def _array(self, name: str, addresses: dict[str, int]) -> np.ndarray:
        dtype, shape = self.engine.tensors[name]
        size = np.dtype(dtype).itemsize * self.rows * int(np.prod(shape, dtype=np.int64))
        return self.cuda.view(addresses[name], size).view(dtype).reshape(self.rows, *shape)


def hide(monkeypatch: Any, *names: str) -> None:
    """Let imports of these modules fail as if they were not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
