"""What is looked at before anything is trained: each mistake is told with the settings that it is in."""

from dataclasses import replace

import pytest
from small_studies import tiny_config

from eeinfer.bench.study.check import check
from eeinfer.bench.study.runs import Run
from eeinfer.bench.study.work.jobs import jobs_for
from eeinfer.errors import ConfigError, DataError
from eeinfer.training import DataConfig


def test_missing_data_are_told_with_their_keys() -> None:
    config = replace(tiny_config(), data=DataConfig(name="imagefolder", root="nowhere", val_share=0.25))
    with pytest.raises(DataError, match=r"data\.name 'imagefolder', data\.root 'nowhere': "):
        check(jobs_for((Run(config=config),)))


def test_an_exit_that_is_not_there_is_told_with_the_backbone() -> None:
    with pytest.raises(ConfigError, match=r"backbone 'resnet8' with exits \(0, 99\): .*99"):
        check(jobs_for((Run(config=replace(tiny_config(), exits=(0, 99))),)))
