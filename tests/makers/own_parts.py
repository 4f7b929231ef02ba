"""Backbones, methods, data sets and packages as users write them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eeinfer.machine.packages import declared

METHOD = '''
import torch
from torch import nn
from eeinfer.training.heads.head import Head
from eeinfer.training.methods import Method

class Averaged(Method):
    """Every exit answers with the mean of the logits so far."""

    options = frozenset({"scale"})

    def __init__(self, specs, num_classes, config):
        super().__init__(specs, num_classes, config)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)

    def forward(self, features, final):
        logits = [head(feature) for head, feature in zip(self.heads, features)] + [final]
        return tuple(torch.stack(logits[: k + 1]).mean(0) for k in range(len(logits)))

def helper():
    return None
'''

BACKBONE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, task, *, width=4):
        super().__init__()
        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU())
        self.blocks = nn.Sequential(block(task.in_channels, width), block(width, width), block(width, width))
        self.classifier = nn.Linear(width, task.num_classes)

    def forward(self, x):
        return self.classifier(self.blocks(x).mean((2, 3)))

def broken(task):
    raise RuntimeError("no such layer")

def nothing(task):
    return 7
"""

DATA = """
import numpy as np
from eeinfer.training.data import Dataset, Split

def stripes(root, classes=("dark", "light")):
    labels = np.arange(64) % 2
    images = (np.random.default_rng(0).integers(0, 100, (64, 8, 8)) + 120 * labels[:, None, None]).astype(np.uint8)
    return Dataset(
        name="stripes", train=Split(images=images, labels=labels), test=Split(images=images, labels=labels),
        classes=classes, channels=1, size=(8, 8), mean=(0.4,), std=(0.3,), augment="none",
    )

def wrong(root):
    return [1, 2]

def one_class(root):
    return stripes(root, ("dark",))
"""


def own_files(folder: Path) -> Path:
    """Write method.py, net.py and data.py."""
    for name, text in (("method", METHOD), ("net", BACKBONE), ("data", DATA)):
        (folder / f"{name}.py").write_text(text)
    return folder


@contextmanager
def installed(folder: Path, group: str, name: str, text: str, what: str, package: str = "my-pack") -> Iterator[None]:
    """Have a package in `folder` that declares NAME among the entry points of `group`."""
    module = f"{package.replace('-', '_')}_{name}"
    facts = folder / f"{module}-1.2.dist-info"
    facts.mkdir(parents=True)
    (folder / f"{module}.py").write_text(text)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (facts / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{what}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        declared.cache_clear()
        try:
            yield
        finally:
            sys.modules.pop(module, None)
            declared.cache_clear()
    declared.cache_clear()
