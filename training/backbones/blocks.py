"""Finding the repeated blocks of an unknown network, which are its numbered slots."""

import re
from collections import Counter
from collections.abc import Iterator

from torch import nn

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def candidate_blocks(network: nn.Module) -> list[str]:
    """Return module names that may be numbered slots: residual blocks and their like.

    A block is a module with layers of its own that stands in a Sequential or ModuleList, or beside another of its
    class; a stage comes after the blocks that it lists. Where a network has no blocks, the layers of its longest
    Sequential stand in. Whether a candidate gives something that a head can read shows only when it runs.
    """
    blocks = list(dict.fromkeys(_blocks(network, "")))
    return blocks if len(blocks) >= 2 else _layers(network)


def _blocks(module: nn.Module, name: str) -> Iterator[str]:
    children = list(module.named_children())
    listed = isinstance(module, _CONTAINERS)
    classes = Counter(type(child) for _, child in children)
    for child_name, child in children:
        path = f"{name}.{child_name}" if name else child_name
        if _is_block(child) and (listed or classes[type(child)] > 1):
            yield from _inside(child, path)
            yield path
        else:
            yield from _blocks(child, path)


def _inside(block: nn.Module, name: str) -> Iterator[str]:
    """Blocks that a stage lists: its own numbered children, or those of the one list that holds nothing else."""
    lists = [(name, block)] if _numbered(block) else []
    inner = [(f"{name}.{part}", child) for part, child in block.named_children() if _lists_blocks(child)]
    lists += inner if len(inner) == 1 else []  # several lists are the branches of one block
    for path, parts in lists:
        for part_name, part in parts.named_children():
            yield from _inside(part, f"{path}.{part_name}")
            yield f"{path}.{part_name}"


def _is_block(module: nn.Module) -> bool:
    has_layers = any(True for _ in module.children()) and next(module.parameters(), None) is not None
    return has_layers and not isinstance(module, _CONTAINERS)


def _lists_blocks(module: nn.Module) -> bool:
    return isinstance(module, _CONTAINERS) and len(module) > 0 and all(_is_block(part) for part in module)


def _numbered(module: nn.Module) -> bool:
    names = [re.fullmatch(r"(.*?)(\d+)", name) for name, _ in module.named_children()]
    blocks = all(_is_block(child) for child in module.children())
    return blocks and all(names) and len({match[1] for match in names if match}) == 1


def _layers(network: nn.Module) -> list[str]:
    lists = [(name, part) for name, part in network.named_modules() if isinstance(part, _CONTAINERS)]
    name, longest = max(lists, key=lambda item: len(item[1]), default=("", nn.Sequential()))
    return [f"{name}.{child}" if name else child for child, _ in longest.named_children()]
