"""Networks without a decision: the one without early exits, and those cut at each exit, each as one session."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.backends.ort.sessions import open_session
from eeinfer.backends.threads import PARKED, SPINNING, STOPPING
from eeinfer.bench.timing.networks import NO_HEADS, STATIC, cut_name, has_no_heads, run_bound, write_parts
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.bundle.folder import Bundle

_OWN_POOLS = (PARKED, STOPPING, SPINNING)
_TRIAL_RUNS, _TRIAL_S = 9, 0.2  # of each setting, at least: threads spread over the cores only after a while


class Fixed(Peer):
    """Sessions as the runtime opens its own, inputs and outputs bound beforehand, in the one pool of the process."""

    packages: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnxruntime-gpu")

    @classmethod
    def ends(cls, exits: int) -> dict[str, list[int]]:
        """The networks by name, and the exit that each answers for."""
        raise NotImplementedError

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Cut model.onnx."""
        needs("onnx")
        bundle = Bundle.open(setup.bundle)
        folder = cls.folder(setup)
        folder.mkdir()
        write_parts(bundle, cls.ends(len(bundle.manifest.segments)), folder, link=False)

    @classmethod
    def libraries(cls) -> None:
        """Import ONNX Runtime."""
        needs("onnxruntime")

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sessions = self.opened(sorted(self.folder(setup).glob("*.onnx")))
        self._input = self._sessions[0].get_inputs()[0].name
        self._bound: dict[tuple[int, int], tuple[Callable[[Inputs], None], list[Array]]] = {}

    def opened(self, paths: list[Path]) -> list[Any]:
        """Return a session for each network."""
        from eeinfer import share_threads

        share_threads(self.setup.threads)
        return [open_session(path, threads=self.setup.threads)[0] for path in paths]

    @classmethod
    def folder(cls, setup: Setup) -> Path:
        """Where this peer's networks lie."""
        return setup.workspace / cls.__name__.lower()

    def run(self, network: int, images: Array) -> Array:
        """Return the predictions [B] of one network; they are overwritten by its next call."""
        key = network, len(images)
        if key not in self._bound:
            self._bound[key] = run_bound(self._sessions[network], {self._input: images})
        call, outputs = self._bound[key]
        call({self._input: images})
        return np.asarray(outputs[-1])


def what_is_static(bundle: Bundle) -> str:
    """Say which network stands for the one without early exits."""
    return NO_HEADS if has_no_heads(bundle) else "model.onnx cut at the last exit"


class Static(Fixed):
    """The whole network, without early exits."""

    note = "the network without early exits as one session; it runs the whole network for every row"
    decides = False

    @classmethod
    def ends(cls, exits: int) -> dict[str, list[int]]:
        """This one alone, in the place of the last exit."""
        return {STATIC: [exits - 1]}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        which = what_is_static(Bundle.open(setup.bundle, verify=False))
        self.detail = f"{self.detail}, {which}" if self.detail else which

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the network; workloads mean nothing to it."""
        last = len(workload.taus) - 1
        return lambda images: (last, self.run(0, images))

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Every row has left at the last exit."""
        exit, predictions = raw
        return np.full(len(predictions), exit, np.int64), predictions.copy()


class Tuned(Static):
    """The whole network under the quickest of ONNX Runtime's own settings of threads, found when it is opened."""

    note = (
        "the network without early exits, under the quickest of ONNX Runtime's settings of threads (tried when opened)"
    )

    def opened(self, paths: list[Path]) -> list[Any]:
        """Try pools that wait in each way, with one thread and with all that are allowed."""
        [path] = paths
        images = np.load(self.setup.images)[: self.setup.batch]
        settings = [f"{mode}:{count}" for mode in _OWN_POOLS for count in sorted({1, self.setup.threads})]
        tried = {}
        for setting in settings:
            mode, _, count = setting.partition(":")
            session, _ = open_session(path, threads=int(count), mode=mode)
            tried[setting] = _run_s(session, images), session
        self.detail = min(settings, key=lambda setting: tried[setting][0])
        return [tried[self.detail][1]]


def _run_s(session: Any, images: Array) -> float:
    """Return the seconds of a run, of which there are some; the median, as it is in a turn."""
    call, _ = run_bound(session, {session.get_inputs()[0].name: images})
    times, end = list[float](), perf_counter() + _TRIAL_S
    while len(times) < _TRIAL_RUNS or perf_counter() < end:
        began = perf_counter()
        call({session.get_inputs()[0].name: images})
        times.append(perf_counter() - began)
    return median(times)


class Cuts(Fixed):
    """The network cut at each exit: the ideal, because it knows beforehand where a row leaves."""

    note = "the network cut where the row leaves, known beforehand; a batch runs as one call per exit"

    @classmethod
    def ends(cls, exits: int) -> dict[str, list[int]]:
        """One for each exit."""
        return {cut_name(k): [k] for k in range(exits)}

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return what runs the rows of each exit in the network that ends there."""
        exits = np.array(workload.exits)[rows]
        parts = [(int(exit), np.flatnonzero(exits == exit)) for exit in np.unique(exits)]
        if len(parts) == 1:
            only = parts[0][0]
            return lambda images: (exits, [(slice(None), self.run(only, images))])
        return lambda images: (exits, [(own, self.run(exit, images[own])) for exit, own in parts])

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Put the parts of the batch together."""
        exits, parts = raw
        predictions = np.empty(len(exits), np.int64)
        for own, found in parts:
            predictions[own] = found
        return exits, predictions
