"""The comparison: the same images through every peer, each in a process of its own, taking turns."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from eeinfer.arrays import take
from eeinfer.bench.environment import Environment, environment, load_average
from eeinfer.bench.measure import bundle_facts
from eeinfer.bench.peers.checkpoints import find_checkpoint
from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.peers.registry import chosen, peer_class
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport, PeersSettings
from eeinfer.bench.peers.results import ideal, peer_result, workload_facts
from eeinfer.bench.peers.scout import Scouted, of_the_subject, planned, scout
from eeinfer.bench.timing.gpu import OneGpu
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Unavailable, Workload, check_one_input
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.bench.workers.rounds import Turns, calls_per_turn, run_rounds, warm_up
from eeinfer.bench.workers.settle import settle
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError, InputError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.preprocess import prepare
from eeinfer.progress import Progress, silent
from eeinfer.rule import as_taus

_FEWEST_BATCHES = 2


@dataclass
class _Standing:
    """A peer and what is known of it so far."""

    name: str
    turns: Turns
    process: PeerProcess | None = None
    opened: messages.Opened | None = None
    memory: messages.Memory | None = None
    skipped: str | None = None


def _standing(name: str, scouted: Scouted) -> _Standing:
    error = scouted.refused.get(name)
    skipped = str(error) if isinstance(error, Unavailable) else None
    failed = str(error) if isinstance(error, PeerFailed) else None
    return _Standing(name=name, turns=Turns(failed=failed), skipped=skipped)


def compare(
    bundle: str | os.PathLike[str],
    images: Any,
    config: PeersConfig | None = None,
    progress: Progress = silent,
    *,
    checkpoint: Path | None = None,
    data: str = "images",
) -> PeersReport:
    """Measure a bundle beside everything a user could run instead.

    Args:
        bundle: the .eeb folder.
        images: N images that the engine takes: an array with the images on axis 0, or a sequence of single ones.
        config: how; None takes the defaults.
        progress: told what is being done, how many steps of it are done and how many are planned.
        checkpoint: what the bundle was exported from; None looks beside the bundle.
        data: what the report calls the images.

    Raises:
        BundleError: the bundle is missing or damaged.
        CheckpointError: the named checkpoint is missing or another one.
        InputError: fewer images than two batches, or thresholds that do not fit.
        ConfigError: there is no such GPU.
        EeinferError: the engine itself fails; any other peer may, and the report says so.
    """
    config, began, load_before = config or PeersConfig(), perf_counter(), load_average()
    gpu = None if config.device == "cpu" else OneGpu(config.device)
    opened = Bundle.open(bundle)
    check_one_input(opened.manifest)
    taus = _given_taus(config, len(opened.manifest.segments))
    found = find_checkpoint(opened, checkpoint)
    rows = _rows(len(images), config)
    prepared = prepare(take(images, rows), opened.manifest.input)
    with temporary_folder("eeinfer-peers") as folder, ExitStack() as stack:
        setup = _setup(opened, found, str(folder), config)
        np.save(setup.images, prepared)
        scouted = scout(setup, config, progress)
        plans = planned(setup, prepared, scouted.answers, taus, config)
        peers = [_standing(name, scouted) for name in chosen(config.peers, config.device, scouted.subject)]
        calls = _ready(peers, setup, plans, len(rows) // config.batch, config, stack, progress)
        running = {peer.name: peer.process for peer in peers if peer.process is not None}
        with of_the_subject():
            run_rounds(running, {peer.name: peer.turns for peer in peers}, plans, calls, config, progress)
        for peer in peers:
            _measure_memory(peer, config)
    facts = None if gpu is None else gpu.facts()
    subject = peers[0].opened
    plain, how = (False, None) if subject is None else (subject.plain, subject.how)
    return _report(
        peers,
        plans,
        config,
        bundle=opened,
        data=data,
        environment=environment(config.device, setup.threads, load_before, facts, plain=plain, how=how),
        settings=_settings(config, setup, len(rows), calls, perf_counter() - began),
    )


def _settings(
    config: PeersConfig, setup: Setup, images: int, calls: dict[str, tuple[int, ...]], seconds: float
) -> PeersSettings:
    return PeersSettings(
        batch=config.batch,
        images=images,
        rounds=config.rounds,
        calls={name: len(batches) for name, batches in calls.items()},
        threads=setup.threads,
        seed=config.seed,
        seconds=seconds,
    )


def _setup(bundle: Bundle, checkpoint: Path | None, folder: str, config: PeersConfig) -> Setup:
    return Setup(
        bundle=str(bundle.path.resolve()),
        checkpoint=None if checkpoint is None else str(checkpoint.resolve()),
        folder=folder,
        images=str(Path(folder) / "images.npy"),
        batch=config.batch,
        threads=config.threads or physical_cores(),
        device=config.device,
        threads_asked=config.threads,
    )


def _report(
    peers: Sequence[_Standing],
    plans: Sequence[Workload],
    config: PeersConfig,
    *,
    bundle: Bundle,
    data: str,
    environment: Environment,
    settings: PeersSettings,
) -> PeersReport:
    first, costs = peers[0].turns, [segment.cumulative_flops for segment in bundle.manifest.segments]
    return PeersReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        bundle=bundle_facts(bundle),
        data=data,
        environment=environment,
        settings=settings,
        workloads=tuple(workload_facts(plan, costs) for plan in plans),
        peers=tuple(_result(peer, first, plans, config.device) for peer in peers),
        ideal=ideal(first.ms, plans) if config.batch > 1 else None,
    )


def _result(peer: _Standing, first: Turns, plans: Sequence[Workload], device: str) -> PeerResult:
    kind = peer_class(peer.name, device)
    return peer_result(peer.name, kind, peer.turns, first, plans, peer.opened, peer.memory, peer.skipped)


def _rows(count: int, config: PeersConfig) -> Any:
    """Draw the images that are timed, in whole batches."""
    batches = max(_FEWEST_BATCHES, config.images // config.batch)
    if count < _FEWEST_BATCHES * config.batch:
        raise InputError(
            f"there are {count} images; with batches of {config.batch} the comparison takes "
            f"{_FEWEST_BATCHES * config.batch} or more"
        )
    wanted = min(batches, count // config.batch) * config.batch
    return np.random.default_rng(config.seed).permutation(count)[:wanted]


def _given_taus(config: PeersConfig, exits: int) -> list[float] | None:
    if config.taus is None:
        return None
    given = config.taus[0] if len(config.taus) == 1 else config.taus
    return [float(tau) for tau in as_taus(given, exits)]


def _ready(
    peers: Sequence[_Standing],
    setup: Setup,
    plans: Sequence[Workload],
    batches: int,
    config: PeersConfig,
    stack: ExitStack,
    progress: Progress,
) -> dict[str, tuple[int, ...]]:
    """Open every peer and warm it up, one after another; return the batches of a turn, by workload."""
    calls: dict[str, tuple[int, ...]] = {}
    for position, peer in enumerate(peers):
        progress(f"opening {peer.name}", position, len(peers))
        try:
            if peer.skipped or peer.turns.failed:
                continue
            _prepare(peer.name, setup, config)
            process = stack.enter_context(PeerProcess(peer.name))
            request = messages.Open(peer=peer.name, setup=setup)
            peer.opened = process.ask(request, messages.Opened, seconds=config.open_seconds)
            settle(process.pid, config.pause_seconds)
            ms = warm_up(process, plans, batches, config, peer.turns)
            peer.process = process
        except Unavailable as error:
            peer.skipped = str(error)
        except PeerFailed as error:
            peer.turns.failed = str(error)
        if position == 0:
            if peer.process is None:
                raise EeinferError(f"the engine itself failed: {peer.skipped or peer.turns.failed}")
            calls = calls_per_turn(ms, batches, config)
        progress(f"opening {peer.name}", position + 1, len(peers))
    return calls


def _prepare(name: str, setup: Setup, config: PeersConfig) -> None:
    with PeerProcess(name) as process:
        process.ask(messages.Prepare(peer=name, setup=setup), messages.Done, seconds=config.open_seconds)


def _measure_memory(peer: _Standing, config: PeersConfig) -> None:
    if peer.process is None or peer.turns.failed is not None:
        return
    try:
        peer.memory = peer.process.ask(messages.Measure(), messages.Memory, seconds=config.call_seconds)
    except (PeerFailed, Unavailable) as error:
        peer.turns.failed = str(error)
