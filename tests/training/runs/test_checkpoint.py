import pickle
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from disks import full_disk

from eeinfer.errors import CheckpointError, InputError
from eeinfer.training import BackboneConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.runs.sealed import save_sealed


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/nonexistent/eeinfer-trap").write_text, ("gotcha",))


@pytest.fixture(scope="module")
def checkpoint(tiny: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(replace(tiny, regime="-+-"), tmp_path_factory.mktemp("checkpoint"))


def altered(source: Path, target: Path, **changes: Any) -> Path:
    content = torch.load(source, weights_only=True)
    content.update(changes)
    save_sealed(target, content)
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
    assert content["version"] == 2
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
    with pytest.raises(CheckpointError, match="its checksums do not fit"):
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
    with pytest.raises(CheckpointError, match="version 3, this eeinfer reads up to 2: upgrade"):
        load_checkpoint(altered(checkpoint, tmp_path / "new.pt", version=3))


def test_the_version_before_is_read_with_a_word(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["started_from"]
    torch.save({**content, "version": 1}, tmp_path / "old.pt")
    old, new = load_checkpoint(tmp_path / "old.pt").model, load_checkpoint(checkpoint).model
    x = torch.randn(2, 3, 16, 16)
    assert all(torch.equal(one, other) for one, other in zip(old(x), new(x), strict=True))
    assert "old.pt has checkpoint version 1, without a checksum of its own" in caplog.text


def test_a_legacy_file_is_named_as_such(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"legacy format of torch\.save.*save it again"):
        load_checkpoint(tmp_path / "legacy.pt")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("backbone.options", {"checkpoint_path": "weights"}),
        ("backbone.options", {"pretrained_cfg": {"file": "weights"}}),
        ("backbone.options", {"stem": "/etc/passwd"}),
        ("backbone.options", {"stem": "weights.pth"}),
        ("backbone.name", "timm:local-dir:/tmp/weights"),
        ("method.options", {"ensemble": "..\\weights"}),
        ("exits", ["~/weights"]),
    ],
)
def test_settings_that_name_files_are_refused(checkpoint: Path, tmp_path: Path, setting: str, value: Any) -> None:
    config = torch.load(checkpoint, weights_only=True)["config"]
    *groups, last = setting.split(".")
    group = config
    for name in groups:
        group = group[name]
    group[last] = value
    with pytest.raises(CheckpointError, match=f"the setting {setting}.* names a file, and a checkpoint is read"):
        load_checkpoint(altered(checkpoint, tmp_path / "planted.pt", config=config))


def test_where_the_images_were_is_neither_kept_nor_looked_at(
    checkpoint: Path, tiny: TrainConfig, tmp_path: Path
) -> None:
    place = str(tmp_path / "images")
    path = train(replace(tiny, regime="-+-", data=replace(tiny.data, root=place)), tmp_path / "run")
    content = torch.load(path, weights_only=True)
    assert place not in repr([content["config"], content["provenance"], content["started_from"]])
    older = {**content["config"], "data": {**content["config"]["data"], "root": place}}
    assert load_checkpoint(altered(checkpoint, tmp_path / "old.pt", config=older)).config.data.root is None


def test_files_that_weights_start_from_are_opened_by_training_alone(tiny: TrainConfig, tmp_path: Path) -> None:
    import timm

    start = timm.create_model("test_resnet", num_classes=4)
    torch.save(start.state_dict(), tmp_path / "start.pth")
    options = {"checkpoint_path": str(tmp_path / "start.pth")}
    backbone = BackboneConfig(name="timm:test_resnet", options=options)
    config = replace(tiny, backbone=backbone, regime="disjoint", phase1=replace(tiny.phase1, epochs=1, lr=1e-30))
    path = train(config, tmp_path / "run")
    (tmp_path / "start.pth").unlink()
    found = load_checkpoint(path)
    assert torch.equal(found.model.state_dict()["backbone.fc.weight"], start.state_dict()["fc.weight"])
    assert found.config.backbone.options == {}
    assert train(config, tmp_path / "run") == path  # the same run, and it is over
    other = replace(config, backbone=replace(backbone, options={"checkpoint_path": "other.pth"}))
    with pytest.raises(CheckpointError, match=r"other settings .*checkpoint_path"):
        train(other, tmp_path / "run")


def test_a_flipped_bit_anywhere_is_noticed(checkpoint: Path, tmp_path: Path) -> None:
    whole, random = checkpoint.read_bytes(), np.random.default_rng(0)
    directory = len(whole) - 4000  # the names of the parts and where they lie, then the checksum
    places = [*random.integers(0, len(whole), 40), *random.integers(directory, len(whole), 80)]
    for place in map(int, places):
        content = bytearray(whole)
        content[place] ^= 1 << int(random.integers(8))
        (tmp_path / "flipped.pt").write_bytes(content)
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / "flipped.pt")


def test_a_full_disk_is_a_sentence_and_keeps_what_was_there(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.pt"
    target.write_bytes(checkpoint.read_bytes())
    with full_disk(4096), pytest.raises(InputError, match=r"kept\.pt cannot be written.*make room"):
        save_sealed(target, {"weights": torch.zeros(100_000)})
    assert target.read_bytes() == checkpoint.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["kept.pt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"colour": "red"}}, "unknown setting 'colour'"),
        ({"config": None}, "damaged"),
        ({"modules": ["nowhere"]}, "unknown block 'nowhere'"),
        ({"classes": ["a"]}, "size mismatch|Error"),
        ({"model": {}}, "Missing key|Error"),
        ({"provenance": ["x"]}, "damaged"),
        ({"calibration": {"kind": "laplace"}}, "damaged"),
        ({"input": {}}, "damaged"),
    ],
)
def test_contents_that_do_not_fit_are_refused(
    checkpoint: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(altered(checkpoint, tmp_path / "odd.pt", **changes))
