"""Temperature scaling (Guo et al., ICML 2017, section 4.2): one number per exit, fitted on validation images."""

import torch
from torch import Tensor
from torch.nn import functional as F


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the T > 0 that makes the cross-entropy of ``logits / T`` smallest.

    Args:
        logits: [N,K] of one exit.
        labels: [N].
    """
    exact, log_t = logits.detach().double(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(exact / log_t.exp(), labels)
        value.backward()  # type: ignore[no-untyped-call]  # torch types no backward
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch leaves LBFGS without types
    # Logits that are never wrong have no best T: it falls until nothing is gained, and a float has to hold it.
    return float(log_t.detach().clamp(-4.6, 4.6).exp())
