"""A bundle whose segments compute next to nothing: what it costs is the loop."""

from pathlib import Path

EXITS, WIDTH = 8, 4


def write_near_empty(path: Path) -> None:
    """Write it, unless it is there.

    Raises:
        DependencyError: torch and onnx, which write bundles, are missing.
    """
    if path.exists():
        return
    from eeinfer.errors import DependencyError

    try:
        import torch
        from torch import Tensor, nn
    except ImportError as error:
        raise DependencyError("bundles are written with torch: pip install 'eeinfer[export]'") from error
    from eeinfer.export import export_bundle

    class NearEmpty(nn.Module):
        """Layers of a few numbers, each with an exit."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(EXITS))
            self.heads = nn.ModuleList(nn.Linear(WIDTH, 2) for _ in range(EXITS))

        def forward(self, x: Tensor) -> list[Tensor]:
            """Return the logits of every exit."""
            logits = []
            for layer, head in zip(self.layers, self.heads, strict=True):
                x = layer(x)
                logits.append(8 * head(x))  # numbers in [0, 1] might be probabilities
            return logits

    torch.manual_seed(0)
    export_bundle(NearEmpty(), torch.zeros(1, WIDTH), path)
