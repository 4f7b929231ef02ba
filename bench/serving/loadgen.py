"""MLPerf's own load generator over a target: its four scenarios, and its own word on whether the run is valid.

Source: mlcommons/inference, loadgen (the package mlcommons-loadgen), and the rules in mlcommons/inference_policies: a
run takes 600 s or more, an offline one 24,576 samples or more.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eeinfer.bench.environment import Environment, environment, load_average, of_engine
from eeinfer.bench.reporting.records import Record, encode
from eeinfer.bench.serving.driving import FAILED, REFUSED, Target
from eeinfer.bench.serving.http_target import HttpTarget
from eeinfer.bench.serving.in_process import InProcess, drawn_images, equal_shares
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError, DependencyError, did_you_mean
from eeinfer.serving import Scheduler, ServingConfig
from eeinfer.serving.opening import shared_engine
from eeinfer.serving.web.settings import model_name

SINGLE, MULTI, SERVER, OFFLINE = SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
_RULE_S, _RULE_SAMPLES = 600.0, 24_576  # of MLPerf, for a run that may be published
_LIBRARY, _SEED = 64, 0  # samples to choose from, and how they are drawn
_MARGIN = 1.1  # LoadGen's own, on the samples of an offline query


@dataclass(frozen=True, kw_only=True)
class LoadgenPlan:
    """What LoadGen is asked."""

    scenario: str
    seconds: float  # at least
    rate: float | None = None  # requests per second: aimed at by Server, expected by Offline
    latency_ms: float | None = None  # of Server: within which 99 of 100 answers come

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            near = did_you_mean(self.scenario, SCENARIOS)
            raise ConfigError(f"unknown scenario {self.scenario!r}; {near}LoadGen has {', '.join(SCENARIOS)}")
        if not self.seconds > 0:
            raise ConfigError(f"seconds is {self.seconds}; give more than 0, and {_RULE_S:.0f} for a valid run")
        if self.scenario in (SERVER, OFFLINE) and not (self.rate and self.rate > 0):
            raise ConfigError(f"{self.scenario} takes one rate; add such as --rates 100")
        if self.scenario == SERVER and not (self.latency_ms and self.latency_ms > 0):
            raise ConfigError("Server takes a latency; add such as --deadline-ms 50")

    @property
    def rules_kept(self) -> bool:
        """Whether the run is as long as MLPerf's rules ask."""
        samples = (self.rate or 0) * _MARGIN * self.seconds
        return self.seconds >= _RULE_S and (self.scenario != OFFLINE or samples >= _RULE_SAMPLES)


class LoadgenReport(Record, frozen=True, kw_only=True):
    """A run of LoadGen."""

    scenario: str
    valid: bool  # LoadGen's word, where no sample was refused and none failed
    rules_kept: bool  # whether it was as long as MLPerf's rules ask
    samples: int
    refused: int
    failed: int
    exits: tuple[int, ...]  # samples that each exit answered
    summary: dict[str, str]  # LoadGen's, line by line
    environment: Environment

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)


def run_loadgen(bundle: Path, config: ServingConfig, plan: LoadgenPlan, url: str | None = None) -> LoadgenReport:
    """Let LoadGen load the scheduler over a bundle, in this process, or a server of it that runs already.

    Samples leave at the exits in equal shares.

    Raises:
        DependencyError: LoadGen is not installed.
        ConfigError: ``url`` is no address.
    """
    loadgen = _library()
    exits, before = len(Bundle.open(bundle, verify=False).manifest.segments), load_average()
    images, shares = drawn_images(bundle, _SEED), equal_shares(exits, _SEED)
    if url is None:
        with Scheduler(shared_engine(bundle), config) as scheduler:
            where = of_engine(scheduler.engine, before, named=False)
            return _run(loadgen, InProcess(scheduler, images, shares), plan, exits, where)
    name = Bundle.open(bundle, verify=False).manifest.input.tensor.name
    target = HttpTarget(url, model_name(bundle), name, images, shares, exits)
    try:
        return _run(loadgen, target, plan, exits, environment("cpu", None, before))
    finally:
        target.close()


def _run(loadgen: Any, target: Target, plan: LoadgenPlan, exits: int, where: Environment) -> LoadgenReport:
    answers = _Answers(loadgen, target)
    with TemporaryDirectory() as folder:
        log = loadgen.LogSettings()
        log.enable_trace = False
        log.log_output.outdir = folder
        system = loadgen.ConstructSUT(answers.issue, _nothing)
        samples = loadgen.ConstructQSL(_LIBRARY, _LIBRARY, _nothing, _nothing)
        try:
            loadgen.StartTestWithLogSettings(system, samples, _settings(loadgen, plan), log)
        finally:
            loadgen.DestroyQSL(samples)
            loadgen.DestroySUT(system)
        summary = read_summary((Path(folder) / "mlperf_log_summary.txt").read_text(encoding="utf-8"))
    ended = answers.ended
    lost = ended[REFUSED] + ended[FAILED]
    return LoadgenReport(
        scenario=plan.scenario,
        valid=summary.get("Result is") == "VALID" and not lost,
        rules_kept=plan.rules_kept,
        samples=sum(ended.values()),
        refused=ended[REFUSED],
        failed=ended[FAILED],
        exits=tuple(ended[k] for k in range(exits)),
        summary=summary,
        environment=where,
    )


def read_summary(text: str) -> dict[str, str]:
    """Return the lines of LoadGen's summary that are `name : value`."""
    return {name.strip(): value.strip() for name, value in re.findall(r"(?m)^\s*(\S[^:\n]*?)\s*: (.+)$", text)}


class _Answers:
    """Hands samples to the target and their ends to LoadGen, which waits for every one."""

    def __init__(self, loadgen: Any, target: Target) -> None:
        self._loadgen, self._target, self._lock = loadgen, target, threading.Lock()
        self.ended: Counter[int] = Counter()

    def issue(self, samples: Any) -> None:
        for sample in samples:
            self._target.send(sample.index, partial(self._done, sample.id))

    def _done(self, sample: int, exit: int) -> None:
        with self._lock:
            self.ended[exit] += 1
        self._loadgen.QuerySamplesComplete([self._loadgen.QuerySampleResponse(sample, 0, 0)])


def _settings(loadgen: Any, plan: LoadgenPlan) -> Any:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, plan.scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = int(plan.seconds * 1e3)
    if plan.scenario == SERVER:
        settings.server_target_qps = plan.rate
        settings.server_target_latency_ns = int((plan.latency_ms or 0) * 1e6)
    elif plan.scenario == OFFLINE:
        settings.offline_expected_qps = plan.rate
    return settings


def _library() -> Any:
    try:
        import mlperf_loadgen
    except ImportError as error:
        raise DependencyError(
            "--loadgen needs the mlcommons-loadgen package: pip install 'eeinfer[loadgen]'"
        ) from error
    return mlperf_loadgen


def _nothing(*_: object) -> None:
    """Samples are loaded already, and nothing is held back to be flushed."""
