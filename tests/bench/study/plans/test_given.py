"""A user's file: what it may say, and the one line for each mistake."""

import re
from pathlib import Path

import pytest

from eeinfer.bench.study.plans.given import given_study
from eeinfer.errors import DataError, EeinferError

GOOD = """
question = "Which regime?"
recipe = "sdn_digits"
seeds = [0, 3]

[settings]
data.max_images = 100
"phase1.epochs" = 2

[grid]
placement = ["every 1", [1]]
regime = ["disjoint", "mixed"]
"method.heads.hidden" = [[], [16]]
"""


def study_of(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_file_gives_every_combination(tmp_path: Path) -> None:
    study = given_study(Path(study_of(tmp_path, GOOD)))
    assert (study.name, study.question, len(study.runs)) == ("mine", "Which regime?", 16)
    first = study.runs[0]
    assert first.labels == {"placement": "every 1", "method.heads.hidden": "none", "regime": "disjoint"}
    assert (first.config.exits, first.config.data.max_images, first.config.phase1.epochs) == ((0, 1), 100, 2)
    assert {run.config.seed for run in study.runs} == {0, 3}
    assert study.runs[-1].config.exits == (1,)


def test_seeds_of_the_command_line_come_first(tmp_path: Path) -> None:
    assert len(given_study(Path(study_of(tmp_path, GOOD)), seeds=1).runs) == 8


def test_set_ups_are_whole_configurations(tmp_path: Path) -> None:
    text = (
        '[setups.A]\nrecipe = "sdn_digits"\n[setups.B]\nrecipe = "gpf_digits"\nexits = [0]\n[grid]\nregime = ["joint"]'
    )
    runs = given_study(Path(study_of(tmp_path, text))).runs
    assert [(run.labels["set-up"], run.config.method.name, run.config.exits) for run in runs] == [
        ("A", "sdn", (0, 1)),
        ("B", "gpf", (0,)),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede = 3", r"unknown key 'sede': did you mean 'seeds'\? known are question, recipe, seeds"),
        ("[grid]\nregime = []", r"regime has no values, so the grid is empty"),
        ("seeds = []", r"seeds is empty, so the grid is empty"),
        ("seeds = -1", r"seeds is -1; give how many"),
        ("seeds = 2.5", r"seeds is 2\.5; give how many"),
        ('recipe = "nothing"', r"unknown recipe 'nothing'"),
        ('recipe = ["digits"]', r"unknown recipe \['digits'\]"),
        ('[settings]\n"phase1.rate" = 1', r"unknown key of settings 'phase1\.rate'"),
        ('[settings]\n"phase1.lr.x" = 1', r"unknown key of settings 'phase1\.lr\.x'"),
        ('[settings]\n"phase1.lr" = "fast"', r"settings\.phase1\.lr: "),
        ('[grid]\n"phase9.lr" = [1]', r"unknown key of grid 'phase9\.lr'"),
        ('[grid]\n"phase1.lr" = 0.1', r"grid\.phase1\.lr is 0\.1; give a list"),
        ('[grid]\n"phase1.lr" = [-1.0]', r"grid\.phase1\.lr: .*lr is -1\.0; allowed are numbers above 0"),
        (
            '[grid]\nregime = ["joined"]',
            r"grid\.regime: .*unknown regime 'joined': did you mean 'joint'\? known are disjoint",
        ),
        ('[grid]\nregime = ["mixed", "mixed"]', r"two runs are the same: regime holds 'mixed' twice"),
        ("seeds = [0, 0]", r"two runs are the same: seeds holds 0 twice"),
        ('recipe = "sdn_digits"\n[grid]\nplacement = ["every 1", [0, 1]]', r"two runs are the same: placement"),
        ('recipe = "sdn_digits"\n[grid]\nplacement = ["all"]', r"placement is 'all'; allowed are 'every N'"),
        ('recipe = "sdn_digits"\n[grid]\nplacement = [2]', r"grid\.placement holds 2; allowed are"),
        ('recipe = "sdn_digits"\n[grid]\nplacement = ["first 9"]', r"placement is 'first 9'; this backbone has 2"),
        ('[grid]\nregime = ["+--"]', r"grid\.regime: .*trains no heads"),
        ("[settings]\ndata.val_share = 0", r"data\.val_share is 0"),
        ("grid = 3", r"grid is 3; give a table"),
        ("setups.A = 3", r"setups\.A is 3; give a table"),
        ("question = 3", r"question is 3; give a sentence"),
        ("seeds = ", r"is no TOML"),
        ("seeds = 1\nseeds = 2", r"is no TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = study_of(tmp_path, text)
    with pytest.raises(EeinferError, match=said) as caught:
        given_study(Path(path))
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EeinferError, match=r"gone\.toml cannot be read"):
        given_study(tmp_path / "gone.toml")


def test_missing_data_are_found_before_training(tmp_path: Path) -> None:
    text = f'[settings]\ndata.name = "cifar10"\ndata.root = "{tmp_path}"\n[grid]\nplacement = ["every 2"]'
    with pytest.raises(DataError, match="cifar-10"):
        given_study(Path(study_of(tmp_path, text)))


def test_the_example_of_the_guide_is_a_study(tmp_path: Path) -> None:
    guide = Path(__file__).parents[4] / "docs" / "guides" / "studies.md"
    [text] = re.findall(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    study = given_study(Path(study_of(tmp_path, text)))
    assert len(study.runs) == 3 * 3 * 2 * 3
    assert len({run.key for run in study.runs}) == 3 * 3 * (1 + 2 + 2)  # phase 2's rate is nothing to disjoint
