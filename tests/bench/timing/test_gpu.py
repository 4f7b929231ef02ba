"""A whole measurement on a GPU that is none: see fake_gpu."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_gpu
import native_engines
import pytest
from fake_cuda import FakeCuda
from numpy.typing import NDArray
from rich.console import Console

from eeinfer.bench import BenchConfig, Report, measure, render
from eeinfer.bench.reporting.page import html_page
from eeinfer.bench.reporting.sentences import circumstances, facts
from eeinfer.bench.timing.energy import Energy

Digits = tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="module")
def on_gpu(quick: BenchConfig) -> BenchConfig:
    return replace(quick, device="cuda", threads=None, thresholds=3, energy_seconds=0.2)


@pytest.fixture(scope="module")
def gpu_report(tiny_bundle: Path, digits: Digits, on_gpu: BenchConfig) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        fake_gpu.install(patch, fake_gpu.library())
        return measure(tiny_bundle, *digits, on_gpu)


def test_a_report_survives_json(gpu_report: Report) -> None:
    assert Report.from_json(gpu_report.to_json()) == gpu_report


def test_the_gpu_is_described(gpu_report: Report) -> None:
    gpu = gpu_report.environment.gpu
    assert gpu is not None
    assert (gpu.name, gpu.capability, gpu.driver, gpu.cuda) == ("NVIDIA H100", "9.0", "580.65.06", "13.0")
    assert (gpu.sm_mhz, gpu.max_sm_mhz, gpu.memory_mhz) == (1000, 1980, 2000)
    assert gpu.networks == "onnxruntime-cuda"
    assert gpu_report.environment.device == "cuda"


def test_the_gpus_own_times_stand_beside_the_hosts(gpu_report: Report) -> None:
    for row in gpu_report.overheads:
        assert row.cascade_device_ms is not None
        assert row.session_device_ms is not None
        assert 0 < row.session_device_ms < 100


def test_energy_is_per_image(gpu_report: Report) -> None:
    energy = gpu_report.energy
    assert isinstance(energy, Energy)
    assert energy.idle_watts == pytest.approx(fake_gpu.WATTS, rel=0.2)
    assert energy.static_mj > 0.5 * fake_gpu.WATTS * gpu_report.static.timing.min_ms
    assert energy.cascade_mj > 0.5 * fake_gpu.WATTS * min(row.timing.min_ms for row in gpu_report.thresholds)


def test_rows_leave_as_on_the_cpu(gpu_report: Report, tiny_bundle: Path, digits: Digits, quick: BenchConfig) -> None:
    expected = measure(tiny_bundle, *digits, replace(quick, thresholds=3))
    assert [row.shares for row in gpu_report.thresholds] == [row.shares for row in expected.thresholds]
    assert gpu_report.static.accuracy == expected.static.accuracy


def test_table_and_page_show_them(gpu_report: Report) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render(gpu_report))
    assert "GPU ms" in console.export_text()
    assert "NVIDIA H100, driver 580.65.06, CUDA up to 13.0, batch 1" in circumstances(gpu_report)
    page = html_page(gpu_report)
    assert "cascade GPU ms" in page
    assert "SM 1000 of 1980 MHz" in page


@pytest.mark.parametrize(
    ("nvml", "clocks"),
    [(None, "clocks unknown: pip install nvidia-ml-py"), (fake_gpu.library(counts=False, clocks=False), "unknown")],
)
def test_what_nobody_tells_is_left_out(
    tiny_bundle: Path, digits: Digits, on_gpu: BenchConfig, monkeypatch: pytest.MonkeyPatch, nvml: Any, clocks: str
) -> None:
    fake_gpu.install(monkeypatch, nvml)
    report = measure(tiny_bundle, *digits, replace(on_gpu, batch=4))
    assert "energy" not in json.loads(report.to_json())
    assert report.environment.gpu is not None
    assert report.environment.gpu.sm_mhz is None
    assert report.overheads[0].cascade_device_ms is None  # batches have no single way
    found = dict(facts(report))
    assert clocks in found["GPU"]
    assert found["energy"].startswith("not measured")


@pytest.mark.parametrize(("refuses", "level"), [((), "3"), (("condition",), "2")])
def test_the_native_backend_is_timed_by_its_own_clock_and_the_level_that_ran_is_named(
    tiny_bundle: Path,
    digits: Digits,
    on_gpu: BenchConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    refuses: tuple[str, ...],
    level: str,
) -> None:
    fake_gpu.install(monkeypatch, None)
    config = replace(on_gpu, backend="tensorrt", level=3, latency_samples=4, rounds=1)
    with native_engines.fakes(FakeCuda(refuses=refuses)):
        report = measure(native_engines.with_plans(tiny_bundle, tmp_path), *digits, config)
    gpu = report.environment.gpu
    assert gpu is not None
    assert (gpu.backend, gpu.level, gpu.networks) == ("tensorrt", level, "onnxruntime")
    assert all(row.cascade_device_ms for row in report.overheads)
    assert dict(facts(report))["cascade"] == f"run by tensorrt at level {level}"


def test_energy_is_left_out_where_nobody_asks(
    tiny_bundle: Path, digits: Digits, on_gpu: BenchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gpu.install(monkeypatch, fake_gpu.library())
    report = measure(tiny_bundle, *digits, replace(on_gpu, energy_seconds=0))
    assert "energy" not in json.loads(report.to_json())
