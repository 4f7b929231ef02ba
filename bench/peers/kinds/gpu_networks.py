"""Networks without a decision on a GPU: each in one piece, on the backend and with the settings of the cascade."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eeinfer.backends import open_backend
from eeinfer.backends.base import Backend
from eeinfer.backends.cuda import open_cuda
from eeinfer.backends.trt.library import installed
from eeinfer.bench.peers.kinds import networks
from eeinfer.bench.peers.kinds.gpu_cascade import NATIVE_PACKAGES, RUNTIME_PACKAGES
from eeinfer.bench.peers.kinds.one_exit import write_one_exit
from eeinfer.bench.timing.networks import STATIC
from eeinfer.bench.workers.base import Array, Peer, Setup, Unavailable, needs
from eeinfer.bundle.builds import build_command, builds, target_name
from eeinfer.bundle.folder import Bundle


class _OnGpu(networks.Fixed):
    """Bundles with a single exit, run by what runs the cascade's segments."""

    backend: ClassVar[str]
    options: ClassVar[dict[str, str]] = {}

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Cut model.onnx."""
        needs("onnx")
        bundle = Bundle.open(setup.bundle)
        for name, [end] in cls.ends(len(bundle.manifest.segments)).items():
            folder = cls.folder(setup) / f"exit_{end:02d}.eeb"
            cls.compile(write_one_exit(bundle, end, folder, static=name == STATIC), bundle, setup)

    @classmethod
    def compile(cls, part: Bundle, bundle: Bundle, setup: Setup) -> None:
        """Make of a part what the backend needs."""

    def __init__(self, setup: Setup) -> None:
        Peer.__init__(self, setup)
        self._backends = [self._opened(path) for path in sorted(self.folder(setup).iterdir())]
        self._input = Bundle.open(setup.bundle).manifest.input.tensor.name
        self._lanes = [backend.new_lane() for backend in self._backends]
        level = self._backends[0].level
        self.detail = self._backends[0].name + ("" if level is None else f" at level {level:d}")

    def _opened(self, path: Path) -> Backend:
        backend = open_backend(self.backend, Bundle.open(path), device=self.setup.device, options=self.options)
        assert backend.loop is None, "no loop runs on a GPU"
        return backend

    def run(self, network: int, images: Array) -> Array:
        """Return the predictions [B] of one network; they are overwritten by its next call."""
        inputs = {self._input: images}
        if len(images) == 1:
            lane = self._lanes[network]
            lane.load(inputs)
            lane.run(0)
            return np.asarray(lane.exits[0].prediction)
        backend = self._backends[network]
        live = backend.start(inputs)
        try:
            return np.asarray(backend.run(0, live).prediction)
        finally:
            backend.release(live)


class _Plans(_OnGpu):
    """One plan per network, built as the cascade's are, replayed as one CUDA graph."""

    packages = NATIVE_PACKAGES
    backend = "tensorrt"
    options: ClassVar[dict[str, str]] = {"level": "1"}

    @classmethod
    def libraries(cls) -> None:
        """Import TensorRT and CUDA's calls."""
        installed()
        needs("cuda.bindings.runtime")

    @classmethod
    def compile(cls, part: Bundle, bundle: Bundle, setup: Setup) -> None:
        """Build its plan for the batches, with the library and the flags of the bundle's own plans."""
        from eeinfer.export.trt import TrtConfig, build_plans

        target = target_name(open_cuda(setup.device).capability)
        names = [library.name for library in installed()]
        known = [build for build in builds(bundle) if build.target == target and build.library in names]
        if not known:
            raise Unavailable(f"{bundle.path} has no plans for {target}: {build_command(bundle, names[0])}")
        like = min(known, key=lambda build: names.index(build.library))
        flags: dict[str, Any] = {
            name: value for name, value in like.flags.items() if name in TrtConfig.__dataclass_fields__
        }
        build_plans(part.path, TrtConfig(targets=(target,), library=like.library, batches=like.batches, **flags))


class Static(_Plans, networks.Static):
    """The whole network, without early exits, as one plan."""

    note = "the network without early exits as one TensorRT plan and one CUDA graph, without the engine's checks"


class Cuts(_Plans, networks.Cuts):
    """The network cut at each exit, as one plan each."""

    note = "the network cut where the row leaves, known beforehand, as one plan and graph; a batch: one call per exit"


class RuntimeStatic(_OnGpu, networks.Static):
    """The whole network on ONNX Runtime's best provider."""

    note = "the network without early exits as one session on ONNX Runtime's best provider that works"
    packages = RUNTIME_PACKAGES
    backend = "onnxruntime"
