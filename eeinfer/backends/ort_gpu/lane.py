"""Buffers on a GPU that take one row through the cascade, with everything bound beforehand."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import is_finite
from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Manifest, TensorSpec

LOGITS, SCORE, PREDICTION = EXIT_OUTPUTS


class GpuLane:
    """Implements ``eeinfer.backends.base.Lane``. Of each exit the host reads the score; the rest only if asked."""

    run_on_device: Callable[[Sequence[float]], int] | None = None  # the host decides

    def __init__(
        self,
        sessions: Sequence[Any],
        manifest: Manifest,
        provider: Provider,
        *,
        options: Any,
        score_on_host: bool,
        turn: AbstractContextManager[Any],
    ) -> None:
        """Make the buffers.

        Args:
            sessions: of the segments.
            manifest: of the bundle.
            provider: on which the sessions run.
            options: of every run, as ONNX Runtime takes them.
            score_on_host: let each run end with a copy of the score; a replayed graph writes to the GPU alone.
            turn: held whenever something is put into a stream.
        """
        self._provider, self._options, self._score_on_host, self._turn = provider, options, score_on_host, turn
        self._exits = tuple(Exit.zeros(len(manifest.classes), 1) for _ in sessions)
        self._inputs = {input.tensor.name: provider.wrap(_zeros(input.tensor)) for input in manifest.inputs}
        self._runs = [session.run_with_iobinding for session in sessions]
        self._bindings: list[Any] = []
        self._rebound: list[list[tuple[str, Any]]] = []
        self._answers: list[dict[str, Any]] = []
        self._latest: int | None = None  # the exit that has been computed and not been read
        buffers = dict(self._inputs)
        for session, segment, exit in zip(sessions, manifest.segments, self._exits, strict=True):
            buffers |= {spec.name: self._provider.wrap(_zeros(spec)) for spec in segment.carried}
            self._add(session, {spec.name: buffers[spec.name] for spec in segment.inputs}, exit)
            for spec in segment.carried:
                self._bindings[-1].bind_ortvalue_output(spec.name, buffers[spec.name])

    def _add(self, session: Any, inputs: dict[str, Any], exit: Exit) -> None:
        binding = session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        wrap = self._provider.wrap
        score = wrap(exit.score, on_host=self._score_on_host)
        answer = {LOGITS: wrap(exit.logits), SCORE: score, PREDICTION: wrap(exit.prediction)}
        for name, value in answer.items():
            binding.bind_ortvalue_output(name, value)
        self._bindings.append(binding)
        self._answers.append(answer)
        self._rebound.append([(name, inputs[name]) for name in read_on_host(session, self._provider) if name in inputs])

    @property
    def exits(self) -> tuple[Exit, ...]:
        """The answers; those of the exit that ran last are fetched from the GPU when they are asked for."""
        if self._latest is not None:
            with self._turn:
                for name, array in zip(EXIT_OUTPUTS, self._exits[self._latest], strict=True):
                    np.copyto(array, self._answers[self._latest][name].numpy())
            self._latest = None
        return self._exits

    def load(self, inputs: Inputs) -> bool:
        """Copy the row into its buffers."""
        with self._turn:
            for name, buffer in self._inputs.items():
                buffer.update_inplace(np.ascontiguousarray(inputs[name]))
        return is_finite(inputs)

    def run(self, segment: int) -> float:
        """Compute a segment from buffer to buffer, and wait for its score."""
        with self._turn:
            self.enqueue(segment)
            score: float = self._answers[segment][SCORE].numpy().item()
        self._latest = segment
        return score

    def enqueue(self, segment: int) -> None:
        """Put a segment into the stream; whether that waits for its end is up to the options of the lane."""
        binding = self._bindings[segment]
        for name, value in self._rebound[segment]:
            binding.bind_ortvalue_input(name, value)
        self._runs[segment](binding, self._options)


def read_on_host(session: Any, provider: Provider) -> list[str]:
    """Return the inputs that the CPU reads, such as numbers that shapes are made of.

    Binding copies those there and then, so that they have to be bound before every run; where ONNX Runtime does not
    tell, that is all of them.
    """
    names = [node.name for node in session.get_inputs()]
    if provider.device == "cpu":
        return []
    if not hasattr(session, "get_input_memory_infos"):
        return names
    places = [info.name.lower() for info in session.get_input_memory_infos()]
    return [name for name, place in zip(names, places, strict=True) if place.startswith("cpu")]


def _zeros(spec: TensorSpec) -> NDArray[Any]:
    return np.zeros((1, *spec.sizes()), np.dtype(spec.dtype))
