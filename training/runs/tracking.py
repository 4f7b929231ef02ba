"""A run in MLflow too, where its variable MLFLOW_TRACKING_URI names a server: settings, epochs, and the test images."""

import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eeinfer.errors import ConfigError, first_line
from eeinfer.files import write_atomically
from eeinfer.training.runs.state import Record

VARIABLE = "MLFLOW_TRACKING_URI"
TRACKED_NAME = "mlflow.run"  # in the folder of a run: its id there, so that a run that goes on is one run
_EXPERIMENT = "eeinfer"
_LONGEST = 500  # characters of a setting that MLflow takes

_log = logging.getLogger(__name__)


def tracked(folder: Path, settings: Mapping[str, Any], *, resumed: bool) -> "Tracked | None":
    """Begin or go on with the run of `folder`; None where the variable is not set, or, said aloud, no package is there.

    Raises:
        ConfigError: MLflow does not answer.
    """
    if not os.environ.get(VARIABLE):
        return None
    if importlib.util.find_spec("mlflow") is None:
        _log.warning("%s is set, but nothing goes there: pip install 'eeinfer[mlflow]'", VARIABLE)
        return None
    from mlflow import MlflowClient

    try:
        return Tracked(MlflowClient(), folder, settings, resumed=resumed)
    except Exception as error:  # a server, a net: anything may happen, and the address may hold a password
        raise ConfigError(
            f"MLflow does not answer as {VARIABLE} says ({type(error).__name__}: {first_line(error)}): "
            "start it, or train without it by unsetting that variable"
        ) from error


class Tracked:
    """One run of MLflow. What fails later is said once and ends the tracking, never the training."""

    def __init__(self, client: Any, folder: Path, settings: Mapping[str, Any], *, resumed: bool) -> None:
        self._client: Any | None = client
        kept = folder / TRACKED_NAME
        if resumed and kept.is_file():
            self._run = kept.read_text(encoding="utf-8").strip()
            client.update_run(self._run, status="RUNNING")
            return
        found = client.get_experiment_by_name(_EXPERIMENT)
        place = client.create_experiment(_EXPERIMENT) if found is None else found.experiment_id
        self._run = client.create_run(place, run_name=folder.resolve().name).info.run_id
        write_atomically(kept, lambda file: file.write(self._run.encode()))
        for name, value in settings.items():
            client.log_param(self._run, name, str(value)[:_LONGEST])

    def add(self, record: Record, step: int) -> None:
        """Log one epoch."""
        exits = {f"val_accuracy_{exit}": accuracy for exit, accuracy in enumerate(record["val_accuracy"])}
        numbers = {"loss": record["loss"], "lr": record["lr"], "phase": record["phase"], **exits}
        self._try(lambda client: [client.log_metric(self._run, *pair, step=step) for pair in numbers.items()])

    def finish(self, test_accuracy: Sequence[float]) -> None:
        """Log the accuracy of every exit on test images, and end the run."""
        pairs = [(f"test_accuracy_{exit}", accuracy) for exit, accuracy in enumerate(test_accuracy)]
        self._try(lambda client: [client.log_metric(self._run, *pair) for pair in pairs])
        self._try(lambda client: client.set_terminated(self._run))

    def _try(self, send: Callable[[Any], object]) -> None:
        if self._client is None:
            return
        try:
            send(self._client)
        except Exception as error:  # the training is worth more than what is told of it
            _log.warning("MLflow is told no more of this run: %s: %s", type(error).__name__, first_line(error))
            self._client = None
