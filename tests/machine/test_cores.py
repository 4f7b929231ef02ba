from pathlib import Path

import pytest

from eeinfer.machine import cores


def test_hyper_threads_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_siblings", lambda cpu: f"{cpu % 4},{cpu % 4 + 4}")
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "_quota_cores", lambda: None)
    assert cores.physical_cores() == 4
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: {1, 5}, raising=False)
    assert cores.physical_cores() == 1


def v1(quota: str, period: str, folder: str = "cpu") -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}


@pytest.mark.parametrize(
    ("files", "cores_paid_for"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": ""}, None),
        (v1("150000\n", "100000\n"), 2),
        (v1("50000\n", "100000\n"), 1),
        (v1("300000\n", "100000\n", "cpu,cpuacct"), 3),
        (v1("-1\n", "100000\n"), None),
        (v1("100000\n", "0\n"), None),
        (v1("", ""), None),
        ({"cpu/cpu.cfs_quota_us": "100000\n"}, None),
        ({"cpu.max": "max 100000\n", **v1("200000\n", "100000\n")}, 2),  # both are mounted, v1 has the controller
    ],
)
def test_a_container_uses_the_cores_it_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores_paid_for: int | None
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    monkeypatch.setattr(cores, "_distinct_cores", lambda cpus: 16)
    assert cores.physical_cores() == (cores_paid_for or 16)
