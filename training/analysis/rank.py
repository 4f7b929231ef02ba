"""Numerical rank of what each layer of a backbone gives (Fig. 2 of "Joint or Disjoint").

The paper's own code lacks it. This is the convention of Masarczyk et al., "The Tunnel Effect" (NeurIPS 2023): how many
eigenvalues of the centred covariance exceed a thousandth of the largest.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eeinfer.training.analysis.features import features_of

TOLERANCE = 1e-3  # of the largest eigenvalue


@dataclass(frozen=True, kw_only=True)
class LayerRank:
    """One layer's rank."""

    layer: str  # its name in the backbone
    width: int  # d, numbers an image, of those that were looked at
    rank: int
    share: float  # rank / min(N, d)


def numerical_rank(features: Tensor) -> int:
    """Return the numerical rank of features [N, d]: eigenvalues of their covariance above 1e-3 of the largest.

    Float64 throughout. Of fewer rows than columns the matrix of inner products is taken: it has the same eigenvalues
    above zero. Features that do not vary, or that hold NaN, have rank 0.
    """
    centred = features.double() - features.double().mean(dim=0)
    product = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    if not bool(torch.isfinite(product).all()):
        return 0
    values = torch.linalg.eigvalsh(product)
    largest = values.max()
    return int((values > TOLERANCE * largest).sum()) if largest > 0 else 0


def layer_ranks(model: nn.Module, x: Tensor, *, columns: int = 1024, seed: int = 0) -> tuple[LayerRank, ...]:
    """Return the rank of every convolution and linear layer of the backbone, in the order in which they run.

    Args:
        model: a trained network.
        x: prepared images [N,C,H,W].
        columns: of wider layers that many numbers, drawn from the seed, stand for all: the rank is at most that.
        seed: of the draw.
    """
    ranks = []
    for layer, features in features_of(model, x, columns=columns, seed=seed).items():
        rank, most = numerical_rank(features), min(features.shape)
        ranks.append(LayerRank(layer=layer, width=features.shape[1], rank=rank, share=rank / most))
    return tuple(ranks)
