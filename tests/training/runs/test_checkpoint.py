import pickle
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from eeinfer.errors import CheckpointError
from eeinfer.training import TrainConfig, load_checkpoint, train


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/nonexistent/eeinfer-trap").write_text, ("gotcha",))


@pytest.fixture(scope="module")
def checkpoint(tiny: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(replace(tiny, regime="-+-"), tmp_path_factory.mktemp("checkpoint"))


def altered(source: Path, target: Path, **changes: Any) -> Path:
    content = torch.load(source, weights_only=True)
    content.update(changes)
    torch.save(content, target)
    return target


def test_a_checkpoint_loads_with_everything_known_about_it(checkpoint: Path, tiny: TrainConfig) -> None:
    found = load_checkpoint(checkpoint)
    logits = found.model(torch.zeros(3, 3, 16, 16))
    assert [tuple(exit.shape) for exit in logits] == [(3, 4)] * 3
    assert not found.model.training
    assert found.config.exits == tiny.exits
    assert found.classes == ("one", "two", "three", "four")
    assert found.exit_modules == ("layer1.0", "layer2.0", "classifier")
    assert found.input.tensor.shape == (3, 16, 16)
    assert found.score == "max_softmax"
    assert found.provenance["regime"] == "-+-"
    assert found.provenance["versions"]["torch"] == version("torch")


def test_a_checkpoint_holds_no_code(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    assert content["version"] == 1
    assert all(tensor.is_contiguous() for tensor in content["model"].values())


def test_the_loaded_model_answers_as_the_trained_one_did(checkpoint: Path) -> None:
    from eeinfer.preprocess import prepare
    from eeinfer.training.data import load_dataset

    found, test = load_checkpoint(checkpoint), load_dataset("synthetic").test
    logits = found.model(torch.from_numpy(prepare(test.images, found.input)))
    right = [float((exit.argmax(1).numpy() == test.labels).mean()) for exit in logits]
    assert right == pytest.approx(found.provenance["test_accuracy"])


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt does not exist: train again"):
        load_checkpoint(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="is a folder"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_checkpoint_cut_short_is_refused(checkpoint: Path, tmp_path: Path, share: float) -> None:
    content = checkpoint.read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="cut short"):
        load_checkpoint(tmp_path / "cut.pt")


def test_an_altered_weight_is_noticed(checkpoint: Path, tmp_path: Path) -> None:
    weight = torch.load(checkpoint, weights_only=True)["model"]["backbone.conv1.weight"].numpy().tobytes()
    content = bytearray(checkpoint.read_bytes())
    content[content.index(weight)] ^= 0x01
    (tmp_path / "altered.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path / "altered.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00."])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "foreign.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"no file that torch\.save wrote"):
        load_checkpoint(tmp_path / "foreign.pt")


def test_another_zip_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(CheckpointError, match="damaged or foreign"):
        load_checkpoint(tmp_path / "other.pt")


def test_bare_weights_are_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"weights without settings.*export_bundle"):
        load_checkpoint(tmp_path / "weights.pt")


def test_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no eeinfer checkpoint, it holds something else"):
        load_checkpoint(tmp_path / "list.pt")


def test_pickled_code_is_not_run(tmp_path: Path, checkpoint: Path) -> None:
    path = altered(checkpoint, tmp_path / "trap.pt", provenance=Trap())
    with pytest.raises(CheckpointError, match="holds pickled code, which eeinfer does not run"):
        load_checkpoint(path)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match=r"no file that torch\.save wrote"):
        load_checkpoint(tmp_path / "plain.pt")


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(CheckpointError, match="holds pickled code"):
        load_checkpoint(tmp_path / "module.pt")


def test_a_newer_version_is_refused_with_both_numbers(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="version 2, this eeinfer reads up to 1: upgrade"):
        load_checkpoint(altered(checkpoint, tmp_path / "new.pt", version=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"colour": "red"}}, "unknown setting 'colour'"),
        ({"config": None}, "damaged"),
        ({"modules": ["nowhere"]}, "unknown block 'nowhere'"),
        ({"classes": ["a"]}, "size mismatch|Error"),
        ({"model": {}}, "Missing key|Error"),
        ({"input": {}}, "damaged"),
    ],
)
def test_contents_that_do_not_fit_are_refused(
    checkpoint: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(altered(checkpoint, tmp_path / "odd.pt", **changes))
