"""Tuning: every setting of threads of every library in a process of its own, all taking turns, then the costs."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from eeinfer.arrays import count_rows, take
from eeinfer.backends.chosen import Candidate, Choice, library_version
from eeinfer.backends.native.library import obstacle as obstacle_of_library
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.openvino.library import LIBRARY as OPENVINO
from eeinfer.backends.openvino.library import obstacle
from eeinfer.backends.profile import Profile
from eeinfer.backends.threads import PARKED, SHARED
from eeinfer.bench.noise import noise
from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.timing.cascade import forced
from eeinfer.bench.tune.agreement import agreement
from eeinfer.bench.tune.candidates import candidates
from eeinfer.bench.tune.choosing import chosen
from eeinfer.bench.tune.config import TuneConfig
from eeinfer.bench.tune.trials import IMAGES, Setting, SetupFor, mixtures, opened, trials
from eeinfer.bench.workers.base import NotAnswered, Setup, Unavailable, Workload, check_one_input
from eeinfer.bench.workers.process import PeerFailed
from eeinfer.bench.workers.rounds import calls_per_turn, run_rounds
from eeinfer.bench.workers.workloads import leaving
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, EeinferError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress

Given = TypeVar("Given")
Found = TypeVar("Found")


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
    left_out: dict[str, str] = {}

    def measured(backend: str, settings: list[Setting]) -> Profile:
        progress("what rows cost", [*tried].index(backend), len(tried))
        return _profile(found.manifest.name, exits, settings, plans, config)

    with temporary_folder("eeinfer-tune") as folder, ExitStack() as stack:
        setup = _setup(found, folder, config, images)
        start = partial(opened, setup=setup, plans=plans, rounds=rounds, stack=stack, progress=progress)
        try:
            tried = _each(_wanted(flops, left_out), lambda name, wanted: [*start(name, wanted)], left_out)
            tried = _each(tried, lambda name, some: [*some, *start(name, mixtures(some, flops, config))], left_out)
            _take_turns([setting for settings in tried.values() for setting in settings], plans, rounds, progress)
            profiles = _each(tried, measured, left_out)
            compared = _each(profiles, lambda name, _: _candidate(found, name, images, config), left_out)
        except (PeerFailed, EeinferError) as error:
            raise EeinferError(_refusal(found, error, drawn=images is None)) from error
    profiles = {name: profiles[name] for name in compared}
    choice = chosen(found.manifest.name, profiles, tuple(compared.values()))
    return Tuned(choice=choice, profiles=profiles, left_out=left_out)


def _wanted(flops: Sequence[int], left_out: dict[str, str]) -> dict[str, list[str]]:
    """Return the settings to try of each library that runs here; tell why another does not."""
    reason = obstacle()
    if reason is not None:
        left_out[OPENVINO] = reason
    found = {ONNX_RUNTIME: candidates(physical_cores(), flops)}
    return found if reason is not None else found | {OPENVINO: candidates(physical_cores(), flops, (PARKED,))}


def _each(tried: Mapping[str, Given], do: Callable[[str, Given], Found], left_out: dict[str, str]) -> dict[str, Found]:
    """Do it for every backend; one that fails is turned away with its reason, except ONNX Runtime, which has to run."""
    found = {}
    for backend, given in tried.items():
        try:
            found[backend] = do(backend, given)
        except (PeerFailed, Unavailable) as error:  # noqa: PERF203 - each takes seconds
            if backend == ONNX_RUNTIME:
                raise
            left_out[backend] = str(error)
    return found


def _refusal(bundle: Bundle, error: Exception, *, drawn: bool) -> str:
    if drawn and isinstance(error, (BundleError, NotAnswered)):  # not every network answers what is no image of its own
        return (
            f"{bundle.path} cannot be tuned on noise ({error}); where it answers images of its own, tune it on those: "
            f"eeinfer tune {bundle.path} --data IMAGES"
        )
    return f"{bundle.path} cannot be tuned: {error}"


def _candidate(bundle: Bundle, backend: str, images: Any, config: TuneConfig) -> Candidate:
    """Return a backend with its version, and how its answers compare with ONNX Runtime's."""
    first = backend == ONNX_RUNTIME
    same = None if first else agreement(bundle, ONNX_RUNTIME, backend, images=images, seed=config.seed)
    return Candidate(backend=backend, version=library_version(backend), agreement=same)


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
