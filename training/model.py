"""A backbone with heads at its taps."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from eeinfer.training.exits.taps import Taps
from eeinfer.training.methods.base import Method, Outputs


class EarlyExitModel(nn.Module):
    """A network whose forward answers at every exit, the network's own classifier being the last.

    Args:
        backbone: images to logits [B,K].
        taps: the modules after which the exits sit, in the order in which they run.
        heads: the method, built for what these modules give.
    """

    def __init__(self, backbone: nn.Module, taps: Sequence[str], heads: Method) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads
        self.taps = Taps(backbone, taps)
        self.frozen: frozenset[str] = frozenset()
        # Some parameters never train, such as fixed position tables: un-freezing a part must not wake them.
        self._fixed = frozenset(name for name, parameter in self.named_parameters() if not parameter.requires_grad)

    def forward(self, x: Tensor) -> Outputs:
        """Map images [B,C,H,W] to logits [B,K] per exit."""
        features, final = self.taps.run(self.backbone, x)
        outputs: Outputs = self.heads(features, final)
        return outputs

    def freeze(self, parts: Iterable[str]) -> None:
        """Freeze parts such as "backbone" or "heads.ensembles": no gradients, and eval mode whatever `train` says."""
        self.frozen = frozenset(parts)
        for name, parameter in self.named_parameters():
            rests = any(name.startswith(f"{part}.") for part in self.frozen)
            parameter.requires_grad_(not rests and name not in self._fixed)
        self.train(self.training)

    def train(self, mode: bool = True) -> "EarlyExitModel":
        """Set training mode for everything that is not frozen."""
        super().train(mode)
        for part in self.frozen:
            self.get_submodule(part).eval()
        return self
