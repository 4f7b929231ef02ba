"""Exit placements by name: `every 2`, `first 4`, `last 4`, or the slots themselves.

The paper names placements such as "after every n layers" without saying where they begin, or whether the last block
counts (METHODS 4.5). Here every n begins with the first slot, because only then its tables' 25 % column can be reached
with few blocks; and the last block is left out, because its head would repeat the network's own classifier.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from eeinfer.bench.study.plans.grid import Change, Factor
from eeinfer.errors import ConfigError
from eeinfer.training.build import count_slots, model_input
from eeinfer.training.config import TrainConfig, config_from_dict, config_to_dict
from eeinfer.training.data import configured_dataset
from eeinfer.training.file_options import without_downloads

FORMS = "'every N', 'first N', 'last N' with N from 1, or a list of slot numbers, module names or FLOPs shares"
_NAMED = re.compile(r"(every|first|last) ([1-9][0-9]*)")


def placement(*names: str) -> Factor:
    """Return the factor of the placements `names`, in whatever network the configuration has when it is asked."""
    return Factor(name="placement", values=tuple((name, _placing(name)) for name in names))


def _placing(name: str) -> Change:
    return lambda config: replace(config, exits=placed(name, slot_count(config)))


def placed(name: str, slots: int) -> tuple[int, ...]:
    """Return the slot numbers that `name` means in a network of so many slots.

    Raises:
        ConfigError: no such form, or more slots wanted than there are before the last one.
    """
    found = _NAMED.fullmatch(name.strip())
    if found is None:
        raise ConfigError(f"placement is {name!r}; allowed are {FORMS}")
    kind, number = found[1], int(found[2])
    inner = range(slots - 1)
    chosen: Sequence[int] = {"every": inner[::number], "first": inner[:number], "last": inner[-number:]}[kind]
    if not chosen or (kind != "every" and number > len(inner)):
        raise ConfigError(f"placement is {name!r}; this backbone has {len(inner)} slots before its last block")
    return tuple(chosen)


def slot_count(config: TrainConfig) -> int:
    """Return how many places for exits the backbone of `config` has.

    Raises:
        ConfigError: the backbone is unknown or does not fit; DataError: the data set is missing.
    """
    known = config_to_dict(replace(TrainConfig(exits=config.exits), data=config.data, backbone=config.backbone))
    return _slot_count(msgspec.json.encode(known))


@functools.cache
def _slot_count(config_json: bytes) -> int:
    """Building a network takes a second, and a study asks for few."""
    config = config_from_dict(msgspec.json.decode(config_json))
    dataset = configured_dataset(config.data)
    return count_slots(without_downloads(config), model_input(config, dataset), len(dataset.classes))
