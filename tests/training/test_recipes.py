from pathlib import Path

import pytest
import torch

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import RECIPES, load_checkpoint, train
from eeinfer.training.build import Built, build_model, without_downloads
from eeinfer.training.recipes.paper import PAPER
from eeinfer.training.recipes.systems import SYSTEMS

# Channels, side and classes of the data sets, whose files a test has not got.
FACTS = {"fashion-mnist": (1, 28, 10), "cifar10": (3, 32, 10), "cifar100": (3, 32, 100), "imagefolder": (3, 224, 1000)}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_bears_its_name(name: str) -> None:
    assert RECIPES[name]().recipe == name
    assert RECIPES[name].__doc__


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
