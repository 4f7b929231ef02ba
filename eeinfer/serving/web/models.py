"""The models of a server: loaded, swapped without losing a request, unloaded."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.engine import Engine
from eeinfer.errors import EeinferError, did_you_mean
from eeinfer.serving.observer import Observer
from eeinfer.serving.opening import shared_engine
from eeinfer.serving.scheduler import Scheduler
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.settings import ServerSettings, model_name

READY, UNAVAILABLE = "READY", "UNAVAILABLE"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A bundle that is served."""

    name: str
    version: str
    scheduler: Scheduler
    stamp: tuple[int, int]  # of the manifest that was read: another one is another version

    @property
    def engine(self) -> Engine:
        """What it runs."""
        return self.scheduler.engine


class Models:
    """The models by name. Any thread may ask; loading happens one at a time, while the old version goes on."""

    def __init__(self, settings: ServerSettings, observe: Callable[[str, Engine], Observer]) -> None:
        """Begin without any; ``observe`` makes the observer of a model."""
        self._settings, self._observe, self._lock = settings, observe, Lock()
        self._paths = {model_name(path): path.absolute() for path in settings.bundles}
        self._models: dict[str, Model] = {}
        self._reasons: dict[str, str] = {}
        self._count = dict.fromkeys(self._paths, 0)

    def get(self, name: str, version: str = "") -> Model:
        """Return a model that is ready.

        Raises:
            RequestError: there is none of this name and version.
        """
        model = self._models.get(name)
        if model is None:
            known = ", ".join(self._models) or "none"
            raise RequestError(
                f"no model {name!r} is ready; {did_you_mean(name, self._models)}ready are: {known}", status=404
            )
        if version not in ("", model.version):
            raise RequestError(f"model {name!r} has version {model.version}, not {version!r}", status=404)
        return model

    def load(self, name: str) -> None:
        """Load a bundle, warm it up, and let it take over; a broken one changes nothing.

        Raises:
            RequestError: no such bundle was named when the server was started, or it does not load.
        """
        path = self._known(name)
        with self._lock:
            before = _stamp(path)
            try:
                scheduler = self._opened(name, path)
            except EeinferError as error:
                self._reasons[name] = str(error)
                raise RequestError(f"model {name!r} is not loaded: {error}") from error
            self._count[name] += 1
            self._reasons.pop(name, None)
            old = self._models.get(name)
            version = str(self._count[name])
            self._models[name] = Model(name=name, version=version, scheduler=scheduler, stamp=before)
            log.info("model %s version %s is ready: %s", name, version, path)
        if old is not None:
            old.scheduler.drain(self._settings.drain_s)

    def load_all(self) -> None:
        """Load every bundle.

        Raises:
            RequestError: one of them does not load.
        """
        for name in self._paths:
            self.load(name)

    def unload(self, name: str) -> None:
        """Take a model out, when it has answered what it had taken in.

        Raises:
            RequestError: it is not there.
        """
        with self._lock:
            model = self.get(name)
            del self._models[name]
            self._reasons[name] = "unloaded"
        model.scheduler.drain(self._settings.drain_s)

    def replaced(self) -> list[str]:
        """Return the names of models whose bundle is another one now than when it was last looked at."""
        found = []
        for name, model in list(self._models.items()):
            now = _stamp(self._paths[name])
            if now not in (model.stamp, (0, 0)):
                self._models[name] = Model(name=name, version=model.version, scheduler=model.scheduler, stamp=now)
                found.append(name)
        return found

    def index(self) -> list[dict[str, str]]:
        """Describe every bundle, served or not."""
        rows = []
        for name in self._paths:
            model = self._models.get(name)
            state, version = (UNAVAILABLE, "") if model is None else (READY, model.version)
            rows.append({"name": name, "version": version, "state": state, "reason": self._reasons.get(name, "")})
        return rows

    @property
    def ready(self) -> bool:
        """Whether at least one model is served."""
        return bool(self._models)

    def close(self) -> None:
        """Answer what was taken in, and take nothing further."""
        models, self._models = list(self._models.values()), {}
        for model in models:
            model.scheduler.drain(self._settings.drain_s)

    def _known(self, name: str) -> Path:
        if name not in self._paths:
            known = ", ".join(self._paths)
            raise RequestError(
                f"no bundle {name!r}; {did_you_mean(name, self._paths)}this server was started with: {known}",
                status=404,
            )
        return self._paths[name]

    def _opened(self, name: str, path: Path) -> Scheduler:
        settings = self._settings
        engine = shared_engine(
            path, device=settings.device, tau=settings.tau, threads=settings.threads, backend=settings.backend
        )
        return Scheduler(engine, settings.serving, observer=self._observe(name, engine))


def _stamp(path: Path) -> tuple[int, int]:
    """What tells one manifest from another without reading it; zeros where there is none."""
    try:
        facts = (path / MANIFEST_NAME).stat()
    except OSError:
        return 0, 0
    return facts.st_ino, facts.st_mtime_ns
