"""The fixed networks on a GPU: on the provider that the cascade runs on, opened and fed as its segments are."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.ort_gpu.backend import UNWAITED, run_options
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.backends.ort_gpu.sessions import open_on
from eeinfer.backends.ort_gpu.streams import Stream
from eeinfer.bench.timing.networks import KINDS, ends, write_parts
from eeinfer.bundle.folder import Bundle

Array = NDArray[Any]


class GpuNetwork:
    """One network, its input and its outputs bound beforehand. Calling it runs it on the batch at a position."""

    def __init__(self, session: Any, provider: Provider, stream: Stream, batches: Sequence[Array]) -> None:
        self._run, self._provider, self._stream, self._batches = (
            session.run_with_iobinding,
            provider,
            stream,
            batches,
        )
        self._image = self._provider.wrap(np.zeros_like(batches[0]))
        self._answering = self._bind(session, on_host=len(KINDS))
        self._silent = self._bind(session, on_host=0)
        self._options, self._unwaited = run_options(), run_options(UNWAITED)

    def __call__(self, batch: int) -> None:
        """Run it as the cascade is run: from NumPy's memory, until the last exit's answer is on the host."""
        self._image.update_inplace(self._batches[batch])
        self._run(self._answering, self._options)

    def device_ms(self, batch: int) -> float:
        """Return the GPU's own milliseconds, with its outputs left there."""
        self._image.update_inplace(self._batches[batch])
        start = self._stream.mark()
        self._run(self._silent, self._unwaited)
        return self._stream.elapsed_ms(start, self._stream.mark())

    def _bind(self, session: Any, *, on_host: int) -> Any:
        """Bind the last outputs to the host, which are the last exit's, and all others to the GPU."""
        binding = session.io_binding()
        binding.bind_ortvalue_input(session.get_inputs()[0].name, self._image)
        outputs = session.get_outputs()
        for position, output in enumerate(outputs):
            shape = (len(self._batches[0]), *output.shape[1:])
            array = np.zeros(shape, np.int64 if output.type == "tensor(int64)" else np.float32)
            host = position >= len(outputs) - on_host
            binding.bind_ortvalue_output(output.name, self._provider.wrap(array, on_host=host))
        return binding


def gpu_networks(bundle: Bundle, batches: Sequence[Array], provider: Provider, stream: Stream) -> dict[str, GpuNetwork]:
    """Open the network cut at each early exit, without early exits, and with every exit computed.

    Raises:
        ConfigError: the provider does not take one of them.
        DependencyError: the onnx package is missing.
    """
    names = ends(len(bundle.manifest.segments))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = write_parts(bundle, list(names.values()), Path(folder))
        sessions = [open_on(provider, path, [bundle.manifest.input.tensor]) for path in paths]
    return {name: GpuNetwork(session, provider, stream, batches) for name, session in zip(names, sessions, strict=True)}
