"""Global past-future early exit (Liao et al., NAACL 2021, section 3), for any backbone.

Every exit has a state. It sees the states of the exits before it, and imagines those of the exits after it.
Shapes: B batch, D state width, K classes, N heads.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.methods.base import Method, Outputs
from eeinfer.training.methods.options import whole


class GPF(Method):
    """Exit i mixes what states 0..i say with what it imagines states i+1.. to say: ``b * past + (1 - b) * future``.

    State j contributes ``s_j R_j + r_j`` to the answer and ``s_j G_j + g_j`` to the gate. Both sums over the past are
    carried from exit to exit as [B,K], which gives exactly what stacking all states would. One imitator per target
    exit turns any earlier state into that exit's. The network's own classifier answers alone at the last exit.
    Past states enter later exits without gradient, as in the authors' code and in that of the comparison below.

    This is the variant with which the authors of Zero Time Waste compared (ReLU, judged by confidence).

    Options:
        dim: D, the width of a state; 128.
    """

    loss_weights: ClassVar[str] = "linear"
    options: ClassVar[frozenset[str]] = frozenset({"dim"})
    original: ClassVar[bool] = False

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        dim = whole(config, "dim", 128, 1)
        self.heads = nn.ModuleList(Head(spec, dim, config.heads) for spec in specs)
        self.imitators = nn.ModuleList(nn.Linear(dim, dim) for _ in specs[1:])  # of exits 1, 2, ...
        self.answers = nn.ModuleList(_projection(dim, num_classes) for _ in specs)
        self.gates = nn.ModuleList(_projection(dim, num_classes) for _ in specs)
        self.balance = nn.Linear(num_classes, num_classes)

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the logits [B,K] of every exit; in training also "states" [B,D] and "imagined" [B,later,D]."""
        states = [self.activate(head(feature)) for head, feature in zip(self.heads, features, strict=True)]
        imagined = [self._imagine(state, i) for i, state in enumerate(states)]
        logits = (*self._exits(states, imagined), final)
        if not self.training:
            return logits
        seen = [torch.stack(targets, 1) for targets in imagined if targets]
        return {"logits": logits, "states": states, "imagined": seen}

    def activate(self, x: Tensor) -> Tensor:
        """Apply the variant's activation."""
        return torch.tanh(x) if self.original else F.relu(x)

    def _imagine(self, state: Tensor, i: int) -> list[Tensor]:
        return [self.activate(imitator(state)) for imitator in self.imitators[i:]]

    def _exits(self, states: Sequence[Tensor], imagined: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        exits = []
        past_before, gate_before = None, None  # sums over the exits before this one
        for i, state in enumerate(states):
            past, gate = _plus(self.answers[i](state), past_before), _plus(self.gates[i](state), gate_before)
            exits.append(self._mix(past, gate / (i + 1), [*imagined[i]], i))
            if state.requires_grad:
                kept = state.detach()  # the loss of a later exit must not train this exit's head
                past, gate = _plus(self.answers[i](kept), past_before), _plus(self.gates[i](kept), gate_before)
            past_before, gate_before = past, gate
        return exits

    def _mix(self, past: Tensor, gate: Tensor, imagined: Sequence[Tensor], i: int) -> Tensor:
        share = torch.sigmoid(self.balance(self.activate(gate)))
        mixed = share * past
        if imagined:  # the last head has no future, and its past is weighted all the same
            answers = [self.answers[i + 1 + j](state) for j, state in enumerate(imagined)]
            mixed = mixed + (1 - share) * torch.stack(answers).sum(0)
        return 2 * mixed if self.original else mixed

    def loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the weighted cross-entropies plus how far the imagined states are from the real ones."""
        value = super().loss(outputs, targets, weights, label_smoothing)
        assert not isinstance(outputs, tuple), "made in training mode"
        return value + imitation_loss(outputs["states"], outputs["imagined"])


class OriginalGPF(GPF):
    """The paper's own variant: tanh, the mixture doubled, judged by entropy.

    It leaves out that the authors keep lower layers from training now and then.
    """

    score: ClassVar[str] = "entropy"
    original: ClassVar[bool] = True


def imitation_loss(states: Sequence[Tensor], imagined: Sequence[Tensor]) -> Tensor:
    """Return one minus the cosine between imagined and real later states, which are detached, averaged over sources.

    Args:
        states: N of [B,D].
        imagined: for every exit with a later one, what it imagines of those, [B,later,D].
    """
    if not imagined:
        return states[0].new_zeros(())
    real = torch.stack([state.detach() for state in states], 1)
    losses = [1 - F.cosine_similarity(seen, real[:, i + 1 :], dim=-1).mean() for i, seen in enumerate(imagined)]
    return torch.stack(losses).mean()


def _plus(own: Tensor, before: Tensor | None) -> Tensor:
    return own if before is None else before + own


def _projection(dim: int, num_classes: int) -> nn.Linear:
    layer = nn.Linear(dim, num_classes)
    nn.init.normal_(layer.weight, std=dim**-0.5)
    nn.init.zeros_(layer.bias)
    return layer
