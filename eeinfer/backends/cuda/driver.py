"""CUDA itself, by NVIDIA's Python bindings: ``eeinfer.backends.cuda.api.Cuda`` on one device.

Method by method the contract stands in the protocol; here stands what CUDA needs for it.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from eeinfer.backends.cuda import kernels
from eeinfer.backends.cuda.api import (
    Argument,
    CaptureRefused,
    Condition,
    CudaError,
    Event,
    Executable,
    Graph,
    Pinned,
    Stream,
)
from eeinfer.backends.cuda.calls import bindings, call

# CUDA 13 knows these by their plain names, which in CUDA 12 are of versions that know nothing of edge data.
_NEWEST = {"cudaGraphAddNode": "_v2", "cudaStreamUpdateCaptureDependencies": "_v2", "cudaStreamGetCaptureInfo": "_v3"}
_BLOCK = 256


def device_count() -> int:
    """Return how many CUDA devices there are.

    Raises:
        DependencyError: the bindings are missing.
        CudaError: CUDA does not work here; no driver, for example.
    """
    runtime, _ = bindings()
    return int(call(runtime, "cudaGetDeviceCount"))


class CudaDevice:
    """One device. Implements ``Cuda``."""

    def __init__(self, index: int) -> None:
        self._rt, self._driver = bindings()
        self._index = index
        self.enter()
        properties = self._call("cudaGetDeviceProperties", index)
        self.name: str = properties.name.split(b"\0")[0].decode()
        self.capability: tuple[int, int] = (properties.major, properties.minor)
        self._thread_local = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaFree", 0)  # makes the context that the driver's calls below need
        self._module = call(self._driver, "cuModuleLoadData", kernels.compiled(self.capability))
        self._kernels = {
            name: call(self._driver, "cuModuleGetFunction", self._module, name.encode()) for name in kernels.KERNELS
        }

    def enter(self) -> None:
        self._call("cudaSetDevice", self._index)

    def malloc(self, size: int) -> int:
        return int(self._call("cudaMalloc", size))

    def free(self, address: int) -> None:
        self._call("cudaFree", address)

    def pinned(self, size: int) -> Pinned:
        address = int(self._call("cudaHostAlloc", size, self._rt.cudaHostAllocDefault))
        memory = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        memory[:] = 0
        return memory

    def free_pinned(self, memory: Pinned) -> None:
        self._call("cudaFreeHost", memory.ctypes.data)

    def stream(self) -> Stream:
        stream: Stream = self._call("cudaStreamCreateWithFlags", self._rt.cudaStreamNonBlocking)
        return stream

    def destroy_stream(self, stream: Stream) -> None:
        self._call("cudaStreamDestroy", stream)

    def synchronize(self, stream: Stream) -> None:
        self._call("cudaStreamSynchronize", stream)

    def event(self, *, timed: bool = False) -> Event:
        event: Event = self._call("cudaEventCreateWithFlags", 0 if timed else self._rt.cudaEventDisableTiming)
        return event

    def destroy_event(self, event: Event) -> None:
        self._call("cudaEventDestroy", event)

    def record(self, event: Event, stream: Stream) -> None:
        self._call("cudaEventRecord", event, stream)

    def wait(self, event: Event) -> None:
        self._call("cudaEventSynchronize", event)

    def elapsed_ms(self, start: Event, end: Event) -> float:
        return float(self._call("cudaEventElapsedTime", start, end))

    def to_device(self, target: int, source: Pinned, stream: Stream) -> None:
        kind = self._rt.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", target, source.ctypes.data, source.nbytes, kind, stream)

    def to_host(self, target: Pinned, source: int, stream: Stream) -> None:
        kind = self._rt.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", target.ctypes.data, source, target.nbytes, kind, stream)

    def run_kernel(self, name: str, threads: int, arguments: Sequence[Argument], stream: Stream) -> None:
        values = tuple(argument.value for argument in arguments)
        types = tuple(type(argument) for argument in arguments)
        block, blocks = min(threads, _BLOCK), -(-threads // _BLOCK)
        sizes = (blocks, 1, 1, block, 1, 1, 0)
        call(self._driver, "cuLaunchKernel", self._kernels[name], *sizes, int(stream), (values, types), 0)

    def begin_capture(self, stream: Stream) -> None:
        """Start a capture that other threads' calls cannot spoil."""
        self._call("cudaStreamBeginCapture", stream, self._thread_local)

    def begin_branch(self, stream: Stream, branch: Graph) -> None:
        self._call("cudaStreamBeginCaptureToGraph", stream, branch, None, None, 0, self._thread_local)

    def end_capture(self, stream: Stream) -> Graph:
        graph: Graph = self._capturing("cudaStreamEndCapture", stream)
        return graph

    def condition(self, stream: Stream) -> Condition:
        """Make the handle of a conditional node."""
        graph, _ = self._written(stream)
        default = self._rt.cudaGraphConditionalHandleFlags.cudaGraphCondAssignDefault
        condition: Condition = self._capturing("cudaGraphConditionalHandleCreate", graph, 0, int(default))
        return condition

    def branch(self, stream: Stream, condition: Condition) -> Graph:
        """Add an IF node behind all that was captured, and let the rest of the capture depend on it."""
        graph, before = self._written(stream)
        node = self._rt.cudaGraphNodeParams()
        node.type = self._rt.cudaGraphNodeType.cudaGraphNodeTypeConditional
        node.conditional.handle = condition
        node.conditional.type = self._rt.cudaGraphConditionalNodeType.cudaGraphCondTypeIf
        node.conditional.size = 1
        edges = [self._rt.cudaGraphEdgeData() for _ in before]  # plain ones; CUDA 12's binding takes no None for that
        added = self._capturing("cudaGraphAddNode", graph, before, edges, len(before), node)
        instead = self._rt.cudaStreamUpdateCaptureDependenciesFlags.cudaStreamSetCaptureDependencies
        self._capturing("cudaStreamUpdateCaptureDependencies", stream, [added], None, 1, int(instead))
        body: Graph = self._rt.cudaGraph_t(int(node.conditional.phGraph_out[0]))  # the list is a view of CUDA's memory
        return body

    def _written(self, stream: Stream) -> tuple[Any, list[Any]]:
        """Return the graph that a stream captures into, and the nodes that the next one would depend on."""
        status, _, graph, nodes, *_ = self._capturing("cudaStreamGetCaptureInfo", stream)
        if status != self._rt.cudaStreamCaptureStatus.cudaStreamCaptureStatusActive:
            raise CaptureRefused("the stream does not capture any more: a call in between was not allowed")
        return graph, list(nodes)

    def destroy_graph(self, graph: Graph) -> None:
        self._call("cudaGraphDestroy", graph)

    def instantiate(self, graph: Graph) -> Executable:
        try:
            executable: Executable = self._capturing("cudaGraphInstantiate", graph, 0)
        finally:
            self.destroy_graph(graph)
        return executable

    def launch(self, executable: Executable, stream: Stream) -> None:
        self._call("cudaGraphLaunch", executable, stream)

    def destroy_executable(self, executable: Executable) -> None:
        self._call("cudaGraphExecDestroy", executable)

    def _call(self, name: str, *arguments: Any) -> Any:
        return call(self._rt, name, *arguments)

    def _capturing(self, name: str, *arguments: Any) -> Any:
        """Call what fails where a capture is not allowed."""
        newest = name + _NEWEST.get(name, "")
        try:
            return self._call(newest if hasattr(self._rt, newest) else name, *arguments)
        except CudaError as error:
            raise CaptureRefused(str(error)) from error
