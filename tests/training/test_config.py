import json
from dataclasses import replace
from typing import Any

import pytest

from eeinfer.errors import ConfigError
from eeinfer.training import BackboneConfig, DataConfig, HeadConfig, PhaseConfig, TrainConfig
from eeinfer.training.config import config_from_dict, config_to_dict
from eeinfer.training.recipes import RECIPES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0}, "lr is 0; allowed are numbers above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": "0.1"}, "lr is '0.1'"),
        ({"epochs": 0}, "epochs is 0; allowed are whole numbers from 1"),
        ({"epochs": 1.5}, r"epochs is 1\.5"),
        ({"optimizer": "adam"}, r"unknown optimizer 'adam': did you mean 'adamw'\? known are sgd, adamw"),
        ({"scheduler": "step"}, r"unknown scheduler 'step': did you mean 'steps'\? known are none, cosine"),
        ({"momentum": 1.0}, r"momentum is 1\.0; allowed are numbers from 0 to below 1"),
        ({"patience": 0}, "patience is 0"),
        ({"clip": 0.0}, "clip is"),
        ({"label_smoothing": 1}, "label_smoothing is 1"),
    ],
)
def test_phase_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PhaseConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"regime": "both"}, r"unknown regime 'both': known are disjoint \+-\+, joint -\+-, mixed \+\+-"),
        ({"regime": "---"}, "at least one"),
        ({"regime": "++"}, "unknown regime"),
        ({"exits": (1, 2, 1)}, "name a position twice"),
        ({"exits": (0.0,)}, "give a number between 0 and 1"),
        ({"exits": (1.0,)}, "no share of the FLOPs"),
        ({"exits": (-1,)}, "exit position -1: give a slot number from 0"),
        ({"exits": (True,)}, "exit position True"),
        ({"exits": [1, 2]}, "give a tuple"),
        ({"exits": ()}, r"trains heads and exits is empty; name positions or use \+--"),
        ({"regime": "+--"}, "trains no heads"),
        ({"precision": "half"}, "unknown precision 'half': known are 32-true, bf16-mixed, 16-mixed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"seed": -1}, "seed is -1"),
        ({"devices": 3}, "batch_size 128 does not divide among 3 devices"),
        ({"loss_weights": "last"}, "unknown loss_weights 'last': known are method, mean, sum, linear"),
        ({"loss_weights": (1.0, 1.0)}, "give 4 numbers"),
        ({"loss_weights": (0.0,) * 4}, "not all zero"),
        ({"data": DataConfig(val_share=0), "phase2": PhaseConfig(patience=3)}, "patience needs validation images"),
    ],
)
def test_run_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 0}, "image_size is 0"),
        ({"image_size": (3, 4, 5)}, "give one side or"),
        ({"val_share": 0.95}, r"val_share is 0\.95"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"num_workers": -1}, "num_workers is -1"),
    ],
)
def test_data_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DataConfig(**settings)


def test_head_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="hidden is 0"):
        HeadConfig(hidden=(0,))


def test_patience_of_a_phase_that_does_not_run_needs_no_validation_images() -> None:
    TrainConfig(data=DataConfig(val_share=0), regime="-+-", phase1=PhaseConfig(patience=3))


@pytest.mark.parametrize("name", RECIPES)
def test_a_config_survives_json(name: str) -> None:
    config = RECIPES[name]()
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


def test_every_kind_of_exit_position_survives_json() -> None:
    config = replace(
        TrainConfig(),
        exits=(1, "layer2.0", 0.5),
        loss_weights=(0.5, 1, 1, 2),
        backbone=BackboneConfig(options={"a": 1}),
    )
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sed": 3}, r"unknown setting 'sed': did you mean 'seed'\? known are"),
        (
            {"phase1": {"learning_rate": 0.1}},
            r"unknown setting 'phase1\.learning_rate': did you mean 'phase1\.lr'\? known are phase1\.epochs",
        ),
        ({"seed": "three"}, "^seed is 'three'; allowed are whole numbers from 0$"),
        ({"seed": [1]}, r"^seed is \[1\]; allowed are whole numbers from 0$"),
        ({"phase1": {"lr": -1}}, r"^phase1\.lr is -1\.0; allowed are numbers above 0"),
        ({"phase1": {"lr": "fast"}}, r"^phase1\.lr is 'fast'; allowed are numbers above 0"),
        ({"phase1": {"optimizer": "adam"}}, "^in phase1: unknown optimizer 'adam': did you mean 'adamw'"),
        ({"phase1": {"milestones": 3}}, r"^phase1\.milestones is 3; give a list of numbers$"),
        ({"phase1": "none"}, r"^phase1 is 'none'; it is a group of settings: set one, such as phase1\.epochs$"),
        ({"method": {"heads": {"hidden": ["wide"]}}}, r"^method\.heads\.hidden is 'wide'; allowed are whole numbers"),
        ({"method": {"name": 3}}, r"^method\.name is 3; give a text$"),
        ({"method": {"options": {"number": [1]}}}, r"^method\.options is .*; give a group of options, each"),
        ({"data": {"root": 3}}, r"^data\.root is 3; give a text or none$"),
        ({"data": {"image_size": [8, "8"]}}, r"^data\.image_size is '8'; allowed are whole numbers from 1"),
        ({"backbone": {"pretrained": "yes"}}, r"^backbone\.pretrained is 'yes'; give true or false$"),
        ({"exits": "foo"}, "^exits is 'foo'; give a tuple"),
        ({"exits": [True]}, "^exit position True: give a slot number"),
        ({"loss_weights": 3}, "^loss_weights is 3; give a text or a list of numbers$"),
        ({"regime": ["+", "-"]}, r"^regime is \['\+', '-'\]; give a text$"),
        ({"device": 3}, "^unknown device 3: known are auto"),
    ],
)
def test_settings_that_are_unknown_or_of_a_wrong_type_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_dict(values)
