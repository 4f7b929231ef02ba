"""One phase of a regime: train, select by validation accuracy, restore the best."""

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric

from eeinfer.errors import ConfigError
from eeinfer.progress import Progress
from eeinfer.training.config import TrainConfig
from eeinfer.training.exits.rescaling import Shares, gradient_shares
from eeinfer.training.methods import Method, resolve_weights
from eeinfer.training.methods.stages import Stage
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.regimes import TRAINED
from eeinfer.training.runs.feed import Feed
from eeinfer.training.runs.loop import (
    accuracies,
    build_optimizer,
    learning_rate,
    mean_objective,
    phase_loss,
    train_epoch,
)
from eeinfer.training.runs.metrics import epoch_line
from eeinfer.training.runs.state import Record, State
from eeinfer.training.seeds import derived_seed
from eeinfer.training.telling.estimate import Estimate

Keep = Callable[[Record | None], None]  # put the state on disk, with the record of the epoch that led to it


def schedule(config: TrainConfig, method: Method) -> tuple[tuple[int, Stage], ...]:
    """Return the phases that run, each with the stages that the method divides it into, in order."""
    return tuple(
        (number, stage)
        for number in config.phases
        for stage in ((Stage(settings=config.phase1),) if number == 1 else method.stages(number, config.phase(number)))
    )


def enter_phase(model: EarlyExitModel, phase: int, resting: frozenset[str] = frozenset()) -> list[torch.nn.Parameter]:
    """Freeze what `phase` does not train, put the model in training mode and return the parameters that move.

    Frozen parts stay in eval mode whenever `train()` is called later, so BatchNorm statistics do not move either.
    `resting` names modules of the method that this part of the phase does not train.
    """
    model.freeze({"backbone", "heads"} - TRAINED[phase] | {f"heads.{name}" for name in resting})
    model.train()
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


class PhaseRun:
    """Runs a stage of phase `number` of `config` from wherever `state` says it stands.

    Selection is by the mean accuracy over the exits that the phase trains towards (in phase 1 the network's own
    classifier alone), or by the method's own objective where it has one, on validation images without augmentation.
    The first of equally good epochs is kept.
    """

    def __init__(
        self,
        config: TrainConfig,
        number: int,
        stage: Stage,
        model: EarlyExitModel,
        feed: Feed,
        fabric: Fabric,
        state: State,
        keep: Keep,
        progress: Progress,
    ) -> None:
        self.config, self.number, self.stage, self.settings = config, number, stage, stage.settings
        self.model, self.feed, self.fabric = model, feed, fabric
        self.state, self.keep, self.progress = state, keep, progress
        self.estimate = Estimate(progress, f"phase {number}", self.settings.epochs * feed.steps)
        self.loss = phase_loss(number, stage, model.heads, self._weights())
        optimizer = build_optimizer(self.settings, enter_phase(model, number, stage.frozen))
        self.shares = self._shares()
        # Phase 1 runs the bare network: heads that do not train would only cost time.
        self.module, self.optimizer = fabric.setup(model.backbone if number == 1 else model, optimizer)
        if state.optimizer is not None:
            self.optimizer.load_state_dict(state.optimizer)
            fabric.strategy.precision.load_state_dict(state.precision)

    def run(self) -> None:
        """Train until the epochs are used up or patience is, then restore the best weights."""
        while self.state.epoch < self.settings.epochs and not self._out_of_patience():
            self._epoch(self.state.epoch)
        self._finish()

    def _epoch(self, epoch: int) -> None:
        start, steps = time.perf_counter(), self.feed.steps
        begun, planned = epoch * steps, self.settings.epochs * steps
        torch.manual_seed(derived_seed(self.config.seed, "train", self.number, epoch, self.feed.share.rank))
        loss = train_epoch(
            self.fabric,
            self.module,
            self.optimizer,
            self.feed.training(self.number, epoch),
            self.loss,
            self.settings,
            rate=lambda batch: learning_rate(self.settings, begun + batch, planned),
            batch_done=lambda done: self.estimate(begun + done),
            shares=self.shares,
        )
        if not math.isfinite(loss):
            raise ConfigError(
                f"training diverged: the loss is {loss} in phase {self.number}, epoch {epoch + 1}; "
                f"lower lr ({self.settings.lr:g}) or set clip"
            )
        measured = accuracies(self.fabric, self.module, self.feed.evaluation(self.feed.validation))
        record = self._record(epoch, loss, measured, self._objective(), time.perf_counter() - start)
        self.keep(record)
        self.progress(epoch_line(record))

    def _record(
        self, epoch: int, loss: float, measured: tuple[float, ...], objective: float | None, seconds: float
    ) -> Record:
        """Move the state on by the epoch that has just ended and return its line for the metrics."""
        state = self.state
        mean = sum(measured) / len(measured) if measured else None
        score = mean if objective is None else -objective
        # Without validation images the last epoch counts.
        best = score is None or state.best_score is None or score > state.best_score
        state.epoch, state.stale = epoch + 1, 0 if best else state.stale + 1
        state.model = self.model.state_dict()
        state.optimizer = self.optimizer.state_dict()
        state.precision = self.fabric.strategy.precision.state_dict()
        if best:
            state.best_score, state.best_epoch = score, epoch + 1
            state.best_model = None if score is None else copy.deepcopy(state.model)
        record = {
            **self._name(),
            "epoch": epoch + 1,
            "loss": loss,
            "val_accuracy": list(measured),
            "val_mean": mean,
            **({} if objective is None else {"val_objective": objective}),
            "lr": self.optimizer.param_groups[0]["lr"],
            "best": best,
            "seconds": round(seconds, 3),
        }
        state.history.append(record)
        return record

    def _finish(self) -> None:
        state = self.state
        if state.best_model is not None:
            self.model.load_state_dict(state.best_model)
        summary = {
            **self._name(),
            "epochs": state.epoch,
            "best_epoch": state.best_epoch,
            **self._best(),
            "seconds": round(sum(r["seconds"] for r in state.history[len(state.history) - state.epoch :]), 3),
        }
        state.summaries.append(summary)
        state.phase_index += 1
        state.epoch = state.stale = state.best_epoch = 0
        state.best_score = state.best_model = state.optimizer = None
        state.precision = {}
        state.model = self.model.state_dict()
        self.keep(None)
        self.progress(f"phase {self.number} is over: epoch {summary['best_epoch']} of {summary['epochs']} is kept")

    def _best(self) -> Record:
        """Return what the best epoch was chosen by."""
        score = self.state.best_score
        if score is None or not self._by_objective():
            return {"val_mean": score}
        return {"val_objective": -score}

    def _by_objective(self) -> bool:
        return self.number != 1 and self.model.heads.selects_by_objective  # phase 1 knows no exits

    def _objective(self) -> float | None:
        if not self._by_objective():
            return None
        validation = self.feed.evaluation(self.feed.validation)
        return mean_objective(self.fabric, self.module, validation, self.model.heads)

    def _shares(self) -> Shares:
        if not self.config.gradient_rescaling or self.number != 2:  # only phase 2 trains the backbone towards exits
            return ()
        return gradient_shares(self.model, torch.zeros(2, *self.feed.input.tensor.sizes(), device=self.fabric.device))

    def _name(self) -> Record:
        return {"phase": self.number, **({"stage": self.stage.name} if self.stage.name else {})}

    def _out_of_patience(self) -> bool:
        return self.settings.patience is not None and self.state.stale >= self.settings.patience

    def _weights(self) -> tuple[float, ...]:
        chosen: Any = self.config.loss_weights
        return resolve_weights(
            self.model.heads.loss_weights if chosen == "method" else chosen, len(self.config.exits) + 1
        )
