"""MSDNet and RANet by name, what their exits cost, and what crosses the cuts of their bundles."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Input, Manifest, TensorSpec
from eeinfer.export.reference import Chain
from eeinfer.training import BackboneConfig, HeadConfig, MethodConfig, TrainConfig
from eeinfer.training.backbones import BACKBONES, Task
from eeinfer.training.backbones.multiscale import MultiScaleNetwork, initialise
from eeinfer.training.build import build_model

# Options that both families have; what one of them alone has is added by its tests.
SHARED_OPTIONS = {
    "step": st.integers(1, 2),
    "n_channels": st.integers(1, 9),
    "stem": st.sampled_from(["small", "standard"]),
    "head_width": st.sampled_from([0, 5]),
}


class OwnExits(nn.Module):
    """A multi-scale network complete with the papers' head at every exit, the network's own head being the last."""

    def __init__(self, network: MultiScaleNetwork) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleList(network.make_head(k) for k in range(len(network.slots)))
        initialise(self.heads)

    def features(self, x: Tensor) -> Iterator[Tensor]:
        """Yield for each exit the vector [B,D] that its linear layer reads."""
        for head, found in zip([*self.heads, self.network.head], self.network.exit_maps(x), strict=True):
            yield head.reduce(found)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images [B,C,H,W] to logits [B,K] per exit."""
        heads = [*self.heads, self.network.head]
        return tuple(head.classify(vector) for head, vector in zip(heads, self.features(x), strict=True))


def network(name: str, side: int = 8, channels: int = 1, classes: int = 10, **options: Any) -> MultiScaleNetwork:
    builder, fixed = BACKBONES[name]
    built = builder(Task(in_channels=channels, size=(side, side), num_classes=classes), **fixed, **options)
    assert isinstance(built, MultiScaleNetwork)
    return built


def shaken(name: str, side: int = 8) -> OwnExits:
    """A network with all its exits whose statistics are not those of its start, in eval mode."""
    torch.manual_seed(0)
    model = OwnExits(network(name, side))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return model.eval()


def images(rows: int, side: int = 8) -> Tensor:
    return torch.randn(rows, 1, side, side, generator=torch.Generator().manual_seed(rows))


def maps_are_as_declared(name: str, side: int, **options: Any) -> bool:
    """Whether the maps of every exit have the shapes that the network declares, and every head reads its own."""
    built = network(name, side, 3, **options).eval()
    with torch.no_grad():
        found = list(built.exit_maps(torch.zeros(1, 3, side, side)))
        heads_answer = all(built.make_head(k).eval()(x).shape == (1, 10) for k, x in enumerate(found))
    return heads_answer and tuple(tuple(x.shape[1:]) for x in found) == built.exit_shapes


def exit_costs(name: str, side: int, classes: int) -> list[float]:
    """Millions of operations up to each exit as the papers count them, and nothing left out that no exit needs:
    convolutions, linear layers with bias, and what ReLU and pooling read. Nothing is computed."""
    with torch.device("meta"), torch.no_grad():
        model = OwnExits(network(name, side, 3, classes)).eval()
        counter = _Counter(model)
        model(torch.zeros(1, 3, side, side))
    return [cost / 1e6 for cost in counter.exits]


def trained_system_cost(name: str, exits: int, side: int, classes: int) -> float:
    """Millions of operations, counted likewise, of the model that training builds: taps and heads of type msd."""
    config = TrainConfig(
        backbone=BackboneConfig(name=name),
        exits=tuple(range(exits - 1)),
        method=MethodConfig(name="sdn", heads=HeadConfig(type="msd")),
        regime="joint",
    )
    tensor = TensorSpec(name="input", dtype="float32", shape=(3, side, side))
    model = build_model(config, Input(tensor=tensor), classes).model.eval()
    counter = _Counter(model)
    with torch.no_grad():
        model(torch.zeros(1, *tensor.shape))
    return counter.total / 1e6


class _Counter:
    def __init__(self, model: nn.Module) -> None:
        self.total = 0
        self.exits: list[int] = []
        for module in model.modules():
            module.register_forward_hook(self._count)

    def _count(self, module: nn.Module, args: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            self.total += output.numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1]
        elif isinstance(module, nn.ReLU):
            self.total += args[0].numel()
        elif isinstance(module, (nn.AvgPool2d, nn.MaxPool2d)):
            side = module.kernel_size
            self.total += output.numel() * (side[0] * side[1] if isinstance(side, tuple) else side**2)
        elif isinstance(module, nn.Linear):
            self.total += module.weight.numel() + module.bias.numel()
            self.exits.append(self.total)


def assert_chain_equals_torch(bundle: Path, model: OwnExits) -> None:
    chain = Chain(bundle, Bundle.open(bundle).manifest.segments)
    for rows in (1, 7):
        x = images(rows)
        with torch.no_grad():
            expected = model(x)
        for exit, logits in zip(chain(x.numpy()), expected, strict=True):
            np.testing.assert_allclose(exit["logits"], logits.numpy(), atol=1e-4)
            np.testing.assert_array_equal(exit["prediction"], logits.argmax(1).numpy())


def crossing(manifest: Manifest) -> list[set[str]]:
    """Names of the tensors that are alive across each cut: carried before it, read behind it."""
    made: set[str] = set()
    alive = []
    for k, segment in enumerate(manifest.segments[:-1]):
        made |= {tensor.name for tensor in segment.carried}
        alive.append(made & {tensor.name for later in manifest.segments[k + 1 :] for tensor in later.inputs})
    return alive


def assert_nothing_dead_is_carried(manifest: Manifest) -> None:
    for k, segment in enumerate(manifest.segments):
        read_later = {tensor.name for later in manifest.segments[k + 1 :] for tensor in later.inputs}
        assert {tensor.name for tensor in segment.carried} <= read_later
