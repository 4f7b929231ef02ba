"""What a measurement on a GPU has beside one on the CPU: fixed networks there, the GPU's own times, its energy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.backends import open_backend
from eeinfer.backends.base import DeviceClock, Inputs, Opened
from eeinfer.backends.choice import gpu_index
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.environment import GpuFacts
from eeinfer.bench.reporting.report import Overhead
from eeinfer.bench.timing.clock import Call
from eeinfer.bench.timing.energy import Energy, measure_energy
from eeinfer.bench.timing.gpu_networks import GpuNetwork, gpu_networks
from eeinfer.bench.timing.latency import NEVER, Latency
from eeinfer.bench.timing.networks import ALL_EXITS, STATIC, cut_name
from eeinfer.bench.timing.nvml import Nvml, open_nvml
from eeinfer.engine import Engine
from eeinfer.errors import ConfigError
from eeinfer.machine.gpus import Driver, Gpu, driver
from eeinfer.machine.installed import Facts
from eeinfer.machine.requirements import no_gpu
from eeinfer.progress import Progress

Array = NDArray[Any]

_TIMES = 30  # runs behind each of the GPU's own times, after as many untimed ones


class OneGpu:
    """The GPU that a measurement runs on."""

    def __init__(self, device: str) -> None:
        """Find it.

        Raises:
            ConfigError: there is no such GPU.
        """
        index = gpu_index(device) or 0
        self._driver: Driver = driver()
        if problem := no_gpu(Facts(driver=self._driver), index):
            raise ConfigError(f"device {device!r} cannot be used: {problem} (eeinfer doctor says more)")
        self._gpu: Gpu = self._driver.gpus[index]
        self.nvml: Nvml | None = open_nvml(self._gpu)

    def facts(self, *, networks: str | None = None, backend: str | None = None, level: str | None = None) -> GpuFacts:
        """Describe it; ask right after timing, while its clocks are those of the measurement."""
        nvml, cuda = self.nvml, self._driver.cuda
        return GpuFacts(
            name=self._gpu.name,
            capability=".".join(map(str, self._gpu.capability)),
            driver=None if nvml is None else nvml.driver,
            cuda=None if cuda is None else ".".join(map(str, cuda)),
            sm_mhz=None if nvml is None else nvml.clock_mhz("SM"),
            max_sm_mhz=None if nvml is None else nvml.max_clock_mhz("SM"),
            memory_mhz=None if nvml is None else nvml.clock_mhz("MEM"),
            networks=networks,
            backend=backend,
            level=level,
        )


class GpuSide:
    """The bundle once more on the GPU of ``engine``: the fixed networks through ONNX Runtime, and the GPU's clock."""

    def __init__(self, engine: Engine, config: BenchConfig) -> None:
        ours = engine.backend.startswith("onnxruntime")
        backend = open_backend(engine.backend if ours else "onnxruntime", engine.bundle, device=config.device)
        if backend.open_graph is None:
            raise ConfigError(f"backend {backend.name!r} cannot run the fixed networks; give --backend onnxruntime")
        self._open_graph = backend.open_graph
        same = ours and config.level is None
        self._timed: Opened = backend if same else _opened_again(engine, config)
        self._bundle, self._config, self._gpu = engine.bundle, config, OneGpu(config.device)
        self._facts = {"networks": backend.name, "backend": engine.backend, "level": engine.level}
        self._batches: Sequence[Array] = ()
        self._inputs: Sequence[Inputs] = ()  # the same, by name
        self._networks: dict[str, GpuNetwork] = {}

    def networks(self, batches: Sequence[Array]) -> dict[str, Call]:
        """Open the fixed networks on the provider of the cascade; from here on all is about these batches."""
        self._batches = batches
        self._inputs = [{self._bundle.manifest.input.tensor.name: batch} for batch in batches]
        self._networks = gpu_networks(self._bundle, self._inputs, self._open_graph)
        return dict(self._networks)

    def with_device_times(self, latency: Latency, progress: Progress) -> Latency:
        """Add the GPU's own milliseconds to each comparison with a network: for single images, where both have them."""
        clock = self._timed.device_ms
        if clock is None or len(self._batches[0]) != 1:
            return latency
        rows = []
        for done, row in enumerate(latency.overheads):
            progress("the GPU's own times", done, len(latency.overheads))
            cascade, session = self._device_ms(clock, row)
            rows.append(msgspec.structs.replace(row, cascade_device_ms=cascade, session_device_ms=session))
        progress("the GPU's own times", len(rows), len(rows))
        return replace(latency, overheads=tuple(rows))

    def _device_ms(self, clock: DeviceClock, row: Overhead) -> tuple[float, float]:
        """Take turns between the two, and return the median of each."""
        cut = cut_name(row.exit)
        network = self._networks[ALL_EXITS if row.name == NEVER else cut if cut in self._networks else STATIC]
        times = []
        for turn in range(2 * _TIMES):
            batch = turn % len(self._batches)
            times.append((clock(self._inputs[batch], row.exit), network.device_ms(batch)))
        cascade, session = np.median(times[_TIMES:], axis=0).tolist()
        return cascade, session

    def energy(self, engine: Engine, taus: Array, progress: Progress) -> Energy | None:
        """Measure energy per image at these thresholds; None where the GPU does not count it or nobody asks."""
        nvml, batches = self._gpu.nvml, self._batches
        if nvml is None or not self._config.energy_seconds:
            return None
        progress("energy", 0, 1)
        found = measure_energy(
            nvml.energy_mj,
            self._networks[STATIC],
            lambda batch: engine(batches[batch], tau=taus),
            batches=len(batches),
            batch=self._config.batch,
            seconds=self._config.energy_seconds,
        )
        progress("energy", 1, 1)
        return found

    def facts(self) -> GpuFacts:
        """Describe the GPU and what ran on it; ask right after timing."""
        return self._gpu.facts(**self._facts)


def _opened_again(engine: Engine, config: BenchConfig) -> Opened:
    return open_backend(engine.backend, engine.bundle, device=config.device, options=config.options)
