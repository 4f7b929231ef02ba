"""A training run: its phases in order, resumable after every epoch."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning_fabric import Fabric

from eeinfer.errors import ConfigError
from eeinfer.files import check_folder
from eeinfer.progress import Progress, silent
from eeinfer.training.build import Built, build_model, check_names, model_input
from eeinfer.training.config import TrainConfig, config_to_dict
from eeinfer.training.data import Dataset, configured_dataset
from eeinfer.training.data.dataset import own_images
from eeinfer.training.exits.pruning import prune
from eeinfer.training.file_options import without_downloads
from eeinfer.training.parts.kept import copy_files, portable
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME, read_checkpoint, save_checkpoint, settings_of
from eeinfer.training.runs.feed import Feed
from eeinfer.training.runs.loop import accuracies
from eeinfer.training.runs.metrics import MetricsLog
from eeinfer.training.runs.phase import Keep, PhaseRun, schedule
from eeinfer.training.runs.sealed import writing
from eeinfer.training.runs.start_over import clear_events, refuse_foreign
from eeinfer.training.runs.state import STATE_NAME, Record, State, identity, load_state, refuse_other_config, save_state
from eeinfer.training.telling.described import describe


def train(config: TrainConfig, out_dir: str | Path, *, resume: bool = True, progress: Progress = silent) -> Path:
    """Train as `config` says and return the path of the checkpoint.

    Killed at any moment, the same call goes on from the last finished epoch and ends with the same weights as an
    uninterrupted run. A finished run is not repeated.

    Args:
        config: the run.
        out_dir: the folder for checkpoint.pt, metrics.jsonl and the state; created if absent.
        resume: go on with the run in `out_dir`; False starts over. The checkpoint of the run before stays until the
            new one replaces it, and what it left is touched only once the new settings hold.
        progress: told of every batch, and of every epoch when its state is on disk.

    Raises:
        ConfigError: a setting is unknown or does not fit the network.
        DataError: the data set is missing or damaged, or pretrained weights cannot be fetched.
        CheckpointError: `out_dir` holds a run with other settings, a damaged state, or files of these names that no
            run wrote.
        InputError: `out_dir` cannot be written, as where the disk is full; the same call goes on later.
    """
    check_names(config)
    out = Path(out_dir)
    if not resume:
        refuse_foreign(out)
    elif (finished := _finished(out, config)) is not None:
        return finished
    check_folder(out, "the run")
    dataset = configured_dataset(config.data)
    fabric = make_fabric(config)
    fabric.launch()
    gpus = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus), limited_threads(config.threads), writing(out):
        return _train(config, out, dataset, fabric, progress, resume)


def make_fabric(config: TrainConfig) -> Fabric:
    """Return lightning-fabric for the device, the precision and the number of processes of `config`.

    Raises:
        ConfigError: this machine does not have the device, or the device not the precision.
    """
    log = logging.getLogger("lightning_fabric.utilities.rank_zero")
    level = log.level
    try:
        log.setLevel(logging.WARNING)  # it announces the precision on the terminal
        strategy = "auto" if config.devices == 1 else "ddp"
        return Fabric(
            accelerator=config.device, devices=config.devices, precision=config.precision, strategy=strategy  # type: ignore[arg-type]
        )  # fmt: skip
    except (RuntimeError, ValueError, ImportError) as error:
        asked = f"{config.devices} x {config.device} with precision {config.precision}"
        raise ConfigError(f"this machine cannot train on {asked} ({error}); try device='auto'") from error
    finally:
        log.setLevel(level)


def _train(config: TrainConfig, out: Path, dataset: Dataset, fabric: Fabric, progress: Progress, resume: bool) -> Path:
    input = model_input(config, dataset)
    state = (load_state(out, config) if resume else None) or State(config=config_to_dict(portable(config)))
    # A state holds all weights: there is no need to fetch pretrained ones again.
    built = build_model(without_downloads(config) if state.model else config, input, len(dataset.classes))
    if state.model:
        built.model.load_state_dict(state.model)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    built.model.to(device=fabric.device, memory_format=layout)  # type: ignore[call-overload]  # this pair has no overload
    feed = Feed.of(config, dataset, input, fabric)
    if progress is not silent and fabric.is_global_zero:  # counting takes a while
        progress(describe(config, dataset, built, feed, fabric.device))
    if fabric.is_global_zero:  # only now: settings that do not fit the network leave all as it was
        _begin(out, state, resume)
        copy_files(config, out)
    fabric.barrier()
    settings = identity(config_to_dict(portable(config)))
    log = MetricsLog(out, state.history, settings) if fabric.is_global_zero else None
    try:
        for index, (number, stage) in enumerate(schedule(config, built.model.heads)):
            if index >= state.phase_index:
                keep = _keeper(state, out, log, fabric)
                PhaseRun(config, number, stage, built.model, feed, fabric, state, keep, progress).run()
        return _finish(config, out, dataset, built, feed, fabric, state, log)
    finally:
        if log is not None:
            log.close()


def _begin(out: Path, state: State, resume: bool) -> None:
    """Make the folder of the run; on starting over, its state takes the place of whatever an earlier run left."""
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        save_state(state, out)
        clear_events(out)


def _keeper(state: State, out: Path, log: MetricsLog | None, fabric: Fabric) -> Keep:
    """Return what puts the state on disk; the state comes first, because the metrics can be rewritten from it."""

    def keep(record: Record | None) -> None:
        if log is not None:
            save_state(state, out)
            if record is not None:
                log.add(record)
        fabric.barrier()

    return keep


def _finish(
    config: TrainConfig,
    out: Path,
    dataset: Dataset,
    built: Built,
    feed: Feed,
    fabric: Fabric,
    state: State,
    log: MetricsLog | None,
) -> Path:
    """Drop exits that do not pay, measure the test images once, write the checkpoint and drop the state behind it."""
    built, pruning = prune(config, built, feed, len(dataset.classes))
    measured = accuracies(fabric, built.model, feed.evaluation(feed.test))
    path = out / CHECKPOINT_NAME
    if log is not None:
        log.finish(measured)
        facts = {"phases": state.summaries, "epochs": state.history, "test_accuracy": list(measured), **pruning}
        facts |= own_images(dataset)
        save_checkpoint(path, built, config, dataset.classes, feed.input, facts)
        (out / STATE_NAME).unlink(missing_ok=True)
    fabric.barrier()
    return path


def _finished(out: Path, config: TrainConfig) -> Path | None:
    """Return the checkpoint of `out` if its run is that of `config` and has ended: a state is of a run under way."""
    path = out / CHECKPOINT_NAME
    if not path.exists() or (out / STATE_NAME).exists():
        return None
    refuse_other_config(settings_of(read_checkpoint(path)), config, path)
    return path


@contextlib.contextmanager
def limited_threads(number: int | None) -> Iterator[None]:
    """Let torch compute with so many threads during the block; None leaves it to torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
