"""One segment's ONNX graph into one plan, by the calls that TensorRT 10 and 11 and TensorRT-RTX have in common."""

import re
from pathlib import Path
from typing import Any

from eeinfer.bundle.build_record import RTX, dtype_name
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import Segment
from eeinfer.errors import ExportError
from eeinfer.export.trt.config import TrtConfig
from eeinfer.export.trt.messages import error_log, interrupts_held
from eeinfer.export.trt.targets import BuildLibrary
from eeinfer.export.trt.timing import TimingCache

_PLACES = re.compile(r"^IBuilder::\w+: |[\s.]*\bIn \w+ at /[^\s)]+")  # where in TensorRT's sources an error arose
_RETREAT = "the bundle runs without plans too, by ONNX Runtime: pip install 'eeinfer[gpu]'"


class PlanBuilder:
    """Builds plans for one target."""

    def __init__(self, library: BuildLibrary, target: str, config: TrtConfig, timing: TimingCache) -> None:
        self._library = library
        self._target = target
        self._config = config
        self._timing = timing
        self._trt = library.module
        self._log = error_log(self._trt)
        try:
            self._builder = self._trt.Builder(self._log)
        except TypeError as error:  # what the bindings make of a null pointer
            raise ExportError(f"{library.name} does not start, {self._reason()}; look at: eeinfer doctor") from error

    def build(self, path: Path, segment: Segment) -> Any:
        """Return the plan of the graph at ``path`` as a buffer.

        Raises:
            ExportError: TensorRT cannot parse or build it; the message names the node.
        """
        self._log.errors.clear()
        with interrupts_held():
            plan = self._build(path, segment)
        if plan is None:
            raise ExportError(self._failure(segment, self._reason()))
        return plan

    def _build(self, path: Path, segment: Segment) -> Any:
        network = self._builder.create_network(1 << int(self._trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = self._trt.OnnxParser(network, self._log)  # holds the weights: it has to outlive the build
        if not parser.parse_from_file(str(path)):
            raise ExportError(self._failure(segment, _parse_error(parser.get_error(0))))
        if problem := _io_problem(network, segment):
            raise ExportError(self._failure(segment, problem))
        return self._builder.build_serialized_network(network, self._options(network))

    def _options(self, network: Any) -> Any:
        options = self._builder.create_builder_config()
        if self._library.name == RTX:
            options.num_compute_capabilities = 1
            options.set_compute_capability(getattr(self._trt.ComputeCapability, self._target.upper()), 0)
        else:
            self._timing.attach(options)
        options.builder_optimization_level = self._config.optimization_level
        options.max_aux_streams = self._config.auxiliary_streams
        options.set_flag(self._trt.BuilderFlag.STRICT_NANS)  # a NaN score must stay one: it never passes
        if not self._config.tf32:
            options.clear_flag(self._trt.BuilderFlag.TF32)  # set by default
        for rows in self._config.batches:
            options.add_optimization_profile(self._profile(network, rows))
        return options

    def _profile(self, network: Any, rows: int) -> Any:
        profile = self._builder.create_optimization_profile()
        for tensor in map(network.get_input, range(network.num_inputs)):
            shape = (rows, *tuple(tensor.shape)[1:])
            profile.set_shape(tensor.name, shape, shape, shape)
        return profile

    def _reason(self) -> str:
        """What the library said last, without the place in its sources."""
        return _PLACES.sub("", self._log.errors[-1]) if self._log.errors else "and gives no reason"

    def _failure(self, segment: Segment, reason: str) -> str:
        where = f"{segment.file} (exit at {segment.module})"
        return f"{self._library.name} cannot build {where} for {self._target}: {reason}; {_RETREAT}"


def _parse_error(error: Any) -> str:
    node, operator = error.node_name(), error.node_operator()
    place = f"node {node} ({operator}): " if node or operator else ""
    return f"{place}{error.desc()}"


def _io_problem(network: Any, segment: Segment) -> str | None:
    """The runtime allocates what the manifest says; TensorRT turns float64, for one, silently into float32."""
    tensors = [*map(network.get_input, range(network.num_inputs)), *map(network.get_output, range(network.num_outputs))]
    found = {tensor.name: dtype_name(tensor.dtype) for tensor in tensors}
    wanted = {spec.name: spec.dtype for spec in (*segment.inputs, *segment.carried)}
    wanted |= {spec.name: spec.dtype for spec in exit_specs(1)}  # whatever the number of classes
    wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if not wrong:
        return None
    name = wrong[0]
    return f"tensor {name} would be {found.get(name, 'missing')} and is {wanted.get(name, 'unknown')} in the manifest"
