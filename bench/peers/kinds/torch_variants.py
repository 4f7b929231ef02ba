"""Ways to run segments in PyTorch; which is fastest depends on the network, so it is tried beforehand."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from eeinfer.bench.peers.kinds.torch_segments import device, load_segments
from eeinfer.bench.workers.base import Setup

if TYPE_CHECKING:
    from torch import nn

Parts = list[Any]
Variant = Callable[["list[nn.Module]", bool], Parts]  # segments, whether batches vary -> what is called

CONTIGUOUS, CHANNELS_LAST = "contiguous", "channels_last"
_FILE = "variant.txt"
_SECONDS, _LEAST = 1.0, 3


def contiguous(parts: "list[nn.Module]", _vary: bool) -> Parts:
    """Put each module's tensors where Python finds them at once."""
    for part in parts:
        part.__dict__.update(part._parameters | part._buffers)
    return parts


def channels_last(parts: "list[nn.Module]", vary: bool) -> Parts:
    """Lay out the weights of convolutions as oneDNN likes them; the first one passes the layout on."""
    import torch

    for part in contiguous(parts, vary):
        for name, value in part.__dict__.items():
            if isinstance(value, torch.Tensor) and value.ndim == 4:
                part.__dict__[name] = value.contiguous(memory_format=torch.channels_last)
    return parts


EAGER: dict[str, Variant] = {CONTIGUOUS: contiguous, CHANNELS_LAST: channels_last}


def choose(setup: Setup, folder: Path, variants: dict[str, Variant], *, answers: int) -> None:
    """Run the whole network in every way, and write down the fastest; one that raises is out of the question.

    ``answers`` is how many tensors a segment returns before its state.
    """
    times = {name: _milliseconds(setup, folder, variant, answers) for name, variant in variants.items()}
    (folder / _FILE).write_text(min(times, key=times.__getitem__))


def chosen(setup: Setup, folder: Path, variants: dict[str, Variant]) -> tuple[str, Parts]:
    """Return the name of the fastest way and the segments run that way."""
    name = (folder / _FILE).read_text()
    return name, variants[name](load_segments(folder), setup.batch > 1)


def _milliseconds(setup: Setup, folder: Path, variant: Variant, answers: int) -> float:
    import torch

    torch.set_num_threads(setup.threads)
    image = torch.from_numpy(np.load(setup.images)[: setup.batch]).to(device(setup))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compilers warn of their own internals
        try:
            parts = variant(load_segments(folder), setup.batch > 1)
            _through(parts, image, answers)
        except Exception:  # a layout that some operator refuses
            return float("inf")
        times: list[float] = []
        while len(times) < _LEAST or sum(times) < _SECONDS:
            begin = perf_counter()
            _through(parts, image, answers)
            times.append(perf_counter() - begin)
    return 1e3 * float(np.median(times))


def _through(parts: Sequence[Any], image: Any, answers: int) -> None:
    """Run all segments, each of which returns its answers and then the state for the next; wait for the end."""
    state = (image,)
    for part in parts:
        made = part(*state)
        state = made[answers:]
    made[0].cpu()
