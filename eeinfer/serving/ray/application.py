"""A bundle as an application of Ray Serve."""

import inspect
import os
from pathlib import Path
from typing import Any

from eeinfer.errors import ConfigError, DependencyError, unknown
from eeinfer.rule import Taus
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.web.settings import ServerSettings, model_name


def app(
    bundle: str | os.PathLike[str],
    *,
    tau: Taus | None = None,
    device: str = "cpu",
    backend: str | None = None,
    threads: int | None = None,
    serving: ServingConfig | None = None,
    **options: Any,
) -> Any:
    """Return the application that answers for a bundle; ``ray.serve.run`` deploys it.

    Args:
        bundle: the folder, under the same path on every machine that may get a replica.
        tau: thresholds of requests that name none; None takes the bundle's.
        device: ``cpu`` or ``cuda``.
        backend: as in ``eeinfer.load``; one whose loop requests can share.
        threads: of a replica; None takes one for every processor that ``ray_actor_options`` reserve.
        serving: how a replica merges and refuses.
        options: of ``ray.serve.deployment``, under its names: ``num_replicas``, ``autoscaling_config``,
            ``ray_actor_options`` and so on. ``max_ongoing_requests`` is what our own server takes at once, not Ray's
            few, of which no batch would be made.

    Example:
        >>> from ray import serve
        >>> handle = serve.run(app("digits.eeb", num_replicas=2, ray_actor_options={"num_cpus": 2}))
        >>> served = handle.infer.remote(images, tau=0.8, deadline_ms=20).result()

    Raises:
        DependencyError: Ray Serve is not installed.
        ConfigError: Ray knows no such option, or a setting is out of range.
    """
    serve = _ray_serve()
    settings = ServerSettings(
        bundles=(Path(bundle).absolute(),),
        tau=tau,
        device=device,
        backend=backend,
        threads=threads or _reserved(options),
        serving=serving or ServingConfig(),
    )
    known = [name for name in inspect.signature(serve.deployment).parameters if not name.startswith("_")]
    for name in options:
        if name not in known:
            raise ConfigError(unknown("option of a Ray Serve deployment", name, known))
    usual = {"name": model_name(settings.bundles[0]), "max_ongoing_requests": settings.concurrency}
    from eeinfer.serving.ray.replica import Replica  # it needs what Ray Serve brings

    return serve.deployment(**(usual | options))(Replica).bind(settings)


def _ray_serve() -> Any:
    try:
        from ray import serve
    except ImportError as error:
        raise DependencyError("Ray Serve is not installed: pip install 'eeinfer[cpu,ray-serve]'") from error
    return serve


def _reserved(options: dict[str, Any]) -> int:
    """Return the processors of a replica; Ray reserves one where nothing is said."""
    return max(1, int((options.get("ray_actor_options") or {}).get("num_cpus") or 1))
