"""The plans of one bundle, opened: what all lanes and batches of an engine have in common."""

import threading
from pathlib import Path
from typing import Any

from eeinfer.backends.buckets import Buckets
from eeinfer.backends.cuda.api import Cuda, CudaError
from eeinfer.backends.trt.library import Library, Reader, installed
from eeinfer.bundle.build_record import dtype_name
from eeinfer.bundle.builds import Build, build_command, find_build
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import Segment, TensorSpec
from eeinfer.errors import BundleError

_OPEN = -1  # a size that TensorRT knows only when it runs


def find_engines(bundle: Bundle, cuda: Cuda, *, verify: bool) -> "Engines":
    """Open the plans that one of the installed libraries can run on this device.

    Raises:
        BundleError: no library has plans that fit, with each one's reason; or one is not what the manifest says.
        DependencyError: no library is installed.
    """
    outcomes = [(library, _build(bundle, library, cuda, verify=verify)) for library in installed()]
    for library, build in outcomes:
        if isinstance(build, Build):
            return Engines(bundle, cuda, Reader(library), build)
    raise BundleError("; or ".join(str(reason) for _, reason in outcomes))


def _build(bundle: Bundle, library: Library, cuda: Cuda, *, verify: bool) -> Build | BundleError:
    name, version = library.name, library.version
    try:
        return find_build(bundle, library=name, library_version=version, capability=cuda.capability, verify=verify)
    except BundleError as reason:
        return reason


class Engines:
    """One engine per segment, with one optimisation profile per bucket. For any number of threads."""

    def __init__(self, bundle: Bundle, cuda: Cuda, reader: Reader, build: Build) -> None:
        self._engines, self._reader = list[Any](), reader  # in this order they are let go of
        self.cuda, self.manifest, self.library = cuda, bundle.manifest, reader.library
        self.buckets = Buckets(tuple(build.batches))
        self.exit_specs = exit_specs(len(bundle.manifest.classes))
        self._one_at_a_time = threading.Lock()
        folder = bundle.file(build.folder)
        remedy = f"build it again with: {build_command(bundle, build.library, target=build.target, force=True)}"
        for segment, plan in zip(bundle.manifest.segments, build.plans, strict=True):
            engine = reader.engine(folder / plan.file, remedy=remedy)
            _check_engine(engine, segment, self, where=folder / plan.file, remedy=remedy)
            self._engines.append(engine)

    def profile(self, bucket: int) -> int:
        """Return the number of the optimisation profile of a bucket."""
        return self.buckets.sizes.index(bucket)

    def scratch_bytes(self, bucket: int) -> int:
        """Return the activation memory that suffices for whichever segment runs."""
        profile = self.profile(bucket)
        return max(int(engine.get_device_memory_size_for_profile_v2(profile)) for engine in self._engines)

    def context(self, segment: int) -> Any:
        """Make an execution context that brings no memory for activations.

        Raises:
            CudaError: TensorRT refuses.
        """
        strategy = self.library.module.ExecutionContextAllocationStrategy.USER_MANAGED
        with self._one_at_a_time:
            context = self._engines[segment].create_execution_context(strategy)
        self.insist(context is not None, segment)
        return context

    def insist(self, done: bool, segment: int) -> None:
        """Turn TensorRT's False into an error with the reason that its logger was given.

        Raises:
            CudaError: not done.
        """
        if not done:
            name = self.manifest.segments[segment].file
            raise CudaError(f"{self.library.name} cannot run the plan of {name}: {self._reader.complaints.take()}")


def _check_engine(engine: Any, segment: Segment, engines: Engines, *, where: Path, remedy: str) -> None:
    """Refuse an engine whose tensors or profiles are not those of the manifest and of build.json."""
    module, outputs = engines.library.module, (*engines.exit_specs, *segment.carried)
    expected = {spec.name: (spec, module.TensorIOMode.INPUT) for spec in segment.inputs}
    expected |= {spec.name: (spec, module.TensorIOMode.OUTPUT) for spec in outputs}
    found = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    problem = f"has the tensors {', '.join(sorted(found))}, the manifest {', '.join(sorted(expected))}"
    if found == set(expected):
        problem = next(filter(None, (_problem(engine, *pair) for pair in expected.values())), "")
    if not problem and engine.num_optimization_profiles != len(engines.buckets.sizes):
        problem = f"has {engine.num_optimization_profiles} profiles for {len(engines.buckets.sizes)} batch sizes"
    if problem:
        raise BundleError(f"{where} {problem}; {remedy}")


def _problem(engine: Any, spec: TensorSpec, mode: Any) -> str:
    dtype, shape = dtype_name(engine.get_tensor_dtype(spec.name)), tuple(engine.get_tensor_shape(spec.name))[1:]
    same = len(shape) == len(spec.shape) and all(a in (_OPEN, b) for a, b in zip(shape, spec.shape, strict=True))
    if same and dtype == spec.dtype and engine.get_tensor_mode(spec.name) == mode:
        return ""
    return f"has {spec.name!r} as {dtype} {list(shape)}, the manifest as {spec.dtype} {list(spec.shape)}"
