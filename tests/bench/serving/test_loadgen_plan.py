"""What LoadGen is asked, and reading what it says; `tests/serving/hosts` runs it."""

import importlib.util
from pathlib import Path

import pytest

from eeinfer.bench.serving.loadgen import LoadgenPlan, read_summary, run_loadgen
from eeinfer.errors import ConfigError, DependencyError
from eeinfer.serving import ServingConfig


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"scenario": "Edge"}, "unknown scenario 'Edge'; LoadGen has SingleStream"),
        ({"scenario": "SingleStream", "seconds": 0}, "600 for a valid run"),
        ({"scenario": "Offline"}, "add such as --rates 100"),
        ({"scenario": "Server", "rate": 5.0}, "add such as --deadline-ms 50"),
    ],
)
def test_a_plan_that_says_too_little_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        LoadgenPlan(**{"seconds": 1.0} | settings)  # type: ignore[arg-type]


def test_a_run_keeps_the_rules_when_it_is_long_and_large_enough() -> None:
    assert LoadgenPlan(scenario="SingleStream", seconds=600).rules_kept
    assert not LoadgenPlan(scenario="SingleStream", seconds=599).rules_kept
    assert LoadgenPlan(scenario="Offline", seconds=600, rate=40.0).rules_kept
    assert not LoadgenPlan(scenario="Offline", seconds=600, rate=30.0).rules_kept


def test_a_summary_is_read_line_by_line() -> None:
    text = "=====\nMLPerf Results Summary\n=====\nScenario : Single Stream\nResult is : VALID\n"
    text += "  Min duration satisfied : Yes\n"
    assert read_summary(text) == {"Scenario": "Single Stream", "Result is": "VALID", "Min duration satisfied": "Yes"}


@pytest.mark.skipif(importlib.util.find_spec("mlperf_loadgen") is not None, reason="LoadGen is installed here")
def test_a_missing_loadgen_is_named_with_its_extra(tiny_bundle: Path) -> None:
    with pytest.raises(DependencyError, match=r"pip install 'eeinfer\[loadgen\]'"):
        run_loadgen(tiny_bundle, ServingConfig(), LoadgenPlan(scenario="SingleStream", seconds=1))
