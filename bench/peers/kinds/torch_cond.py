"""PyTorch, the whole cascade as nested `torch.cond`: one compiled graph in which the device decides."""

from typing import TYPE_CHECKING, Any

import numpy as np

from eeinfer.bench.peers.kinds.torch_compiled import Captured, keep_compiled
from eeinfer.bench.peers.kinds.torch_segments import device, load_segments, prepare_segments
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Unavailable, Workload
from eeinfer.rule import leaves

if TYPE_CHECKING:
    from torch import Tensor, nn

# Where inductor lays out convolutions anew, it hands a branch other strides than the branch was traced with, and fails.
_OPTIONS = {"triton.cudagraphs": True, "layout_optimization": False}


class Cond(Captured):
    """`torch.compile` with CUDA graphs on all segments at once, which makes conditional nodes of `torch.cond`."""

    note = "nested torch.cond over the segments, compiled into one CUDA graph: the device decides; opening compiles"

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Trace and cut the network.

        Raises:
            Unavailable: batches are asked for.
        """
        if setup.batch > 1:
            raise Unavailable("torch.cond asks one question for all rows, so a batch would leave as a whole: --batch 1")
        prepare_segments(setup, cls.folder(setup), scored=True)

    def __init__(self, setup: Setup) -> None:
        import torch

        Peer.__init__(self, setup)
        keep_compiled(self.folder(setup))
        torch.set_num_threads(setup.threads)
        self._device = device(setup)
        cascade = nested(load_segments(self.folder(setup)))
        self._cascade = torch.compile(cascade, options=dict(_OPTIONS), fullgraph=True)

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the cascade; thresholds lie on the device, so one graph serves every workload."""
        import torch

        taus = torch.from_numpy(np.array(workload.taus, np.float32)).to(self._device)

        def call(images: Array) -> Any:
            with torch.inference_mode():
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
                return self._cascade(taus, torch.from_numpy(images).to(self._device)).cpu()

        return call

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take them out of the one tensor that came back."""
        return raw[:1].numpy(), raw[1:].numpy()


def nested(segments: "list[nn.Module]") -> "nn.Module":
    """Put segment k + 1 into the branch that is taken where the image does not leave at exit k.

    Returns:
        A module that takes thresholds [E] and the image [1, ...], and returns exit and prediction, int64 [2].
    """
    import torch
    from torch import nn

    class Stage(nn.Module):
        """A segment, and what follows it."""

        def __init__(self, k: int) -> None:
            super().__init__()
            self.k, self.segment = k, segments[k]
            self.following = Stage(k + 1) if k + 1 < len(segments) else None

        def forward(self, taus: "Tensor", *state: "Tensor") -> "Tensor":
            """Run it, and go on where its answer is not sure enough."""
            _, score, prediction, *rest = self.segment(*state)
            answer = torch.stack([torch.full_like(prediction, self.k), prediction]).reshape(-1)
            following = self.following
            if following is None:
                return answer
            went: Tensor = torch.cond(
                leaves(score, taus[self.k]).reshape(()),
                lambda answer, taus, *rest: answer.clone(),  # a branch may not hand on what it was given
                lambda answer, taus, *rest: following(taus, *rest),
                (answer, taus, *rest),
            )
            return went

    return Stage(0).eval()
