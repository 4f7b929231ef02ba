"""From the exit positions of a config to modules of a network."""

import itertools
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.base import Backbone
from eeinfer.training.config import ExitPosition
from eeinfer.training.exits.sighting import Sighting, is_feature, sight
from eeinfer.training.exits.taps import Taps
from eeinfer.training.flops import cumulative_flops


def place_exits(backbone: Backbone, exits: Sequence[ExitPosition], example: Tensor) -> tuple[str, ...]:
    """Return the modules after which the exits sit, in the order in which they run.

    Args:
        backbone: the network.
        exits: slot numbers, module names, or shares of the network's FLOPs (the nearest slot is taken).
        example: an input [B,C,H,W] with B >= 2.

    Raises:
        ConfigError: an unknown module, a number out of range, two exits at one place, or a module whose output no
            head can read.
    """
    if not exits:
        return ()
    slots = usable_slots(backbone, example)
    shares = slot_shares(backbone.network, slots, example) if any(isinstance(p, float) for p in exits) else ()
    places: dict[str, ExitPosition] = {}
    for position in exits:
        name = _module_at(position, backbone.network, slots, shares)
        if name in places:
            raise ConfigError(_clash(places[name], position, name, shares))
        places[name] = position
    seen = sight(backbone.network, list(places), example)
    for name in places:
        _check_usable(name, seen.get(name), len(example))
    return _in_order(seen)


def usable_slots(backbone: Backbone, example: Tensor) -> tuple[str, ...]:
    """Return the slots that run exactly once and give a map or tokens of their own, in the order in which they run."""
    seen = sight(backbone.network, backbone.slots, example)
    usable: dict[int, str] = {}  # a stage gives what its last block gave: the block's name stays
    for name in sorted(seen, key=lambda name: seen[name].order):
        found = seen[name]
        if found.runs == 1 and found.reads_tensor and is_feature(found.output, len(example)):
            usable.setdefault(id(found.output), name)
    return tuple(usable.values())


class _Costs(nn.Module):
    """The network's slots as outputs, in order, and its logits last."""

    def __init__(self, network: nn.Module, slots: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.taps = Taps(network, slots)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features, logits = self.taps.run(self.network, x)
        return (*features, logits)


def slot_shares(network: nn.Module, slots: Sequence[str], example: Tensor) -> tuple[float, ...]:
    """Return for each slot the share of the network's FLOPs that is spent once it has run; heads are not counted."""
    costs = _Costs(network, slots)
    try:
        cumulative = cumulative_flops(costs, example[:1]).cumulative
    finally:
        costs.taps.remove()
    return tuple(cost / cumulative[-1] for cost in cumulative[:-1])


def _module_at(position: ExitPosition, network: nn.Module, slots: Sequence[str], shares: Sequence[float]) -> str:
    if isinstance(position, str):
        names = [name for name, _ in network.named_modules() if name]
        if position not in names:
            raise ConfigError(unknown("block", position, names, f"slots are {', '.join(slots) or 'none'}"))
        return position
    if not slots:
        raise ConfigError("this backbone has no numbered slots; name the modules after which exits shall sit")
    if isinstance(position, float):
        return slots[min(range(len(slots)), key=lambda index: abs(shares[index] - position))]
    if position >= len(slots):
        raise ConfigError(f"exit position {position} is out of range: slots are 0 to {len(slots) - 1}")
    return slots[position]


def _clash(first: ExitPosition, second: ExitPosition, name: str, shares: Sequence[float]) -> str:
    reached = f"; slots lie at the shares {', '.join(f'{share:.3f}' for share in shares)}" if shares else ""
    return f"exits {first!r} and {second!r} are both the block {name!r}; name each place once{reached}"


def _check_usable(name: str, seen: Sighting | None, batch: int) -> None:
    if seen is None:
        raise ConfigError(f"block {name!r} does not run when the network classifies; name another for the exit")
    if seen.runs > 1:
        raise ConfigError(f"block {name!r} runs {seen.runs} times per image; name one that runs once for the exit")
    if not is_feature(seen.output, batch) and not (isinstance(seen.output, Tensor) and seen.output.ndim == 2):
        what = f"shape {tuple(seen.output.shape)}" if isinstance(seen.output, Tensor) else type(seen.output).__name__
        raise ConfigError(f"block {name!r} gives no feature that a head can read, but {what}; name another block")
    if seen.output._version != seen.version:
        raise ConfigError(f"what block {name!r} gives is changed in place by later layers; name the block around it")


def _in_order(seen: Mapping[str, Sighting]) -> tuple[str, ...]:
    ordered = sorted(seen, key=lambda name: seen[name].order)
    for earlier, later in itertools.pairwise(ordered):
        if seen[earlier].output is seen[later].output:
            raise ConfigError(f"exits {earlier!r} and {later!r} read the same tensor; keep one of them")
    return tuple(ordered)
