"""Tuning: every setting of threads of every library in a process of its own, all taking turns, then the costs."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eeinfer.arrays import count_rows, take
from eeinfer.backends.chosen import Candidate, Choice, library_version
from eeinfer.backends.native.library import obstacle as obstacle_of_library
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.openvino.library import LIBRARY as OPENVINO
from eeinfer.backends.openvino.library import obstacle
from eeinfer.backends.profile import Profile
from eeinfer.backends.threads import PARKED, SHARED
from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.timing.cascade import forced
from eeinfer.bench.tune.agreement import agreement
from eeinfer.bench.tune.candidates import candidates
from eeinfer.bench.tune.choosing import chosen
from eeinfer.bench.tune.config import TuneConfig
from eeinfer.bench.tune.noise import noise
from eeinfer.bench.tune.trials import IMAGES, Setting, SetupFor, mixtures, opened, trials
from eeinfer.bench.workers.base import Setup, Unavailable, Workload, check_one_input
from eeinfer.bench.workers.process import PeerFailed
from eeinfer.bench.workers.rounds import calls_per_turn, run_rounds
from eeinfer.bench.workers.workloads import leaving
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What was found out about one bundle on this machine."""

    choice: Choice
    profiles: Mapping[str, Profile]  # by the backend, ONNX Runtime's first
    left_out: Mapping[str, str]  # backends that were not tried or failed, and why


def tune(bundle: str | os.PathLike[str], config: TuneConfig, progress: Progress, *, images: Any = None) -> Tuned:
    """Find out how to run a bundle on this machine: with which library, on how many threads, and what rows cost.

    Args:
        bundle: the .eeb folder.
        config: how thoroughly.
        progress: told what is measured.
        images: two or more to call it with, as an engine takes them; None draws noise.

    Raises:
        BundleError: the bundle is missing or damaged.
        InputError: it has several inputs.
        EeinferError: it runs under no setting.
    """
    found = Bundle.open(bundle)
    check_one_input(found.manifest)
    flops = [segment.flops for segment in found.manifest.segments]
    exits = _exits(len(flops), config)
    plans = [
        Workload(name=leaving(k, len(flops)), taus=tuple(forced(k, len(flops))), exits=(k,) * IMAGES) for k in exits
    ]
    rounds = PeersConfig(rounds=config.rounds, turn_seconds=config.turn_seconds, seed=config.seed)
    with temporary_folder("eeinfer-tune") as folder, ExitStack() as stack:
        setup = _setup(found, folder, config, images)
        start = partial(opened, setup=setup, plans=plans, rounds=rounds, stack=stack, progress=progress)
        try:
            tried = {ONNX_RUNTIME: [*start(ONNX_RUNTIME, candidates(physical_cores(), flops))]}
            left_out = _with_openvino(tried, partial(start, OPENVINO, candidates(physical_cores(), flops, (PARKED,))))
            for backend, settings in tried.items():
                settings += start(backend, mixtures(settings, flops, config))
            _take_turns([setting for settings in tried.values() for setting in settings], plans, rounds, progress)
            profiles = {}
            for position, (backend, settings) in enumerate(tried.items()):
                progress("what rows cost", position, len(tried))
                profiles[backend] = _profile(found.manifest.name, exits, settings, plans, config)
        except (PeerFailed, Unavailable) as error:
            raise EeinferError(f"{found.path} cannot be tuned: {error}") from error
    compared = _candidates(found, list(profiles), images, config)
    return Tuned(choice=chosen(found.manifest.name, profiles, compared), profiles=profiles, left_out=left_out)


def _with_openvino(tried: dict[str, list[Setting]], start: Callable[[], Iterator[Setting]]) -> dict[str, str]:
    """Add OpenVINO's settings where it is installed and runs the bundle; return why not otherwise."""
    reason = obstacle()
    if reason is None:
        try:
            tried[OPENVINO] = [*start()]
        except (PeerFailed, Unavailable) as error:  # it does not run this bundle: the others do
            reason = str(error)
    return {} if reason is None else {OPENVINO: reason}


def _candidates(bundle: Bundle, backends: Sequence[str], images: Any, config: TuneConfig) -> tuple[Candidate, ...]:
    """Return the backends with their versions, and how the answers of each compare with the first one's."""
    first, *others = backends
    same = {name: agreement(bundle, first, name, images=images, seed=config.seed) for name in others}
    return tuple(Candidate(backend=name, version=library_version(name), agreement=same.get(name)) for name in backends)


def _profile(
    bundle: str, exits: tuple[int, ...], settings: list[Setting], plans: Sequence[Workload], config: TuneConfig
) -> Profile:
    found = trials(settings, plans)
    best = next(setting for setting in settings if setting.threads == found[0].threads)
    costs = best.costs(config, config.sizes)
    return Profile(
        bundle=bundle,
        threads=next(trial.threads for trial in found if not trial.threads.startswith(SHARED)),
        process=found[0].threads,
        exits=exits,
        trials=tuple(found),
        sizes=costs.sizes,
        segment_ms=costs.segment_ms,
        move_ms=costs.move_ms,
        bytes_per_ms=costs.bytes_per_ms,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        cores=physical_cores(),
    )


def _exits(count: int, config: TuneConfig) -> tuple[int, ...]:
    places = np.linspace(0, count - 1, min(config.most_exits, count))
    return tuple(sorted({round(place) for place in places.tolist()} | {count - 1}))


def _setup(bundle: Bundle, folder: Path, config: TuneConfig, images: Any) -> SetupFor:
    spec, path = bundle.manifest.input.tensor, folder / "images.npy"
    if images is None:
        given = noise(spec, IMAGES, config.seed)
    else:
        given = prepare_inputs(take(images, np.arange(IMAGES) % count_rows(images)), bundle.manifest)[spec.name]
    np.save(path, given)
    loop = ONNX_RUNTIME if obstacle_of_library() else "native"  # over ONNX Runtime: what `eeinfer.load` takes
    return lambda backend, threads: Setup(
        bundle=str(bundle.path.resolve()),
        checkpoint=None,
        folder=str(folder),
        images=str(path),
        batch=1,
        threads=physical_cores(),
        threads_asked=threads,
        backend_asked=loop if backend == ONNX_RUNTIME else backend,
    )


def _take_turns(tried: Sequence[Setting], plans: Sequence[Workload], rounds: PeersConfig, progress: Progress) -> None:
    calls = calls_per_turn(tried[0].warm_ms, IMAGES, rounds)
    named = {f"{setting.backend} {setting.threads}": setting for setting in tried}
    processes = {name: setting.process for name, setting in named.items()}
    run_rounds(processes, {name: setting.turns for name, setting in named.items()}, plans, calls, rounds, progress)
