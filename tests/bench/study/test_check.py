"""What is looked at before anything is trained: each mistake is told with the settings that it is in."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_studies import tiny_config, tiny_runs

from eeinfer.bench.study.check import check, estimate
from eeinfer.bench.study.runs import Run
from eeinfer.bench.study.work.jobs import jobs_for
from eeinfer.errors import ConfigError, DataError
from eeinfer.training import DataConfig
from eeinfer.training.data import DATASETS, Dataset


def test_missing_data_are_told_with_their_keys() -> None:
    config = replace(tiny_config(), data=DataConfig(name="imagefolder", root="nowhere", val_share=0.25))
    with pytest.raises(DataError, match=r"data\.name 'imagefolder', data\.root 'nowhere': "):
        check(jobs_for((Run(config=config),)))


def test_an_exit_that_is_not_there_is_told_with_the_backbone() -> None:
    with pytest.raises(ConfigError, match=r"backbone 'resnet8' with exits \(0, 99\): .*99"):
        check(jobs_for((Run(config=replace(tiny_config(), exits=(0, 99))),)))


def test_an_estimate_tells_where_it_is_and_reads_a_data_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic, reads, told = DATASETS["synthetic"], list[object](), list[tuple[str, int, int]]()

    def counted(root: str | Path | None) -> Dataset:
        reads.append(root)
        return synthetic(root)

    def tell(doing: str, done: int = 0, planned: int = 0) -> None:
        told.append((doing, done, planned))

    monkeypatch.setitem(DATASETS, "synthetic", counted)
    jobs = jobs_for(tiny_runs("disjoint", "joint"))
    found = estimate(jobs, tell)
    assert reads == [None]
    assert told == [("timing a few training steps of every network", number, 3) for number in range(3)]
    assert found.seconds.keys() == {job.key for job in jobs}
    assert found.total(2) == sum(found.seconds.values()) / 2
