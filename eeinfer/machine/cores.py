"""How many cores this process may really use."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def physical_cores() -> int:
    """Return the number of physical cores open to this process, at least 1.

    Counts the cores of the affinity mask, hyper-threads once, and no more than a container's CPU quota pays for:
    threads beyond either only take turns.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = _distinct_cores(allowed)
    return min(cores, _quota_cores() or cores)


def _distinct_cores(cpus: Iterable[int]) -> int:
    return len({_siblings(cpu) for cpu in cpus})


def _siblings(cpu: int) -> str:
    try:
        return Path(_TOPOLOGY.format(cpu)).read_text()
    except OSError:  # not Linux, or hidden by the container: count the CPU as a core of its own
        return str(cpu)


def _quota_cores() -> int | None:
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup v2, or no limit ("max")
        return None
