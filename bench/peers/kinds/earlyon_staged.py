"""earlyon's staged runtime (PyPI, 0.3) on the same network: its loop and its rule, our segments as its stages.

earlyon splits an ``nn.Sequential`` itself and attaches heads of its own; networks of another shape it refuses. So its
stages are built from the segments of the same checkpoint: the trunk of stage k is segment k with its head, its head
picks the logits. What earlyon does between stages, softmax and decision, is all its own.
"""

from typing import Any, ClassVar

import numpy as np

from eeinfer.bench.peers.kinds.torch_segments import prepare_segments
from eeinfer.bench.peers.kinds.torch_variants import EAGER, choose, chosen
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Unavailable, Workload, needs
from eeinfer.bundle.folder import Bundle


class Staged(Peer):
    """`earlyon.staged.StagedModel`, one row at a time."""

    note = "earlyon's StagedModel over the same segments in PyTorch eager; it takes a batch row by row"
    packages = ("earlyon", "torch")
    needs_checkpoint: ClassVar[bool] = True

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Trace and cut the network, without scores: earlyon has its own."""
        needs("earlyon")
        score = Bundle.open(setup.bundle, verify=False).manifest.score
        if score != "max_softmax":
            raise Unavailable(f"earlyon does not judge exits by {score!r}; it knows the softmax's maximum and entropy")
        prepare_segments(setup, setup.workspace / "staged", scored=False)
        choose(setup, setup.workspace / "staged", EAGER, answers=1)

    @classmethod
    def libraries(cls) -> None:
        """Import earlyon with PyTorch."""
        needs("earlyon")
        import earlyon.staged  # noqa: F401

    def __init__(self, setup: Setup) -> None:
        import torch

        super().__init__(setup)
        torch.set_num_threads(setup.threads)
        classes = len(Bundle.open(setup.bundle, verify=False).manifest.classes)
        self.detail, segments = chosen(setup, setup.workspace / "staged", EAGER)
        self._model = _staged(segments, classes)

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the staged model; its rule is ``>=``, so it gets the next float32 above tau."""
        import torch

        model = self._model
        above = np.nextafter(np.array(workload.taus[:-1], np.float32), np.float32(2))
        thresholds = [min(1.0, float(tau)) for tau in above]
        enabled = [tau < 1 for tau in workload.taus[:-1]]  # at 1 nobody leaves, and earlyon has a switch for that

        def call(images: Array) -> Any:
            # The model is shared by all workloads, and two assignments take no time.
            model.config.confidence_thresholds, model.config.enabled_exits = thresholds, enabled
            return [model.infer(torch.from_numpy(images[row : row + 1])) for row in range(len(images))]

        return call

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Read its results; exit -1 is its name for the last one."""
        last = len(self._model.stages) - 1
        exits = [last if one.exit_taken < 0 else one.exit_taken for one in raw]
        return np.array(exits, np.int64), np.array([int(one.prediction.argmax()) for one in raw], np.int64)


def _staged(segments: list[Any], classes: int) -> Any:
    from earlyon.core.types import EarlyExitConfig, ExitPoint
    from earlyon.staged import Stage, StagedModel, StageSpec
    from torch import nn

    class Trunk(nn.Module):
        """A segment as a stage's trunk: state in, logits and state out."""

        def __init__(self, segment: nn.Module, first: bool) -> None:
            super().__init__()
            self.segment, self.first = segment, first

        def forward(self, state: Any) -> Any:
            """Run it on the image, or on what the stage before handed on behind its logits."""
            return self.segment(state) if self.first else self.segment(*state[1:])

    class Logits(nn.Module):
        """What the trunk has computed already."""

        def forward(self, state: Any) -> Any:
            """Pick them."""
            return state[0]

    stages = [Stage(nn.Sequential(Trunk(part, k == 0)), Logits()) for k, part in enumerate(segments)]
    names = [f"exit{k}" for k in range(len(segments) - 1)]
    config = EarlyExitConfig(
        backbone="eeinfer",
        num_classes=classes,
        exit_points=[ExitPoint(name=name, layer_name=name, in_channels=1) for name in names],
    )
    specs = [StageSpec(k, name, (name,)) for k, name in enumerate([*names, "final"])]
    return StagedModel(stages, specs, config, dict.fromkeys(names, 0.0)).eval()
