"""Calibrating a checkpoint: fit on the images of its run, measure, write a new checkpoint."""

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from eeinfer.errors import CheckpointError, ConfigError, unknown
from eeinfer.files import check_folder
from eeinfer.numbers import is_whole
from eeinfer.progress import Progress, silent
from eeinfer.training.calibrated import calibrated
from eeinfer.training.calibration.fit import fit_laplace, fit_temperatures
from eeinfer.training.calibration.laplace import TEMPERATURES, VARIANCES, choose, noise
from eeinfer.training.calibration.observe import Images, all_logits
from eeinfer.training.calibration.report import Calibration, ExitQuality, qualities
from eeinfer.training.runs.checkpoint import CHECKPOINT_VERSION, load_checkpoint, read_checkpoint
from eeinfer.training.runs.sealed import save_sealed

MEASURED = ("validation_before", "validation_after", "test_before", "test_after")
KINDS = ("temperature", "laplace")


def calibrate(
    checkpoint: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    root: str | Path | None = None,
    kind: str = "temperature",
    draws: int = 50,
    seed: int = 0,
    ensembling: bool = True,
    variances: Sequence[float] = VARIANCES,
    temperatures: Sequence[float] = TEMPERATURES,
    parts: Sequence[str | Path] = (),
    force: bool = False,
    progress: Progress = silent,
) -> Calibration:
    """Write a checkpoint whose exits say how sure they can be; it loads and exports like any other.

    Args:
        checkpoint: a file that `eeinfer train` wrote.
        out: the checkpoint to write; beside the first by default, its name with the kind added.
        data: other images than those of the run: a folder of class folders, a .csv file with the columns path,label,
            or an .npz file with images and labels. A random half of them fits, the other half takes the place of the
            test images. Of "temperature" alone: "laplace" needs the images that trained the weights.
        root: the folder that holds the images of the run; None looks where the data set of that name usually lies. A
            checkpoint does not say where its images were.
        kind: "temperature": one number per exit divides its logits (Guo et al., ICML 2017). "laplace": a Gaussian over
            each exit's last layer and the mean over the exits so far (Meronen et al., WACV 2024).
        draws: of "laplace", M samples from each Gaussian; their noise is kept, so answers repeat.
        seed: of that noise, and of the halves of `data`.
        ensembling: of "laplace", average each exit with those before it, weighted by their cost.
        variances: of "laplace", the prior variances to choose from, per exit and by validation NLL.
        temperatures: of "laplace", the temperatures to choose from.
        parts: files of Python that the run's own parts come from.
        force: replace `out` if it exists.
        progress: told the name of each step.

    Returns:
        Where the checkpoint is, and every exit before and after: accuracy, NLL, calibration error, Brier score, and
        how well its confidence ranks.

    Raises:
        ConfigError: the kind is unknown or does not fit the method, or the run kept no validation images.
        CheckpointError: no readable checkpoint, one that is calibrated already, or `out` exists.
        InputError: `out` cannot be written, as where the disk is full.
        DataError: the images of the run are not at hand, or `data` holds none that can be halved.
    """
    source = Path(checkpoint)
    _check(kind, draws, (*variances, *temperatures))
    _check_data(kind, data, root)
    trained = load_checkpoint(source, parts=parts)
    if "calibration" in trained.provenance:
        raise CheckpointError(f"{source} is calibrated already; name the checkpoint that it was made from")
    target = _target(source, out, kind, force)
    images = Images.of(trained, root) if data is None else Images.given(trained, data, seed)
    if kind == "temperature":
        how = fit_temperatures(trained.model, images, progress)
    else:
        pick = functools.partial(choose, variances=variances, temperatures=temperatures)
        epsilon = noise(draws, len(trained.classes), seed)
        how = {**fit_laplace(trained, images, epsilon, ensembling, pick, progress), "seed": seed}
    found = _measured(target, kind, trained.model, calibrated(trained.model, how).eval(), images, progress)
    _write(source, target, how, found)
    return found


def _check(kind: str, draws: int, grid: Sequence[float]) -> None:
    if kind not in KINDS:
        raise ConfigError(unknown("kind of calibration", kind, KINDS))
    if not is_whole(draws, 1):
        raise ConfigError(f"draws is {draws!r}; give a whole number from 1")
    if not all(value > 0 for value in grid):
        raise ConfigError(f"variances and temperatures to choose from are {list(grid)}; give numbers above 0")


def _check_data(kind: str, data: str | Path | None, root: str | Path | None) -> None:
    if data is not None and kind != "temperature":
        raise ConfigError(
            f"kind {kind!r} needs the images that trained the weights, so other images ({data}) cannot take their "
            "place; leave data (--data) out, or use kind='temperature'"
        )
    if data is not None and root is not None:
        raise ConfigError(f"root {root} has no effect, data {data} says where the images are; leave root (--root) out")


def _target(source: Path, out: str | Path | None, kind: str, force: bool) -> Path:
    """Return where the new checkpoint goes, after a look whether it can be written there."""
    target = source.with_name(f"{source.stem}_{kind}{source.suffix}") if out is None else Path(out)
    if target.exists() and not force:
        raise CheckpointError(f"{target} exists; replace it with force (--force) or choose another name")
    check_folder(target.parent, "the calibrated checkpoint")
    return target


def _measured(
    path: Path, kind: str, before: nn.Module, after: nn.Module, images: Images, progress: Progress
) -> Calibration:
    progress("measuring before and after")
    found: dict[str, tuple[ExitQuality, ...]] = {}
    for name, batches in (("validation", images.validation), ("test", images.test)):
        for moment, model in (("before", before), ("after", after)):
            logits, labels = all_logits(model, batches())
            found[f"{name}_{moment}"] = qualities(logits, labels)
    for k, (old, new) in enumerate(zip(found["validation_before"], found["validation_after"], strict=True)):
        if new.nll > old.nll:
            progress(
                f"exit {k} was not overconfident: its NLL on validation images rises from {old.nll:.3f} to "
                f"{new.nll:.3f}; kind='temperature' may suit this network better"
            )
    return Calibration(path=path, kind=kind, given=images.given_by_user, **found)


def _write(source: Path, target: Path, how: dict[str, Any], found: Calibration) -> None:
    content = read_checkpoint(source)
    record = {name: value for name, value in how.items() if name != "exits"}
    if "exits" in how:
        record |= {key: [exit[key] for exit in how["exits"]] for key in ("variance", "temperature")}
        record["draws"] = len(how["exits"][0]["draws"])
    record |= {name: [_numbers(exit) for exit in getattr(found, name)] for name in MEASURED}
    record["given"] = found.given
    content["calibration"] = how
    content["provenance"] = {**content["provenance"], "calibration": _plain(record)}
    target.parent.mkdir(parents=True, exist_ok=True)
    save_sealed(target, {**content, "version": CHECKPOINT_VERSION})


def _numbers(exit: ExitQuality) -> dict[str, Any]:
    """What a checkpoint keeps: the diagrams are for the report."""
    return {name: value for name, value in asdict(exit).items() if name != "reliability"}


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON and a checkpoint have them."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
