"""A network of one's own with class names and preprocessing, cut, compared, and run on 8-bit images."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

import eeinfer
from eeinfer.bundle.manifest import Preprocess
from eeinfer.export import export_bundle


class TwoExits(nn.Module):
    """Returns the logits of every exit, early ones first, always: no `if` in forward."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(16, classes), nn.Linear(32, classes)])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        early = self.first(x)
        late = self.second(early)
        return [head(maps.mean((2, 3))) for head, maps in zip(self.heads, (early, late), strict=True)]


# %% Export: traced once, cut, and compared with torch exit by exit before the bundle is let out.
torch.manual_seed(1)
path = export_bundle(
    TwoExits(classes=3).eval(),
    torch.zeros(1, 3, 64, 64),
    Path("mine.eeb"),
    classes=("cat", "dog", "neither"),
    preprocess=Preprocess(resize=73, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    taus=0.8,
    force=True,
)

# %% Run: images of any size, 8 bits, prepared as the bundle says.
photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
engine = eeinfer.load(path)
print(engine.manifest.classes[engine(photo).predictions[0]], engine(photo))
