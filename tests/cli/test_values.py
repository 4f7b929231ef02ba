"""Values that need parsing: thresholds, settings, exit positions."""

import re

import pytest

from eeinfer.cli import options
from eeinfer.cli.training import settings
from eeinfer.errors import ConfigError


@pytest.mark.parametrize(("text", "value"), [(None, None), ("0.5", 0.5), ("0,1", [0.0, 1.0])])
def test_tau_is_one_number_or_several(text: str | None, value: object) -> None:
    assert options.taus(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phase1.lr=0.05", ("phase1.lr", 0.05)),
        ("phase2.patience=none", ("phase2.patience", "none")),
        ("data.name=digits", ("data.name", "digits")),
        ("method.heads.hidden=[64, 32]", ("method.heads.hidden", [64, 32])),
        ("data.root=/a=b", ("data.root", "/a=b")),
    ],
)
def test_assignment_reads_json_and_plain_words(text: str, expected: tuple[str, object]) -> None:
    assert settings.assignment(text) == expected


@pytest.mark.parametrize("text", ["seed", "=3", ""])
def test_assignment_without_a_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="name=value"):
        settings.assignment(text)


def test_override_of_an_unknown_setting_lists_the_known_ones() -> None:
    values = {"seed": 0, "phase1": {"lr": 0.1, "epochs": 3}}
    with pytest.raises(ConfigError, match=re.escape("known are phase1.lr, phase1.epochs")):
        settings.overridden(values, [("phase1.speed", 1)])
    with pytest.raises(ConfigError, match=r"phase4 is unknown; did you mean phase1.lr\? known are seed, phase1"):
        settings.overridden(values, [("phase4.lr", 1)])
    with pytest.raises(ConfigError, match="seed has no parts"):
        settings.overridden(values, [("seed.lr", 1)])


def test_override_leaves_the_original_alone() -> None:
    values = {"phase1": {"lr": 0.1}, "backbone": {"options": {}}}
    changed = settings.overridden(values, [("phase1.lr", 0.5), ("backbone.options.stem", "large")])
    assert values == {"phase1": {"lr": 0.1}, "backbone": {"options": {}}}
    assert changed == {"phase1": {"lr": 0.5}, "backbone": {"options": {"stem": "large"}}}


def test_exit_positions_are_shares_numbers_or_names() -> None:
    assert settings.exit_positions("0.15, 3,layer2.0") == [0.15, 3, "layer2.0"]
