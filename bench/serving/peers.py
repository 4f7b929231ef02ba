"""The same server in other ways: without merging, one request at a time, and the static network in batches."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

import eeinfer
from eeinfer.bench.serving.in_process import InProcess, Seen, equal_shares
from eeinfer.bundle.folder import Bundle
from eeinfer.serving import Scheduler, ServingConfig

OURS, WHOLE, SINGLE, STATIC, TABLE = PEERS = (
    "re-batching",
    "whole batches",  # the same server: batches of what waits run to their last row, and who has left rides along
    "one at a time",
    "static",  # the network without exits, in batches of what waits
    "static by cost",  # the same in batches as large as the cost table says that it pays, as ours are
)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A scheduler to load, and what it did."""

    target: InProcess
    seen: Seen
    scheduler: Scheduler


@contextmanager
def opened(
    bundle: Path, images: NDArray[Any], config: ServingConfig, names: Sequence[str], *, seed: int
) -> Iterator[dict[str, Peer]]:
    """Open all peers over one bundle; requests of the cascades leave at its exits in equal shares.

    Args:
        bundle: the cascade; the static network is cut from its graph, without heads.
        images: prepared rows.
        config: of the scheduler; the peers differ in what their names say.
        names: which of PEERS.
        seed: of the order of the exits.
    """
    from eeinfer.export.pruning.api import prune

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        exits = len(Bundle.open(bundle, verify=False).manifest.segments)
        static = prune(bundle, [exits - 1], folder / "static.eeb")
        shares = equal_shares(exits, seed)
        found = {}
        for name, path, settings, leave in (
            (OURS, bundle, config, shares),
            (WHOLE, bundle, replace(config, rebatching=False, by_cost=False), shares),
            (SINGLE, bundle, replace(config, max_batch=1), shares),
            (STATIC, static, replace(config, by_cost=False), [0]),
            (TABLE, static, config, [0]),
        ):
            if name not in names:
                continue
            engine, seen = eeinfer.load(path, backend="onnxruntime"), Seen()
            scheduler = stack.enter_context(Scheduler(engine, settings, observer=seen))
            found[name] = Peer(target=InProcess(scheduler, images, leave), seen=seen, scheduler=scheduler)
        yield found
