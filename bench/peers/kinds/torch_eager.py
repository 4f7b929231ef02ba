"""PyTorch without compilation, returning early."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eeinfer.bench.peers.kinds.torch_segments import ANSWERS, device, prepare_segments
from eeinfer.bench.peers.kinds.torch_variants import EAGER, Variant, choose, chosen
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.rule import leaves


class Eager(Peer):
    """The network's operators one by one, segment after segment, in inference mode."""

    note = "PyTorch eager in the faster layout, returning early; rows that leave are taken out of a batch"
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    needs_checkpoint: ClassVar[bool] = True
    variants: ClassVar[dict[str, Variant]] = EAGER

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Trace and cut the network, and find the fastest way to run it."""
        prepare_segments(setup, cls.folder(setup), scored=True)
        choose(setup, cls.folder(setup), cls.variants, answers=ANSWERS)

    @classmethod
    def libraries(cls) -> None:
        """Import PyTorch with what loading a graph takes."""
        needs("torch")
        import torch.fx  # noqa: F401

    @classmethod
    def folder(cls, setup: Setup) -> Path:
        """Where this peer's segments lie."""
        return setup.workspace / cls.__name__.lower()

    def __init__(self, setup: Setup) -> None:
        import torch

        super().__init__(setup)
        torch.set_num_threads(setup.threads)
        self._device = device(setup)
        self.detail, self._segments = chosen(setup, self.folder(setup), self.variants)

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the cascade at the workload's thresholds, float32 as the engine's."""
        import torch

        taus = [float(tau) for tau in np.array(workload.taus, np.float32)]
        mode, run = torch.inference_mode, self._one if self.setup.batch == 1 else self._many
        place = self._device

        def call(images: Array) -> Any:
            with mode():
                return run(torch.from_numpy(images).to(place), taus)

        return call

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take them out of PyTorch."""
        exits, predictions = raw
        return np.asarray(exits, np.int64).reshape(-1), predictions.numpy()

    def _one(self, image: Any, taus: list[float]) -> tuple[int, Any]:
        state, last = (image,), len(taus) - 1
        for k, segment in enumerate(self._segments):
            _, score, prediction, *state = segment(*state)
            if k == last or leaves(score.item(), taus[k]):
                break
        return k, prediction.cpu()  # a call ends when the host knows the answer

    def _many(self, images: Any, taus: list[float]) -> tuple[Any, Any]:
        import torch

        exits = torch.empty(len(images), dtype=torch.int64, device=self._device)
        predictions = torch.empty_like(exits)
        rows, state, last = torch.arange(len(images), device=self._device), (images,), len(taus) - 1
        for k, segment in enumerate(self._segments):
            answers = segment(*state)
            _, score, prediction = answers[:ANSWERS]
            out = leaves(score, taus[k]) if k < last else torch.ones_like(score, dtype=torch.bool)
            exits[rows[out]], predictions[rows[out]] = k, prediction[out]
            left = int(out.sum())  # the one look that a GPU is waited for
            if left == len(out):
                break
            state = answers[ANSWERS:]
            if left:
                stays = (~out).nonzero()[:, 0]
                rows, state = rows[stays], tuple(tensor.index_select(0, stays) for tensor in state)
        return exits.cpu(), predictions.cpu()
