"""Jobs on a Ray cluster, whose machines all reach the study's folder under the same path."""

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.work.jobs import Job
from eeinfer.bench.study.work.messages import Failed, Finished
from eeinfer.bench.study.work.processes import Event
from eeinfer.bench.study.work.worker import attempt
from eeinfer.errors import DependencyError, InputError, first_line
from eeinfer.progress import silent

LOCAL = "local"  # starts a cluster of this machine alone, which ends with us


@contextlib.contextmanager
def on_ray(address: str, places: Places) -> Iterator["Cluster"]:
    """Connect to the cluster at `address`, such as ``auto`` or ``ray://head:10001``; ``local`` starts one here.

    Raises:
        DependencyError: Ray is not installed; InputError: nobody answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise DependencyError("Ray is not installed: pip install 'eeinfer[ray]'") from error
    where: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {"address": address}
    try:
        ray.init(log_to_driver=False, configure_logging=False, **where)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"no Ray cluster answers at {address!r} ({first_line(error)}); 'local' starts one") from error
    try:
        yield Cluster(ray, places)
    finally:
        ray.shutdown()


class Cluster:
    """One Ray task for each job, in a process that does nothing else; it says nothing until it is over."""

    def __init__(self, ray: Any, places: Places) -> None:
        self._ray, self._out = ray, str(places.out.resolve())
        self._gpus = ray.cluster_resources().get("GPU", 0) > 0
        self._task = ray.remote(max_calls=1, max_retries=0)(_attempt)
        self._running: dict[Any, str] = {}  # reference -> key of the job

    def start(self, job: Job) -> None:
        """Begin a job."""
        gpus = job.config.devices if self._gpus and job.config.device != "cpu" else 0
        task = self._task.options(num_cpus=job.config.threads or 1, num_gpus=gpus)
        self._running[task.remote(job, self._out)] = job.key

    def next(self) -> Event:
        """Wait until one of the jobs is over."""
        [over], _ = self._ray.wait([*self._running], num_returns=1)
        key = self._running.pop(over)
        try:
            return Event(key=key, message=self._ray.get(over))
        except self._ray.exceptions.RayError as error:  # its machine or its process is gone
            return Event(key=key, message=Failed(reason=f"Ray lost it: {first_line(error)}"))

    def stop(self) -> None:
        """End all that still run."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()


def _attempt(job: Job, out: str) -> Finished | Failed:
    """Do a job on whatever machine Ray chose."""
    places = Places(Path(out))
    if not places.work.is_dir():
        where = f"{out} is not there on {platform.node()}"
        return Failed(reason=f"{where}: take an --out that every machine of the cluster reaches under the same path")
    return attempt(job, places, silent)
