"""What the logits of the exit before add to a head.

Concatenating a vector to what a head's last linear layer reads adds columns to that layer's matrix. Here the columns
are a layer of their own whose product is added to the head's logits: the same function, for any head.
Shapes: B batch, K classes, F width that a head's last linear layer reads.
"""

from torch import Tensor, nn


def read_width(head: nn.Module) -> int:
    """Return F: how many numbers the last linear layer of `head` reads."""
    return [module for module in head.modules() if isinstance(module, nn.Linear)][-1].in_features


class CascadeConnection(nn.Module):
    """Zero Time Waste's cascade (Wolczyk et al., NeurIPS 2021, section 3.1): the previous logits, normalised.

    No gradient goes back: head i never trains head i-1.
    """

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(num_classes)
        self.columns = nn.Linear(num_classes, num_classes, bias=False)
        bound = (width + num_classes) ** -0.5  # as the columns of the whole matrix would be drawn
        nn.init.uniform_(self.columns.weight, -bound, bound)

    def forward(self, previous: Tensor) -> Tensor:
        """Map the logits [B,K] of the exit before to a term of the next one's."""
        added: Tensor = self.columns(self.norm(previous.detach()))
        return added


class InlineConnection(nn.Module):
    """IMTA's inline subnetwork collaboration (Li et al., ICCV 2019, section 3.2): ReLU(BN(Linear(K -> F))).

    Its columns start at zero, so that an untrained connection changes nothing. Gradients pass to the exit before, as
    in the authors' code.
    """

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.inject = nn.Sequential(nn.Linear(num_classes, width), nn.BatchNorm1d(width), nn.ReLU())
        self.columns = nn.Linear(width, num_classes, bias=False)
        nn.init.zeros_(self.columns.weight)

    def forward(self, previous: Tensor) -> Tensor:
        """Map the logits [B,K] of the exit before to a term of the next one's."""
        added: Tensor = self.columns(self.inject(previous))
        return added
