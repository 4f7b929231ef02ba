from pathlib import Path

import pytest

from eeinfer.training import RECIPES, load_checkpoint, train


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_bears_its_name(name: str) -> None:
    assert RECIPES[name]().recipe == name
    assert RECIPES[name].__doc__


def test_the_demo_recipe_learns_at_every_exit(tmp_path: Path) -> None:
    provenance = load_checkpoint(train(RECIPES["digits"](), tmp_path)).provenance
    assert min(provenance["test_accuracy"]) > 0.9
