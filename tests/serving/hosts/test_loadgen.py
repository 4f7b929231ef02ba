"""MLPerf LoadGen's scenarios over the scheduler and over a server."""

import importlib.util
from pathlib import Path

import pytest
import servers

from eeinfer.bench.serving.loadgen import SCENARIOS, LoadgenPlan, run_loadgen
from eeinfer.serving import ServingConfig

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        importlib.util.find_spec("mlperf_loadgen") is None, reason="no LoadGen here; .ci/hosts installs it"
    ),
]
CONFIG = ServingConfig(max_batch=4)


def plan(scenario: str) -> LoadgenPlan:
    return LoadgenPlan(scenario=scenario, seconds=0.2, rate=50.0, latency_ms=10_000)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_sample_of_a_scenario_is_answered(tiny_bundle: Path, scenario: str) -> None:
    report = run_loadgen(tiny_bundle, CONFIG, plan(scenario))
    assert report.summary["Scenario"].replace(" ", "") == scenario
    assert (report.refused, report.failed, sum(report.exits)) == (0, 0, report.samples)
    assert all(report.exits)
    assert (report.valid, report.rules_kept) == (report.summary["Result is"] == "VALID", False)


def test_a_server_is_loaded_by_its_address(tiny_bundle: Path) -> None:
    with servers.serving(tiny_bundle) as server:
        report = run_loadgen(tiny_bundle, CONFIG, plan("SingleStream"), f"http://{server.http}")
    assert (report.refused, report.failed, sum(report.exits)) == (0, 0, report.samples)
    assert report.samples >= 64


def test_refused_samples_make_a_run_invalid(tiny_bundle: Path) -> None:
    report = run_loadgen(tiny_bundle, ServingConfig(max_batch=1, queue=1), plan("MultiStream"))
    assert report.refused > 0
    assert not report.valid
