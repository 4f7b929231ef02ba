"""From a checkpoint to a bundle: compared on images that the user names or that lie where they usually do."""

from pathlib import Path

import pytest
from cli_runs import tiny_recipe
from planted_roots import image_folder, planted

from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError
from eeinfer.export import export_checkpoint
from eeinfer.training import train


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_recipe(), tmp_path_factory.mktemp("run"))


def test_images_that_ship_with_the_package_are_compared_on(checkpoint: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = export_checkpoint(checkpoint, tmp_path / "a.eeb", progress=said.append)
    assert Bundle.open(path).manifest.parity.inputs == ("random", "real")
    assert not [line for line in said if "random inputs only" in line]


def test_a_folder_that_the_checkpoint_names_is_not_looked_into(checkpoint: Path, tmp_path: Path) -> None:
    trap, said = image_folder(tmp_path / "trap"), list[str]()
    foreign = planted(checkpoint, tmp_path / "foreign.pt", trap)
    path = export_checkpoint(foreign, tmp_path / "a.eeb", progress=said.append)
    assert Bundle.open(path).manifest.parity.inputs == ("random",)
    [word] = [line for line in said if "random inputs only" in line]
    assert "--root FOLDER" in word


def test_a_folder_that_the_user_names_is(checkpoint: Path, tmp_path: Path) -> None:
    foreign = planted(checkpoint, tmp_path / "foreign.pt", tmp_path / "gone")
    path = export_checkpoint(foreign, tmp_path / "a.eeb", root=image_folder(tmp_path / "mine"))
    assert Bundle.open(path).manifest.parity.inputs == ("random", "real")
    with pytest.raises(DataError, match="gone does not exist"):
        export_checkpoint(foreign, tmp_path / "b.eeb", root=tmp_path / "gone")
    assert not (tmp_path / "b.eeb").exists()
