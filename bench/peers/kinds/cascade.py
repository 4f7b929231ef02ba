"""Our own cascade, as the command line runs it."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eeinfer.backends import open_backend
from eeinfer.backends.chosen import how
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.openvino.library import LIBRARY as OPENVINO
from eeinfer.backends.ort.process import take_process
from eeinfer.bench.tune.costs import measure_costs
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Unavailable, Workload, needs
from eeinfer.engine import Engine
from eeinfer.loading import load


class Cascade(Peer):
    """`eeinfer.load` and a call, with one thread pool for the process."""

    note = "eeinfer.load in a process of its own, as on the command line; what it caches per machine is there already"
    packages: ClassVar[tuple[str, ...]] = ("eeinfer", "onnxruntime", "onnxruntime-gpu", "openvino", "numpy")
    backend: ClassVar[str | None] = None  # that is named, whatever the setup asks for

    @classmethod
    def libraries(cls) -> None:
        """Import ONNX Runtime, and what of ours would otherwise be imported when a bundle is opened."""
        needs("onnxruntime")
        import eeinfer.backends.ort.backend  # noqa: F401

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._engine = self.opened(setup)
        level = self._engine.level
        self.detail = "" if level is None else f"{self._engine.backend} at level {level}"
        self.plain = self._engine.optimised is False
        if self._engine.device == "cpu":
            named = self._asked(setup) is not None
            self.how = how(self._engine.bundle, self._engine.backend, setup.threads_asked, named=named)

    @classmethod
    def opened(cls, setup: Setup) -> Engine:
        """Open the bundle."""
        backend = cls._asked(setup)
        if not isinstance(setup.threads_asked, str):
            take_process(Path(setup.bundle), setup.threads_asked, backend)
        return load(setup.bundle, threads=setup.threads_asked, backend=backend)

    @classmethod
    def _asked(cls, setup: Setup) -> str | None:
        return cls.backend or setup.backend_asked

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the engine at the workload's thresholds."""
        engine, taus = self._engine, workload.taus
        return lambda images: engine(images, tau=taus)

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take them from the result."""
        return raw.exits, raw.predictions

    def every_exit(self, images: Array) -> tuple[Array, Array]:
        """Return scores and predictions [N, E] of all exits."""
        found = self._engine.all_exits(images)
        return found.scores, found.predictions

    def costs(self, request: messages.Cost) -> messages.Costs:
        """Measure what rows cost. Both loops over ONNX Runtime go by the same."""
        bundle, asked = self._engine.bundle, self.setup.backend_asked
        name = OPENVINO if asked == OPENVINO else ONNX_RUNTIME
        backend = open_backend(name, bundle, device="cpu", threads=self.setup.threads_asked)
        assert backend.loop is None
        row = np.load(self.setup.images, mmap_mode="r").shape[1:]
        return measure_costs(backend, bundle.manifest, request, row)


class Native(Cascade):
    """The same with the compiled loop, whatever `eeinfer tune` chose."""

    note = "eeinfer.load(backend='native'): ONNX Runtime, the loop in C++"
    backend = "native"


class PredictOne(Cascade):
    """The same by `Engine.predict_one`, whose answer is what the other peers' are: where the row left, and a class."""

    note = "engine.predict_one in the place of a call: plain numbers and no arrays, one image at a time"

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Refuse batches."""
        if setup.batch > 1:
            raise Unavailable("it answers for one image; measure it with --batch 1")

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the method at the workload's thresholds."""
        ask, taus = self._engine.predict_one, workload.taus
        return lambda images: ask(images, tau=taus)

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Make arrays of the numbers."""
        prediction, exit, _ = raw
        return np.array([exit]), np.array([prediction])
