"""Small networks with exits, one for each kind of thing a cut must get right."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from eeinfer.export.graph.cut import SegmentGraph
from eeinfer.export.graph.trace import ScoredExits

CLASSES = 5


class Residual(nn.Module):
    """Stages with residual joins and a linear head on each: one feature map crosses each cut."""

    shape = (3, 12, 12)

    def __init__(self, exits: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)) for _ in range(exits)
        )
        self.heads = nn.ModuleList(nn.Linear(8, CLASSES) for _ in range(exits))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x).relu()
        logits = []
        for block, head in zip(self.blocks, self.heads, strict=True):
            x = (x + block(x)).relu()
            logits.append(head(x.mean((2, 3))))
        return logits


class Tokens(nn.Module):
    """A small ViT: class token expanded to the batch, position table, attention with sizes read from shapes."""

    shape = (3, 16, 16)

    def __init__(self, exits: int = 3) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, stride=4)
        self.cls = nn.Parameter(torch.randn(1, 1, 16))
        self.position = nn.Parameter(torch.randn(1, 17, 16))
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True) for _ in range(exits))
        self.heads = nn.ModuleList(nn.Linear(16, CLASSES) for _ in range(exits))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        logits = []
        for block, head in zip(self.blocks, self.heads, strict=True):
            x = block(x)
            logits.append(head(x[:, 0]))
        return logits


class Stateful(Residual):
    """Exits that build on each other: summed logits (BoostNet), a growing stack of log-probabilities (ZTW)."""

    def forward(self, x: Tensor) -> list[Tensor]:
        total: Tensor | None = None
        stack: list[Tensor] = []
        logits = []
        for own in super().forward(x):
            total = own if total is None else own + 0.5 * total.detach()
            stack.append(torch.log_softmax(total, -1))
            logits.append(torch.stack(stack, 1).mean(1))
        return logits


class Patience(Residual):
    """Judges its exits itself: the run of agreeing predictions over the number of exits (PABEE)."""

    def forward(self, x: Tensor) -> dict[str, list[Tensor]]:  # type: ignore[override]  # a mapping is allowed too
        logits = super().forward(x)
        run = torch.ones_like(logits[0][:, 0])
        scores = [run / len(logits)]
        for before, now in itertools.pairwise(logits):
            run = torch.where(before.argmax(-1) == now.argmax(-1), run + 1, torch.ones_like(run))
            scores.append(run / len(logits))
        return {"logits": logits, "scores": scores}


class MultiScale(nn.Module):
    """Two resolutions side by side; the fine map made first is read again only at the very end."""

    shape = (3, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 3, padding=1)
        self.coarse = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.deeper = nn.Conv2d(6, 6, 3, padding=1)
        self.heads = nn.ModuleList([nn.Linear(6, CLASSES), nn.Linear(6, CLASSES), nn.Linear(10, CLASSES)])

    def forward(self, x: Tensor) -> list[Tensor]:
        fine, coarse = self.fine(x).relu(), self.coarse(x).relu()
        first = self.heads[0](coarse.mean((2, 3)))
        coarse = self.deeper(coarse).relu()
        second = self.heads[1](coarse.mean((2, 3)))
        both = torch.cat([fine.mean((2, 3)), coarse.amax((2, 3))], 1)
        return [first, second, self.heads[2](both)]


class HeadsLast(Residual):
    """Runs the whole network first and its heads afterwards, the last one first."""

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x).relu()
        maps = [x := (x + block(x)).relu() for block in self.blocks]
        logits = [head(x.mean((2, 3))) for head, x in zip(self.heads[::-1], maps[::-1], strict=True)]
        return logits[::-1]


class Joined(Residual):
    """Returns what `join` makes of a good network's exits."""

    def __init__(self, join: Callable[[list[Tensor]], Sequence[Tensor]]) -> None:
        super().__init__()
        self.join = join

    def forward(self, x: Tensor) -> list[Tensor]:
        return list(self.join(super().forward(x)))


class FoldedBatch(Residual):
    """Carries the batch folded into another axis, cheap to make again from what is carried."""

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x).relu()
        folded = x.reshape(x.shape[0] * 8, 12 * 12)
        first = self.heads[0](x.mean((2, 3)))
        again = folded.reshape(x.shape[0], 8, 144).amax(2)
        return [first, self.heads[1](again)]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "tokens": Tokens,
    "stateful": Stateful,
    "patience": Patience,
    "multi_scale": MultiScale,
    "heads_last": HeadsLast,
    "folded_batch": FoldedBatch,
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name]().eval()


@dataclass(frozen=True)
class Exported:
    """A network, its graph with every exit, and the segments it was cut into."""

    network: nn.Module
    scored: ScoredExits
    folder: Path
    model: onnx.ModelProto
    segments: list[SegmentGraph]
