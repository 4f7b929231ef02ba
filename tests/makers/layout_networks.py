"""Networks whose state does not have the batch on axis 0, and one that reads several views of one map."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

CLASSES = 5


def heads(count: int, width: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(width, CLASSES) for _ in range(count))


class SequenceFirst(nn.Module):
    """An encoder on [S, B, C], as torch's is by default."""

    shape = (6, 16)
    carried = ((6, 16),)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=False) for _ in range(2))
        self.heads = heads(2, 16)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = x.transpose(0, 1)
        return [head((x := layer(x)).mean(0)) for layer, head in zip(self.layers, self.heads, strict=True)]


class Frames(nn.Module):
    """Frames of a video as rows of a batch: [B*T, ...], or [T*B, ...] with `time_first`."""

    shape = (4, 3, 6, 6)
    carried = ((4, 8, 6, 6),)

    def __init__(self, *, time_first: bool) -> None:
        super().__init__()
        self.time_first = time_first
        self.maps = nn.ModuleList([nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)])
        self.heads = heads(2, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        rows, at = x.shape[0], 0 if self.time_first else 1
        x = (x.transpose(0, 1) if self.time_first else x).reshape(-1, *self.shape[1:])
        logits = []
        for maps, head in zip(self.maps, self.heads, strict=True):
            x = maps(x).relu()
            vectors = x.mean((2, 3))
            apart = vectors.reshape(4, rows, 8) if self.time_first else vectors.reshape(rows, 4, 8)
            logits.append(head(apart.mean(at)))
        return logits


class States(nn.Module):
    """An LSTM's states, [1, B, H] each, are what the second one starts from."""

    shape = (6, 8)
    carried = ((1, 8), (1, 8))

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.LSTM(8, 8, batch_first=True) for _ in range(2))
        self.heads = heads(2, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        _, state = self.layers[0](x)
        _, last = self.layers[1](x, state)
        return [self.heads[0](state[0][0]), self.heads[1](last[0][0])]


class Windows(nn.Module):
    """Attention within windows: [B*windows, tokens, C]."""

    shape = (8, 8, 8)
    carried = ((4, 16, 8),)

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))
        self.heads = heads(2, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        rows = x.shape[0]
        parts = x.permute(0, 2, 3, 1).reshape(rows, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(rows * 4, 16, 8)
        logits = []
        for mix, head in zip(self.mix, self.heads, strict=True):
            parts = parts + (mix(parts) @ parts.transpose(1, 2)).softmax(-1) @ parts
            logits.append(head(parts.reshape(rows, 4, 16, 8).mean((1, 2))))
        return logits


class Views(nn.Module):
    """Later exits read a map, its flattened form and that transposed: one tensor in three shapes."""

    shape = (3, 8, 8)
    carried = ((8, 8, 8),)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.mix = nn.Linear(64, 8)
        self.heads = heads(2, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x).relu()
        flat = x.flatten(2)
        turned = flat.transpose(1, 2)
        early = self.heads[0](turned.mean(1) + self.mix(flat.exp()).mean(1))
        late = self.second(x).mean((2, 3)) + self.mix(flat).mean(1) + turned.amax(1)
        return [early, self.heads[1](late)]


class InputAgain(nn.Module):
    """The second exit looks at the flattened input again: no tensor needs to be carried for it."""

    shape = (3, 4, 4)
    carried = ()

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Linear(48, 8), nn.Linear(48, 64)
        self.heads = nn.ModuleList([nn.Linear(8, CLASSES), nn.Linear(64, CLASSES)])

    def forward(self, x: Tensor) -> list[Tensor]:
        flat = x.flatten(1)
        return [self.heads[0](self.small(flat).relu()), self.heads[1](self.large(flat).relu())]


class AcrossRows(nn.Module):
    """Scores of every row against every other one cannot be taken apart into rows."""

    shape = (8,)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.heads = heads(2, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.first(x)
        pairs = x @ x.T
        return [self.heads[0](x + pairs.amax(1, keepdim=True)), self.heads[1](self.second(x) + pairs.exp() @ x)]


class Rolled(Frames):
    """Frames that are rolled along the axis of the batch: it is not clear any more which belong to a row."""

    def forward(self, x: Tensor) -> list[Tensor]:
        rows = x.shape[0]
        first = self.maps[0](x.reshape(-1, *self.shape[1:])).relu()
        turned = self.maps[1](torch.cat([first[1:], first[:1]])).relu()
        early = self.heads[0](first.mean((2, 3)).reshape(rows, 4, 8).mean(1) + turned.mean() * 0)
        return [early, self.heads[1](turned.exp().mean((2, 3)).reshape(rows, 4, 8).mean(1))]


NETWORKS: dict[str, Callable[[], Any]] = {
    "sequence first": SequenceFirst,
    "frames of each row": lambda: Frames(time_first=False),
    "rows of each frame": lambda: Frames(time_first=True),
    "states": States,
    "windows": Windows,
    "views": Views,
    "input again": InputAgain,
}
