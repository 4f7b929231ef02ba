from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import RECIPES, PhaseConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.build import Built, build_model
from eeinfer.training.file_options import without_downloads
from eeinfer.training.recipes import FROM_SCRATCH, fit_for
from eeinfer.training.recipes.paper import PAPER
from eeinfer.training.recipes.systems import SYSTEMS

# Channels, side and classes of the data sets, whose files a test has not got.
FACTS = {"fashion-mnist": (1, 28, 10), "cifar10": (3, 32, 10), "cifar100": (3, 32, 100), "imagefolder": (3, 224, 1000)}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_bears_its_name(name: str) -> None:
    assert RECIPES[name]().recipe == name
    assert RECIPES[name].__doc__


def unset_phases(recipe: Callable[[], TrainConfig]) -> list[int]:
    """The phases of which a recipe says neither epochs nor rate: they are others where the defaults are others."""
    with pytest.MonkeyPatch.context() as patch:
        others = {"epochs": 1234, "lr": 0.01234}
        patch.setattr(PhaseConfig.__init__, "__kwdefaults__", PhaseConfig.__init__.__kwdefaults__ | others)
        config = recipe()
    phases = {number: config.phase(number) for number in (1, 2, 3)}
    return [number for number, phase in phases.items() if (phase.epochs, phase.lr) == (1234, 0.01234)]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_all_three_phases(name: str) -> None:
    assert unset_phases(RECIPES[name]) == []


def test_a_recipe_that_leaves_a_phase_as_it_is_would_be_noticed() -> None:
    whole = RECIPES["digits"]()
    assert unset_phases(lambda: TrainConfig(phase1=whole.phase1, phase3=whole.phase3)) == [2]
    assert unset_phases(lambda: replace(whole, phase3=PhaseConfig(weight_decay=0.1))) == [3], "that says little"


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_a_joint_run_starts_at_a_rate_for_fresh_weights_and_has_as_many_epochs(name: str) -> None:
    mixed, joint = fit_for("mixed", name), fit_for("joint", name)
    assert joint.phase2.lr == mixed.phase1.lr >= mixed.phase2.lr
    assert joint.phase2.epochs == mixed.phase1.epochs + mixed.phase2.epochs
    assert mixed == fit_for(None, name) == RECIPES[name]()
    assert joint == replace(mixed, phase2=joint.phase2)


def test_regimes_of_the_shipped_network_run_equally_long() -> None:
    for regime in ("disjoint", "joint", "mixed"):
        config = replace(fit_for(regime, "fashion_resnet20"), regime=regime)
        assert sum(config.phase(number).epochs for number in config.phases) == 15


def test_the_demo_recipe_learns_at_every_exit(tmp_path: Path) -> None:
    provenance = load_checkpoint(train(RECIPES["digits"](), tmp_path)).provenance
    assert min(provenance["test_accuracy"]) > 0.9


def built(name: str) -> Built:
    """The recipe's model as shapes alone, or with numbers where a cost has to be counted to place its exits."""
    config = without_downloads(RECIPES[name]())
    channels, side, classes = FACTS[config.data.name]
    side = config.data.image_size or side
    assert isinstance(side, int)
    input = Input(tensor=TensorSpec(name="input", dtype="float32", shape=(channels, side, side)))
    with torch.device("cpu" if any(isinstance(position, float) for position in config.exits) else "meta"):
        return build_model(config, input, classes)


@pytest.mark.parametrize("name", [make.__name__ for make in (*PAPER, *SYSTEMS)])
def test_a_full_size_recipe_fits_its_network_and_names_its_paper(name: str) -> None:
    assert len(built(name).modules) == len(RECIPES[name]().exits)
    assert "Joint or Disjoint" in str(RECIPES[name].__doc__) or "20" in str(RECIPES[name].__doc__)
