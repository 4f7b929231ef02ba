from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from own_parts import BACKBONE, DATA, METHOD, installed, own_files

from eeinfer.errors import CheckpointError, ConfigError, DataError, EeinferError
from eeinfer.export import export_checkpoint
from eeinfer.training import BackboneConfig, DataConfig, MethodConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.calibration import calibrate
from eeinfer.training.data import load_dataset
from eeinfer.training.runs.listing import list_runs
from eeinfer.training.runs.sealed import save_sealed


def own_config(tiny: TrainConfig, folder: Path) -> TrainConfig:
    own_files(folder)
    return replace(
        tiny,
        data=DataConfig(name=f"{folder}/data.py:stripes", batch_size=32),
        backbone=BackboneConfig(name=f"{folder}/net.py:Net", options={"width": 6}),
        method=MethodConfig(name=f"{folder}/method.py:Averaged"),
        regime="joint",
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def checkpoint(tiny: TrainConfig, home: Path) -> Path:
    return train(own_config(tiny, home), home / "run")


def parts(home: Path) -> list[Path]:
    return [home / "method.py", home / "net.py", home / "data.py"]


def test_a_run_of_own_parts_is_read_again_with_their_files(checkpoint: Path, home: Path) -> None:
    found = load_checkpoint(checkpoint, parts=parts(home))
    assert [tuple(exit.shape) for exit in found.model(torch.zeros(3, 1, 8, 8))] == [(3, 2)] * 3
    assert type(found.model.heads).__name__ == "Averaged"
    assert found.provenance["parts"]["backbone"]["file"] == "net.py"
    assert len(found.provenance["parts"]["backbone"]["sha256"]) == 64
    assert found.provenance["method"].endswith(":Averaged")


def test_the_folder_of_the_run_keeps_a_copy_that_serves_as_well(checkpoint: Path, home: Path) -> None:
    copies = sorted((home / "run" / "parts").iterdir())
    assert [copy.name for copy in copies] == ["data.py", "method.py", "net.py"]
    assert load_checkpoint(checkpoint, parts=copies).classes == ("dark", "light")


def test_a_list_of_runs_tells_of_it_and_runs_no_file(checkpoint: Path) -> None:
    [found] = list_runs(checkpoint.parent)
    assert (found.state, found.problem, found.flops) == ("finished", None, None)
    assert (found.data, found.backbone, found.method) == ("data.py:stripes", "net.py:Net", "method.py:Averaged")
    assert found.accuracy is not None
    assert len(found.accuracy) == 3


def test_no_path_of_the_user_is_in_the_checkpoint(checkpoint: Path, home: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content.pop("model")
    assert str(home) not in repr(content)


def test_a_checkpoint_of_own_parts_is_calibrated_and_exported(checkpoint: Path, home: Path, tmp_path: Path) -> None:
    warm = calibrate(checkpoint, tmp_path / "warm.pt", parts=parts(home)).path
    bundle = export_checkpoint(warm, tmp_path / "own.eeb", parts=parts(home)[:2])  # without its images
    assert (bundle / "manifest.json").is_file()


def test_a_finished_or_interrupted_run_goes_on_with_the_same_files(
    checkpoint: Path, home: Path, tiny: TrainConfig
) -> None:
    assert train(own_config(tiny, home), home / "run") == checkpoint


def test_a_run_does_not_go_on_with_a_file_that_was_altered(tiny: TrainConfig, tmp_path: Path) -> None:
    config = own_config(tiny, tmp_path)
    train(config, tmp_path / "run")
    (tmp_path / "method.py").write_text(METHOD + "\n# changed\n")
    with pytest.raises(CheckpointError, match=r"method.name 'method.py@\w+:Averaged' there.*--fresh"):
        train(config, tmp_path / "run")


def test_what_is_missing_is_named_with_the_command(checkpoint: Path, home: Path) -> None:
    with pytest.raises(CheckpointError, match=r"backbone Net of .* file net.py, and .* add --part net.py"):
        load_checkpoint(checkpoint)
    with pytest.raises(CheckpointError, match=r"method Averaged .* add --part method.py"):
        load_checkpoint(checkpoint, parts=[home / "net.py"])


def test_a_file_of_the_same_name_in_the_current_folder_is_not_run(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("net", "method", "data"):
        (tmp_path / f"{name}.py").write_text("from pathlib import Path\nPath('ran').write_text('yes')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        load_checkpoint(checkpoint)
    with pytest.raises(CheckpointError, match=r"net.py is another one \(SHA-256 \w{12} instead of \w{12}\)"):
        load_checkpoint(checkpoint, parts=["net.py"])
    for name in ("data.py:stripes", f"{tmp_path}/data.py:stripes", "data.py@0123456789ab:stripes"):
        with pytest.raises(DataError):
            load_dataset(name)
    assert not Path("ran").exists()


@pytest.mark.parametrize(("part", "name"), [("backbone", "net.py:Net"), ("method", "m.py:M"), ("data", "d.py:load")])
def test_a_planted_name_is_not_run(
    part: str, name: str, tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = torch.load(train(replace(tiny, regime="-+-"), tmp_path / "run"), weights_only=True)
    Path(name.partition(":")[0]).write_text("from pathlib import Path\nPath('ran').write_text('yes')\n")
    for planted in (name, f"{tmp_path}/{name}", name.replace(".py:", ".py@0123456789ab:")):
        content["config"][part]["name"] = planted
        save_sealed(tmp_path / "planted.pt", content)
        if part == "data" and "@" in planted:
            load_checkpoint(tmp_path / "planted.pt")
            continue
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / "planted.pt")
    assert not Path("ran").exists()


def test_damaged_origins_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    for planted in (7, {"method": 3}, {"other": {"type": "file", "file": "a", "name": "b", "sha256": "c"}}):
        save_sealed(tmp_path / "planted.pt", {**content, "parts": planted})
        with pytest.raises(CheckpointError, match="does not say where its parts came from"):
            load_checkpoint(tmp_path / "planted.pt")


def test_a_file_without_a_part_of_the_checkpoint_is_refused(checkpoint: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("x = 1\n")
    with pytest.raises(CheckpointError, match=r"no part of .* is in other.py: its parts come from .*net.py"):
        load_checkpoint(checkpoint, parts=[*parts(home), tmp_path / "other.py"])


BAD: list[tuple[str, str, str, str]] = [
    ("method", "absent.py:X", "", r"file .*absent.py does not exist"),
    ("method", "m.py:Absent", METHOD, r"m.py has no method 'Absent': it defines Averaged, helper"),
    ("method", "m.py:Averaged", "def broken(:\n", r"m.py has a syntax error in line 1"),
    ("method", "m.py:Averaged", "\n1 / 0\n", r"m.py fails when it is run \(ZeroDivisionError: division by zero\)"),
    ("method", "m.py:Averaged", "import sys\nsys.exit(3)\n", r"m.py fails when it is run \(SystemExit: 3\)"),
    ("method", "m.py:Averaged", "import no_such_package\n", r"ModuleNotFoundError: No module named 'no_such_package'"),
    ("method", "m.py:helper", METHOD, r"m.py:helper is no method: it has to be a class below"),
    ("method", "m.py", METHOD, r"names a file and nothing in it: give .*m.py:NAME"),
    ("method", "m.py:Averaged", METHOD.replace("super().__init__(specs", "super().__init__(spec"), r"NameError"),
    ("backbone", "n.py:Net", "Net = 3\n", r"n.py:Net is no backbone"),
    ("backbone", "n.py:broken", BACKBONE, r"n.py:broken fails when it is made \(RuntimeError: no such layer\)"),
    ("backbone", "n.py:nothing", BACKBONE, r"n.py:nothing gave int; it has to give a torch.nn.Module"),
    ("data", "d.py:wrong", DATA, r"d.py:wrong returned list; it has to return an eeinfer.training.data.Dataset"),
    ("data", "d.py:one_class", DATA, r"d.py:one_class returned 1 classes"),
    ("data", "d.py:stripes", DATA.replace("astype(np.uint8)", "astype(float)"), r"type float64 and shape \[64, 8, 8\]"),
    ("data", "d.py:stripes", DATA.replace("% 2", "% 3"), r"labels that are no whole numbers from 0 to 1"),
]


@pytest.mark.parametrize(("part", "name", "text", "message"), BAD)
def test_what_is_no_part_is_told(
    part: str, name: str, text: str, message: str, tiny: TrainConfig, tmp_path: Path
) -> None:
    if text:
        (tmp_path / name.partition(":")[0]).write_text(text)
    kinds: dict[str, Any] = {"backbone": BackboneConfig, "method": MethodConfig, "data": DataConfig}
    config = replace(tiny, **{part: kinds[part](name=f"{tmp_path}/{name}")})
    with pytest.raises(EeinferError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_option_of_a_backbone_in_a_file_is_checked(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(
        own_config(tiny, tmp_path), backbone=BackboneConfig(name=f"{tmp_path}/net.py:Net", options={"widht": 3})
    )
    with pytest.raises(
        ConfigError, match=r"unknown option of backbone .*net.py:Net 'widht': did you mean 'width'\? known are width"
    ):
        train(config, tmp_path / "run")


def test_a_package_declares_a_method(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, method=MethodConfig(name="averaged"), regime="joint")
    with installed(tmp_path / "site", "eeinfer.methods", "averaged", METHOD, "Averaged"):
        found = load_checkpoint(path := train(config, tmp_path / "run"))
        assert type(found.model.heads).__name__ == "Averaged"
        assert found.provenance["parts"]["method"] == {
            "type": "package", "package": "my-pack", "version": "1.2", "name": "averaged"
        }  # fmt: skip
    with pytest.raises(CheckpointError, match=r"package my-pack 1.2, which is not installed: pip install my-pack==1.2"):
        load_checkpoint(path)
    with pytest.raises(ConfigError, match=r"unknown method 'averaged': known are sdn.*FILE.py:NAME"):
        train(config, tmp_path / "other")


def test_a_package_declares_backbone_and_data(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, data=DataConfig(name="stripes", batch_size=32), backbone=BackboneConfig(name="small_net"))
    with (
        installed(tmp_path / "a", "eeinfer.datasets", "stripes", DATA, "stripes"),
        installed(tmp_path / "b", "eeinfer.backbones", "small_net", BACKBONE, "Net", "net-pack"),
    ):
        assert load_checkpoint(train(config, tmp_path / "run")).classes == ("dark", "light")


def test_a_name_that_is_built_in_is_not_taken_by_a_package(tiny: TrainConfig, tmp_path: Path) -> None:
    with (
        installed(tmp_path / "site", "eeinfer.methods", "sdn", METHOD, "Averaged"),
        pytest.raises(ConfigError, match=r"'sdn' is built in, and my-pack 1.2 declares another one"),
    ):
        train(tiny, tmp_path / "run")


def test_a_package_that_cannot_be_imported_is_named(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, method=MethodConfig(name="averaged"))
    with (
        installed(tmp_path / "site", "eeinfer.methods", "averaged", "1 / 0", "Averaged"),
        pytest.raises(ConfigError, match=r"'averaged' of my-pack 1.2 cannot be imported .ZeroDivisionError"),
    ):
        train(config, tmp_path / "run")
