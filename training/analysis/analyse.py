"""One analysis of one or several checkpoints: of several runs, or of one along its training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eeinfer.errors import CheckpointError, ConfigError, unknown
from eeinfer.training.analysis.features import features_of
from eeinfer.training.analysis.images import TEST, TRAINING, images_of
from eeinfer.training.analysis.information import LayerInformation, choose_sigmas, layer_information
from eeinfer.training.analysis.landscape import Landscape, LandscapeConfig, landscape
from eeinfer.training.analysis.overthinking import Overthinking, model_overthinking
from eeinfer.training.analysis.rank import LayerRank, layer_ranks
from eeinfer.training.runs.checkpoint import Checkpoint, load_checkpoint

RANK, INFORMATION, LANDSCAPE, OVERTHINKING = "rank", "information", "landscape", "overthinking"
# Kind -> how many images: the noise of an estimate, against time and memory.
IMAGES = {RANK: 2000, INFORMATION: 400, LANDSCAPE: 256, OVERTHINKING: 10_000}

Found = tuple[LayerRank, ...] | tuple[LayerInformation, ...] | Landscape | Overthinking
OnNetwork = Callable[[str], None]  # told the label of each network as its turn comes


@dataclass(frozen=True, kw_only=True)
class AnalysisConfig:
    """What is looked at, and on what."""

    images: int | None = None  # None: as IMAGES says
    columns: int = 1024  # of rank and information: numbers of a wide layer that are looked at
    sigmas: Mapping[str, float] | None = None  # of information, layer -> noise; None: as the first network asks for
    seed: int = 0  # of every draw
    plane: LandscapeConfig = field(default_factory=LandscapeConfig)
    root: Path | None = None  # folder of the data set's files


@dataclass(frozen=True, kw_only=True)
class Network:
    """What was found in one checkpoint."""

    label: str
    regime: str
    exits: tuple[str, ...]  # the modules at which the exits sit
    found: Found


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One kind of analysis of several networks on the same images."""

    kind: str
    data: str  # name of the data set
    part: str  # test or training images
    images: int
    seed: int
    networks: tuple[Network, ...]


def analyse(
    kind: str,
    checkpoints: Sequence[Path],
    config: AnalysisConfig | None = None,
    *,
    labels: Sequence[str] | None = None,
    on_network: OnNetwork = lambda label: None,
) -> Analysis:
    """Analyse checkpoints, all on the same images.

    Args:
        kind: "rank", "information", "landscape" or "overthinking".
        checkpoints: what training wrote. Sigmas of the information are chosen on the first one.
        config: None takes the defaults.
        labels: of the networks; None takes their folders' names.
        on_network: told whose turn it is.

    Raises:
        ConfigError: an unknown kind, no checkpoint, one twice, or data sets that differ.
        CheckpointError: one cannot be read, or its weights are not finite.
        DataError: the data set is not at hand.
    """
    config = config or AnalysisConfig()
    _check(kind, checkpoints, config)
    trained = [_loaded(path) for path in checkpoints]
    _same_data(trained, checkpoints)
    part = TRAINING if kind == LANDSCAPE else TEST
    count = IMAGES[kind] if config.images is None else config.images
    x, targets = images_of(trained[0], config.root, part=part, count=count, seed=config.seed)
    find = _finder(kind, trained[0], x, targets, config)
    networks = []
    for one, label in zip(trained, labels or labels_of(checkpoints), strict=True):
        on_network(label)
        networks.append(Network(label=label, regime=one.config.regime, exits=one.exit_modules, found=find(one)))
    return Analysis(
        kind=kind,
        data=trained[0].config.data.name,
        part=part,
        images=len(x),
        seed=config.seed,
        networks=tuple(networks),
    )


def labels_of(checkpoints: Sequence[Path]) -> tuple[str, ...]:
    """Return names that tell checkpoints apart: of their folders, or of the files where these are alike."""
    folders = [path.resolve().parent.name for path in checkpoints]
    if len(set(folders)) == len(folders):
        return tuple(folders)
    return tuple(f"{folder}/{path.stem}" for folder, path in zip(folders, checkpoints, strict=True))


def _finder(
    kind: str, first: Checkpoint, x: Tensor, labels: Tensor, config: AnalysisConfig
) -> Callable[[Checkpoint], Found]:
    columns, seed = config.columns, config.seed
    if kind == RANK:
        return lambda one: layer_ranks(one.model, x, columns=columns, seed=seed)
    if kind == INFORMATION:
        sigmas = config.sigmas
        if sigmas is None:
            sigmas = choose_sigmas(features_of(first.model, x, columns=columns, seed=seed), seed=seed)
        return lambda one: layer_information(one.model, x, sigmas, columns=columns, seed=seed)
    if kind == LANDSCAPE:
        return lambda one: landscape(one.model, x, labels, config.plane)
    return lambda one: model_overthinking(one.model, x, labels)


def _check(kind: str, checkpoints: Sequence[Path], config: AnalysisConfig) -> None:
    if kind not in IMAGES:
        raise ConfigError(unknown("analysis", kind, IMAGES))
    if config.columns < 1:
        raise ConfigError(f"columns is {config.columns}; give 1 or more")
    if not checkpoints:
        raise ConfigError(f"an analysis needs a checkpoint: eeinfer analyze {kind} runs/NAME/checkpoint.pt")
    seen: set[Path] = set()
    for path in checkpoints:
        if path.resolve() in seen:
            raise ConfigError(f"{path} is named twice; name each checkpoint once")
        seen.add(path.resolve())


def _loaded(path: Path) -> Checkpoint:
    trained = load_checkpoint(path)
    broken = [name for name, each in trained.model.named_parameters() if not bool(torch.isfinite(each).all())]
    if broken:
        raise CheckpointError(f"{path} has weights that are NaN or infinite, in {broken[0]}: its training went astray")
    return trained


def _same_data(trained: Sequence[Checkpoint], checkpoints: Sequence[Path]) -> None:
    first: Any = (trained[0].config.data.name, trained[0].input)
    for one, path in zip(trained, checkpoints, strict=True):
        if (one.config.data.name, one.input) != first:
            raise ConfigError(
                f"{path} was trained on {one.config.data.name!r} in another form than {checkpoints[0]} on "
                f"{first[0]!r}; compare networks that read the same images"
            )
