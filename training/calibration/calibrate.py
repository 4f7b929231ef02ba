"""Calibrating a checkpoint: fit on the images of its run, measure, write a new checkpoint."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eeinfer.errors import CheckpointError, ConfigError
from eeinfer.training.calibrated import LayerInputs, calibrated
from eeinfer.training.calibration.laplace import (
    TEMPERATURES,
    VARIANCES,
    Chosen,
    HessianMeans,
    choose,
    cost_shares,
    noise,
    running_sums,
)
from eeinfer.training.calibration.observe import Images, all_logits, last_layers
from eeinfer.training.calibration.report import Calibration, ExitQuality, quality
from eeinfer.training.calibration.temperature import fit_temperature
from eeinfer.training.checkpoint import Checkpoint, load_checkpoint, read_checkpoint
from eeinfer.training.files import write_atomically
from eeinfer.training.flops import cumulative_flops
from eeinfer.training.methods import exit_logits
from eeinfer.training.names import unknown

KINDS = ("temperature", "laplace")
WIDEST = 4096  # numbers that a last layer may read: its covariance is a square matrix of them
Say = Callable[[str], None]


def calibrate(
    checkpoint: str | Path,
    out: str | Path | None = None,
    *,
    kind: str = "temperature",
    draws: int = 50,
    seed: int = 0,
    ensembling: bool = True,
    variances: Sequence[float] = VARIANCES,
    temperatures: Sequence[float] = TEMPERATURES,
    force: bool = False,
    progress: Say = lambda _: None,
) -> Calibration:
    """Write a checkpoint whose exits say how sure they can be; it loads and exports like any other.

    Args:
        checkpoint: a file that `eeinfer train` wrote.
        out: the checkpoint to write; beside the first by default, its name with the kind added.
        kind: "temperature": one number per exit divides its logits (Guo et al., ICML 2017). "laplace": a Gaussian over
            each exit's last layer and the mean over the exits so far (Meronen et al., WACV 2024).
        draws: of "laplace", M samples from each Gaussian; their noise is kept, so answers repeat.
        seed: of that noise.
        ensembling: of "laplace", average each exit with those before it, weighted by their cost.
        variances: of "laplace", the prior variances to choose from, per exit and by validation NLL.
        temperatures: of "laplace", the temperatures to choose from.
        force: replace `out` if it exists.
        progress: told the name of each step.

    Returns:
        Where the checkpoint is, and every exit's accuracy, NLL and calibration error before and after.

    Raises:
        ConfigError: the kind is unknown or does not fit the method, or the run kept no validation images.
        CheckpointError: no readable checkpoint, one that is calibrated already, or `out` exists.
        DataError: the images of the run are not at hand.
    """
    source = Path(checkpoint)
    _check(kind, draws, (*variances, *temperatures))
    target = source.with_name(f"{source.stem}_{kind}{source.suffix}") if out is None else Path(out)
    trained = load_checkpoint(source)
    if "calibration" in trained.provenance:
        raise CheckpointError(f"{source} is calibrated already; name the checkpoint that it was made from")
    if target.exists() and not force:
        raise CheckpointError(f"{target} exists; replace it with force (--force) or choose another name")
    images = Images.of(trained)
    with torch.random.fork_rng(devices=[]):
        if kind == "temperature":
            how = _temperature(trained.model, images, progress)
        else:
            pick = functools.partial(choose, variances=variances, temperatures=temperatures)
            how = _laplace(trained, images, noise(draws, len(trained.classes), seed), ensembling, pick, progress)
            how["seed"] = seed
    found = _measured(target, kind, trained.model, calibrated(trained.model, how).eval(), images, progress)
    _write(source, target, how, found)
    return found


def _check(kind: str, draws: int, grid: Sequence[float]) -> None:
    if kind not in KINDS:
        raise ConfigError(unknown("kind of calibration", kind, KINDS))
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ConfigError(f"draws is {draws!r}; give a whole number from 1")
    if not all(value > 0 for value in grid):
        raise ConfigError(f"variances and temperatures to choose from are {list(grid)}; give numbers above 0")


def _temperature(model: nn.Module, images: Images, progress: Say) -> dict[str, Any]:
    progress("fitting temperatures")
    logits, labels = all_logits(model, images.validation())
    return {"kind": "temperature", "temperatures": [fit_temperature(exit, labels) for exit in logits]}


def _laplace(
    trained: Checkpoint,
    images: Images,
    epsilon: Tensor,
    ensembling: bool,
    pick: Callable[..., Chosen],
    progress: Say,
) -> dict[str, Any]:
    model, example = trained.model, torch.zeros(2, *trained.input.tensor.shape)
    if trained.score == "own":
        raise ConfigError("this method judges its exits by scores of its own, which kind='laplace' cannot keep")
    layers = last_layers(model, example)
    _check_widths(model, layers)
    inputs = LayerInputs(model, layers)
    progress("measuring features of the training images")
    means = [HessianMeans() for _ in layers]
    for x, _ in images.training():
        for mean, rows in zip(means, _rows(inputs, model, x), strict=True):
            mean.add(*rows)
    shares = cost_shares(cumulative_flops(_Logits(model), example).cumulative)
    sums = running_sums(shares) if ensembling else shares
    seen = [(_rows(inputs, model, x), labels) for x, labels in images.validation()]
    labels = torch.cat([part for _, part in seen])
    chosen: list[Chosen] = []
    before = torch.zeros(len(labels), len(trained.classes))
    for k, mean in enumerate(means):
        progress(f"choosing prior and temperature of exit {k}")
        phi, logits = (torch.cat([batch[k][part] for batch, _ in seen]) for part in (0, 1))
        chosen.append(pick(mean.factors(), epsilon, (phi, logits, labels), before, (shares[k], sums[k])))
        if ensembling:
            before = before + shares[k] * chosen[-1].probabilities
    return {
        "kind": "laplace",
        "layers": list(layers),
        "shares": list(shares) if ensembling else [],
        "exits": [_constants(pick) for pick in chosen],
    }


class _Logits(nn.Module):
    """The exits' logits alone, which is what counting needs to see."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return exit_logits(self.model(x))


@torch.no_grad()
def _rows(inputs: LayerInputs, model: nn.Module, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    features, outputs = inputs.run(model, x)
    return list(zip(features, exit_logits(outputs), strict=True))


def _check_widths(model: nn.Module, layers: tuple[str, ...]) -> None:
    for name in layers:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        if layer.in_features > WIDEST:
            raise ConfigError(
                f"layer {name!r} reads {layer.in_features} numbers, and kind='laplace' would keep a square matrix of "
                f"them; up to {WIDEST} are allowed: use heads with a smaller pool, or kind='temperature'"
            )


def _constants(pick: Chosen) -> dict[str, Any]:
    exit = pick.exit
    covariance = torch.cat(
        [
            torch.cat([exit.quadratic, exit.linear[:, None] / 2], 1),
            torch.cat([exit.linear / 2, exit.constant[None]])[None],
        ]
    )
    return {
        "covariance": covariance,
        "draws": exit.draws,
        "variance": pick.variance,
        "temperature": pick.temperature,
    }


def _measured(path: Path, kind: str, before: nn.Module, after: nn.Module, images: Images, progress: Say) -> Calibration:
    progress("measuring before and after")
    found: dict[str, tuple[ExitQuality, ...]] = {}
    for name, batches in (("validation", images.validation), ("test", images.test)):
        for moment, model in (("before", before), ("after", after)):
            logits, labels = all_logits(model, batches())
            found[f"{name}_{moment}"] = tuple(quality(exit, labels) for exit in logits)
    for k, (old, new) in enumerate(zip(found["validation_before"], found["validation_after"], strict=True)):
        if new.nll > old.nll:
            progress(
                f"exit {k} was not overconfident: its NLL on validation images rises from {old.nll:.3f} to "
                f"{new.nll:.3f}; kind='temperature' may suit this network better"
            )
    return Calibration(path=path, kind=kind, **found)


def _write(source: Path, target: Path, how: dict[str, Any], found: Calibration) -> None:
    content = read_checkpoint(source)
    record = {name: value for name, value in how.items() if name != "exits"}
    if "exits" in how:
        record |= {key: [exit[key] for exit in how["exits"]] for key in ("variance", "temperature")}
        record["draws"] = len(how["exits"][0]["draws"])
    record |= {name: value for name, value in asdict(found).items() if name not in ("path", "kind")}
    content["calibration"] = how
    content["provenance"] = {**content["provenance"], "calibration": _plain(record)}
    write_atomically(target, lambda file: torch.save(content, file))


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON and a checkpoint have them."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
