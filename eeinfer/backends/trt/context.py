"""TensorRT's execution context of one segment on one bucket."""

from eeinfer.backends.cuda.api import CaptureRefused, Stream
from eeinfer.backends.trt.block import Block
from eeinfer.backends.trt.engines import Engines


class Context:
    """Shapes are set once, addresses whenever another block comes; for one thread at a time."""

    def __init__(
        self, engines: Engines, segment: int, bucket: int, *, scratch: tuple[int, int], stream: Stream
    ) -> None:
        """Make the context; its activations lie in ``scratch``: address, bytes.

        Raises:
            CudaError: TensorRT refuses.
        """
        self._context = engines.context(segment)
        self._engines, self._segment = engines, segment  # behind the context, which is let go of first
        spec = engines.manifest.segments[segment]
        self._insist(self._context.set_optimization_profile_async(engines.profile(bucket), int(stream)))
        self._context.set_device_memory(*scratch)
        for tensor in spec.inputs:
            self._insist(self._context.set_input_shape(tensor.name, (bucket, *tensor.shape)))
        self._names = [tensor.name for tensor in (*spec.inputs, *spec.carried, *engines.exit_specs)]
        self._block: Block | None = None

    def run(self, block: Block, stream: Stream) -> None:
        """Put the segment into ``stream``, from and to the memory of ``block``.

        Raises:
            CudaError: TensorRT refuses.
        """
        if block is not self._block:
            for name in self._names:
                self._insist(self._context.set_tensor_address(name, block.addresses[name]))
            self._block = block
        self._insist(self._context.execute_async_v3(int(stream)))

    def check_capturable(self, stream: Stream) -> None:
        """Ask TensorRT-RTX, which can tell before; TensorRT itself says so when it is captured.

        Raises:
            CaptureRefused: it may not be captured.
        """
        asks = getattr(self._context, "is_stream_capturable", None)
        if asks is not None and not asks(int(stream)):
            name = self._engines.manifest.segments[self._segment].file
            raise CaptureRefused(f"{self._engines.library.name} cannot capture the plan of {name}")

    def _insist(self, done: bool) -> None:
        self._engines.insist(done, self._segment)
