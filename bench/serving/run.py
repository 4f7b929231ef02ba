"""A load test of a bundle, beside its peers, or of a server that runs already."""

from dataclasses import dataclass
from pathlib import Path

from eeinfer.bench.environment import environment, load_average, of_engine
from eeinfer.bench.serving.http_target import HttpTarget
from eeinfer.bench.serving.in_process import drawn_images, equal_shares
from eeinfer.bench.serving.measure import LoadConfig, LoadReport, measure_load, now, peaks
from eeinfer.bench.serving.peers import PEERS, Peer, opened
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError, unknown
from eeinfer.progress import Progress
from eeinfer.serving import ServingConfig

_FACTORS = (0.6, 0.8, 1.0, 1.2, 1.4)  # of what the whole network alone could answer, row by row
_DEADLINE = 5.0  # times what one row takes through the whole network


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What is asked of a load test; None is found out."""

    rates: tuple[float, ...] | None = None
    deadline_ms: float | None = None
    arrivals: str = "poisson"
    seconds: float = 5.0
    rounds: int = 3
    names: tuple[str, ...] = PEERS
    seed: int = 0


def load_bundle(bundle: Path, config: ServingConfig, plan: LoadPlan, progress: Progress) -> LoadReport:
    """Load the scheduler over a bundle and its peers, in this process.

    Raises:
        ConfigError: a peer or the plan is not what is known.
    """
    for name in plan.names:
        if name not in PEERS:
            raise ConfigError(unknown("peer", name, PEERS))
    before = load_average()
    with opened(bundle, drawn_images(bundle, plan.seed), config, plan.names, seed=plan.seed) as peers:
        first = peers[plan.names[0]].scheduler
        whole_ms = sum(first.costs.ms(k, 1) for k in range(len(first.full)))
        made = LoadConfig(
            rates=plan.rates or tuple(round(1e3 / whole_ms * factor, 3) for factor in _FACTORS),
            deadline_ms=plan.deadline_ms or _DEADLINE * whole_ms,
            arrivals=plan.arrivals,
            seconds=plan.seconds,
            rounds=plan.rounds,
            seed=plan.seed,
        )
        engine = first.engine
        targets = {name: peer.target for name, peer in peers.items()}
        rows = measure_load(
            targets,
            made,
            len(Bundle.open(bundle, verify=False).manifest.segments),
            lambda name: _batches(peers[name]),
            progress,
        )
        where = of_engine(engine, before, named=True)
        name = engine.manifest.name
    return LoadReport(
        created=now(),
        bundle=name,
        deadline_ms=made.deadline_ms,
        arrivals=made.arrivals,
        environment=where,
        peaks=peaks(rows),
        rows=rows,
    )


def load_server(url: str, bundle: Path, model: str, plan: LoadPlan, progress: Progress) -> LoadReport:
    """Load a server that runs already; its answers come from the exits of ``bundle`` in equal shares.

    Raises:
        ConfigError: the plan names no rates or no deadline, or this is no address.
    """
    if plan.rates is None or plan.deadline_ms is None:
        raise ConfigError("a running server is loaded at rates that you name, such as --rates 50,100 --deadline-ms 50")
    manifest, before = Bundle.open(bundle, verify=False).manifest, load_average()
    exits = len(manifest.segments)
    shares = equal_shares(exits, plan.seed)
    target = HttpTarget(url, model, manifest.input.tensor.name, drawn_images(bundle, plan.seed), shares, exits)
    made = LoadConfig(
        rates=plan.rates,
        deadline_ms=plan.deadline_ms,
        arrivals=plan.arrivals,
        seconds=plan.seconds,
        rounds=plan.rounds,
        seed=plan.seed,
    )
    try:
        rows = measure_load({"server": target}, made, exits, lambda _: None, progress)
    finally:
        target.close()
    return LoadReport(
        created=now(),
        bundle=manifest.name,
        deadline_ms=made.deadline_ms,
        arrivals=made.arrivals,
        environment=environment("cpu", None, before),
        peaks=peaks(rows),
        rows=rows,
    )


def _batches(peer: Peer) -> list[float]:
    sizes = [peer.seen.mean_rows(k) for k in range(len(peer.scheduler.full))]
    peer.seen.steps.clear()
    return sizes
