"""What turns a feature into a vector: pooling for maps, one token or a mean for sequences.

SDN's mixed pooling and the class-token head follow "Joint or Disjoint" (METHODS 4.4): no norm, no activation
before the linear layer. Pooling is written without adaptive operators, which have no ONNX twin.
Shapes: B batch, C channels, H x W map, T tokens, D width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.errors import ConfigError
from eeinfer.training.heads.features import FeatureSpec


class MixedPool(nn.Module):
    """``alpha * max + (1 - alpha) * average``, both pooled adaptively to ``size`` x ``size`` (SDN; [B,C,H,W]).

    ``alpha`` is one free scalar drawn from U(0, 1), not clamped. Cells are ``[floor(iS/n), ceil((i+1)S/n))``, as
    torch's adaptive pooling has them, so any map fits, even one smaller than ``size``.
    """

    def __init__(self, size: int, height: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.alpha = nn.Parameter(torch.rand(()))
        self.rows, self.columns = _cells(height, size), _cells(width, size)
        self.kernel = (height // size, width // size) if height % size == 0 and width % size == 0 else None
        rows, columns = _windows(self.rows, height), _windows(self.columns, width)
        self.windows = ((rows[0], columns[0]), 1, (rows[1], columns[1])) if rows and columns else None
        # Cells of one pixel each: maximum and average are that pixel, and alpha has no effect to learn from.
        self.copies = all(end - start == 1 for start, end in (*self.rows, *self.columns))
        self.alpha.requires_grad_(not self.copies)
        self.register_buffer("row_index", torch.tensor(rows[2] if rows else []), persistent=False)
        self.register_buffer("column_index", torch.tensor(columns[2] if columns else []), persistent=False)
        self.register_buffer("row_means", _means(self.rows, height), persistent=False)  # [size, H]
        self.register_buffer("column_means", _means(self.columns, width).T.contiguous(), persistent=False)  # [W, size]

    row_index: Tensor
    column_index: Tensor
    row_means: Tensor
    column_means: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] to [B,C,size,size]."""
        if self.copies:
            return x if self.kernel else x.index_select(2, self.row_index).index_select(3, self.column_index)
        highest, mean = self._regular(x, self.kernel) if self.kernel else self._irregular(x)
        return self.alpha * highest + (1 - self.alpha) * mean

    def _regular(self, x: Tensor, kernel: tuple[int, int]) -> tuple[Tensor, Tensor]:
        return F.max_pool2d(x, kernel), F.avg_pool2d(x, kernel)

    def _irregular(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.row_means @ x @ self.column_means
        if self.windows:  # one at every pixel, of which some are picked: few nodes in place of many
            every = F.max_pool2d(x, *self.windows)
            return every.index_select(2, self.row_index).index_select(3, self.column_index), mean
        rows = torch.cat([x[:, :, start:end].amax(2, keepdim=True) for start, end in self.rows], 2)
        highest = torch.cat([rows[:, :, :, start:end].amax(3, keepdim=True) for start, end in self.columns], 3)
        return highest, mean


def _cells(side: int, size: int) -> list[tuple[int, int]]:
    return [(i * side // size, -(-(i + 1) * side // size)) for i in range(size)]


def _windows(cells: list[tuple[int, int]], side: int) -> tuple[int, int, list[int]] | None:
    """Return kernel and padding of a pooling with stride 1 that has every cell among its windows, and which they are.

    Cells at an edge may be smaller than the rest: their windows reach over it. None where another cell is.
    """
    kernel = max(end - start for start, end in cells)
    pad = max(kernel - (end - start) for start, end in cells)
    places = [end - kernel + pad if start == 0 else start + pad for start, end in cells]
    windows = [(max(place - pad, 0), min(place - pad + kernel, side)) for place in places]
    return (kernel, pad, places) if windows == cells and pad <= kernel // 2 else None


def _means(cells: list[tuple[int, int]], side: int) -> Tensor:
    matrix = torch.zeros(len(cells), side)
    for row, (start, end) in enumerate(cells):
        matrix[row, start:end] = 1 / (end - start)
    return matrix


class PooledMap(nn.Module):
    """A map to the vector of its mixed-pooled cells, channels-last maps being turned first."""

    def __init__(self, spec: FeatureSpec, pool: int | None) -> None:
        super().__init__()
        self.channels_last = spec.channels_last
        channels, height, width = (spec.shape[i] for i in ((2, 0, 1) if spec.channels_last else (0, 1, 2)))
        size = pool or (1 if spec.channels_last else 4)
        self.pool = MixedPool(size, height, width)
        self.width = channels * size * size

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] (or [B,H,W,C]) to [B,width]."""
        pooled: Tensor = self.pool(x.permute(0, 3, 1, 2) if self.channels_last else x)
        return pooled.flatten(1)


class ClassToken(nn.Module):
    """The class token as the block left it: no norm, which only serves the network's own classifier."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.width = spec.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,T,D] to [B,D]."""
        return x[:, 0]


class TokenMean(nn.Module):
    """The mean of the patch tokens, for models without a class token."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.prefix = spec.prefix_tokens
        self.width = spec.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,T,D] to [B,D]."""
        return (x[:, self.prefix :] if self.prefix else x).mean(1)


class Vector(nn.Module):
    """A feature that is a vector already."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.width = spec.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return [B,D] unchanged."""
        return x


Reduction = PooledMap | ClassToken | TokenMean | Vector


def reduction(spec: FeatureSpec, pool: int | None = None) -> Reduction:
    """Build what turns the feature into a vector; its length is the attribute ``width``."""
    if spec.kind == "map":
        return PooledMap(spec, pool)
    if pool is not None:
        raise ConfigError(f"pool is {pool}, but the exits read {spec.kind}, which are not pooled; leave it out")
    if spec.kind == "tokens":
        return ClassToken(spec) if spec.class_token else TokenMean(spec)
    return Vector(spec)
