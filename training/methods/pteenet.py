"""PTEENet (Lahiany, Aperstein; IEEE Access 2022): a frozen network is given exits that learn when to be trusted.

Every exit has a classifier and a confidence c in (0, 1), which is what it is judged by. They are trained together
by the loss of the paper's second version: leaving is mixed over the depth, with the network's own answer at the end,

    q_i = c_i p_i + (1 - c_i) q_{i+1}      q_N = p_N
    d_i = c_i cost_i + (1 - c_i) d_{i+1}   d_N = cost_N
    loss = mean over i of  NLL(q_i) + lambda d_i

with the cost of an exit as the share of the FLOPs spent there. The regime is disjoint. Without labels the frozen
network's own predictions are the targets, so that a network can be equipped by who has images alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import classifier
from eeinfer.training.heads.reductions import reduction
from eeinfer.training.heads.types import Body, MapBody, map_shape
from eeinfer.training.methods.base import Method, Outputs
from eeinfer.training.methods.options import choice, flag, number, own_heads


class GlobalMean(nn.Module):
    """The mean over a map."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] to [B,C]."""
        return x.mean((2, 3))


def _convs(count: int) -> Callable[[FeatureSpec], Body]:
    def build(spec: FeatureSpec) -> Body:
        channels, _, _ = map_shape(spec, f"PTEENet's head conv{count if count > 1 else ''}")
        layers = nn.Sequential()
        for _ in range(count):
            layers.extend([nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()])
        return MapBody(spec, layers.append(GlobalMean()))

    return build


def _plain(spec: FeatureSpec) -> Body:
    return MapBody(spec, nn.Identity()) if spec.kind == "map" else reduction(spec)


def _pool(spec: FeatureSpec) -> Body:
    return MapBody(spec, GlobalMean()) if spec.kind == "map" else reduction(spec)


def _bnpool(spec: FeatureSpec) -> Body:
    channels, _, _ = map_shape(spec, "PTEENet's head bnpool")
    return MapBody(spec, nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), GlobalMean()))


HEADS: dict[str, Callable[[FeatureSpec], Body]] = {
    "plain": _plain,
    "pool": _pool,
    "bnpool": _bnpool,
    "conv": _convs(1),
    "conv2": _convs(2),
    "conv3": _convs(3),
}


class TrustedHead(nn.Module):
    """One vector, two answers: class logits, and the logit of the confidence in them."""

    def __init__(self, body: Body, num_classes: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.reduce = body
        self.classify = classifier(body.width, hidden, num_classes)
        self.trust = nn.Linear(body.width, 1)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Map the tapped feature to logits [B,K] and the confidence before its sigmoid [B]."""
        vector = self.reduce(feature)
        return self.classify(vector), self.trust(vector)[:, 0]


class PTEENet(Method):
    """Heads with learned confidence on a frozen network.

    Options:
        head: a name of HEADS; "conv" is one convolution, BatchNorm, ReLU and the mean over the map.
        cost_weight: the paper's lambda, 0.9.
        label_free: train towards what the network itself predicts in place of the labels.

    The last exit is judged by its largest probability: it always answers, and its confidence is in no loss.
    """

    score: ClassVar[str] = "own"
    needs_costs: ClassVar[bool] = True
    selects_by_objective: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset({"head", "cost_weight", "label_free"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        own_heads(config)
        build = HEADS[choice(config, "head", "conv", HEADS)]
        self.heads = nn.ModuleList(TrustedHead(build(spec), num_classes, config.heads.hidden) for spec in specs)
        self.cost_weight = number(config, "cost_weight", 0.9, 0.0, 1e3)
        self.label_free = flag(config, "label_free")
        # Evenly spaced until the network's own are known.
        self.costs = tuple((index + 1) / (len(specs) + 1) for index in range(len(specs) + 1))

    def take_costs(self, shares: Sequence[float]) -> None:
        """Take the cost of leaving at each exit, the last one's being 1."""
        self.costs = tuple(shares)

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the logits [B,K] and the confidences [B] of every exit, the network's own last."""
        answers = [head(feature) for head, feature in zip(self.heads, features, strict=True)]
        trusts = [trust for _, trust in answers]
        scores = [*(torch.sigmoid(trust) for trust in trusts), torch.softmax(final, 1).amax(1)]
        outputs: dict[str, Sequence[Tensor]] = {"logits": [*(logits for logits, _ in answers), final], "scores": scores}
        return {**outputs, "trusts": trusts} if self.training else outputs

    def loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the mixture loss of the module's head, its exits weighted by `weights` (equal ones are the paper's).

        The mixture is computed on log-probabilities, which stay finite where a confidence is close to 0 or 1.
        """
        assert isinstance(outputs, Mapping), "own forward"
        return self._mixture(outputs["logits"], outputs["trusts"], targets, weights, label_smoothing).mean()

    def objective(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Return the loss [B] on images that do not train, all exits weighing the same: weights are selected by it.

        The mean accuracy over exits would be the wrong judge: an exit learns little from rows that it leaves to others.
        """
        assert isinstance(outputs, Mapping), "own forward"
        logits, scores = outputs["logits"], outputs["scores"]
        trusts = [torch.logit(score.double(), eps=1e-12) for score in scores[:-1]]
        return self._mixture([z.double() for z in logits], trusts, targets, (1 / len(logits),) * len(logits), 0.0)

    def _mixture(
        self,
        logits: Sequence[Tensor],
        trusts: Sequence[Tensor],
        targets: Tensor,
        weights: Sequence[float],
        label_smoothing: float,
    ) -> Tensor:
        """Return the weighted sum over exits of NLL(q_i) + lambda d_i, per image [B]."""
        targets = logits[-1].detach().argmax(1) if self.label_free else targets
        log_mixed = torch.log_softmax(logits[-1], 1)
        cost = log_mixed.new_full((len(targets),), self.costs[-1])
        total = weights[-1] * self._term(log_mixed, cost, targets, label_smoothing)
        for k in reversed(range(len(trusts))):
            stay, leave = F.logsigmoid(-trusts[k])[:, None], F.logsigmoid(trusts[k])[:, None]
            log_mixed = torch.logaddexp(leave + torch.log_softmax(logits[k], 1), stay + log_mixed)
            cost = torch.sigmoid(trusts[k]) * self.costs[k] + torch.sigmoid(-trusts[k]) * cost
            total = total + weights[k] * self._term(log_mixed, cost, targets, label_smoothing)
        return total

    def _term(self, log_mixed: Tensor, cost: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        # Normalised log-probabilities pass through the softmax of cross_entropy unchanged.
        nll = F.cross_entropy(log_mixed, targets, label_smoothing=label_smoothing, reduction="none")
        return nll + self.cost_weight * cost


PLACEMENTS: dict[str, Callable[[int, int], float]] = {
    "pareto": lambda index, num_exits: 1 - 0.8 ** (index + 1),
    "fine": lambda index, num_exits: 1 - 0.95 ** (index + 1),
    "linear": lambda index, num_exits: (index + 1) / (num_exits + 1),
    "golden": lambda index, num_exits: ((1 + 5**0.5) / 2) ** (index - num_exits),
}


def placement(name: str, num_exits: int) -> tuple[float, ...]:
    """Return shares of the FLOPs for TrainConfig.exits, by the rule `name` of PLACEMENTS.

    Raises:
        ConfigError: an unknown rule.
    """
    if name not in PLACEMENTS:
        raise ConfigError(unknown("placement", name, PLACEMENTS))
    return tuple(PLACEMENTS[name](index, num_exits) for index in range(num_exits))
