"""How many cores this process may really use."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_CGROUP = Path("/sys/fs/cgroup")
_QUOTAS = (  # where it says microseconds per period, and of what period
    ("cpu.max",),  # cgroup v2
    ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),  # v1
    ("cpu,cpuacct/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_period_us"),  # v1 where nothing links cpu to it
)


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
    """Return how many cores the quota pays for; None where there is no quota ("max" in v2, -1 in v1)."""
    for names in _QUOTAS:
        try:
            quota, period = " ".join((_CGROUP / name).read_text() for name in names).split()
            paid = int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
        return max(1, math.ceil(paid)) if paid > 0 else None
    return None
