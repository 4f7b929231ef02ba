"""The optimised form is made once, into the cache or the bundle, of what the fingerprint stands for."""

import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from altered_bundles import edit
from torch import Tensor, nn

import eeinfer
from eeinfer.backends.ort import optimised
from eeinfer.bundle.builds import survey
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.optimised import survey_forms
from eeinfer.errors import BundleError, ConfigError, ExportError
from eeinfer.export import export_bundle
from eeinfer.export.optimise import api
from eeinfer.machine import cache


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def scores(path: Path, *, form: bool = True) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(path, threads=1) as engine:
        assert engine.optimised is form
        return engine.all_exits(images).scores


def test_a_form_in_the_bundle_runs_where_nothing_can_be_kept(
    bundle_copy: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    opened = Bundle.open(bundle_copy)
    place = api.optimise(opened, "bundle")
    assert place is not None
    assert place.parent == bundle_copy / "engines"
    assert place.name == f"onnxruntime-{optimised.target(opened).key}"
    assert not kept.exists()
    assert [*place.parent.iterdir()] == [place]
    assert Bundle.open(bundle_copy).fingerprint == opened.fingerprint
    wanted = scores(tiny_bundle)
    monkeypatch.setenv(cache.VARIABLE, "off")
    np.testing.assert_array_equal(scores(bundle_copy), wanted)


def test_the_key_is_the_one_that_the_docs_describe(tiny_bundle: Path) -> None:
    import hashlib

    import onnxruntime

    from eeinfer.machine.instructions import instruction_sets

    manifest = hashlib.sha256((tiny_bundle / "manifest.json").read_bytes()).hexdigest()
    lines = f"{manifest}\nonnxruntime {onnxruntime.__version__}\nform 6\n{instruction_sets()}"
    place = optimised.place(Bundle.open(tiny_bundle))
    assert place is not None
    assert place.name == hashlib.sha256(lines.encode()).hexdigest()[:32]


def test_what_is_there_stays(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    place = api.optimise(bundle)
    assert place is not None
    record = (place / "build.json").read_bytes()
    assert api.optimise(bundle) == place
    assert (place / "build.json").read_bytes() == record, "two forms never have the same record"


@pytest.mark.parametrize("name", ["model.bin", "build.json"])
def test_a_damaged_one_in_the_bundle_is_left_alone_by_loading_and_made_again_on_request(
    bundle_copy: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = Bundle.open(bundle_copy)
    place = api.optimise(bundle, "bundle")
    assert place is not None
    sound = (place / name).read_bytes()
    (place / name).write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    before = scores(bundle_copy)  # from the cache now
    assert "--into bundle" in caplog.text
    assert (place / name).read_bytes() != sound
    assert api.optimise(bundle, "bundle") == place
    np.testing.assert_array_equal(scores(bundle_copy), before)
    assert [form.problem for form in survey_forms(bundle)] == [None]


def test_forms_are_listed_with_what_is_wrong_with_them(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    assert survey_forms(bundle) == []
    place = api.optimise(bundle, "bundle")
    assert place is not None
    shutil.copytree(place, place.with_name("onnxruntime-damaged"))
    (place.with_name("onnxruntime-damaged") / "build.json").write_text("{")
    found = survey_forms(bundle)
    assert {form.folder for form in found} == {f"engines/{place.name}", "engines/onnxruntime-damaged"}
    assert [form.build is None for form in found if form.problem] == [True]
    assert survey(bundle) == [], "they are no TensorRT plans"
    edit(bundle_copy, lambda data: data.update(name="other"))
    assert all("another state" in str(form.problem) for form in survey_forms(Bundle.open(bundle_copy)) if form.build)


def test_nothing_is_made_of_a_bundle_that_was_replaced_meanwhile(
    bundle_copy: Path, scripted_bundle: Path, kept: Path
) -> None:
    """The files of another bundle, all right by their own manifest: not those that the fingerprint stands for."""
    opened = Bundle.open(bundle_copy)
    foreign = replace(opened, path=scripted_bundle)
    with pytest.raises((ExportError, BundleError)):
        api.optimise(foreign)
    edit(bundle_copy, lambda data: data.update(name="other"))
    with pytest.raises(ExportError, match="was replaced"):
        api.optimise(opened)
    assert not [*(kept / "optimised").iterdir()]


def test_many_at_once_make_one(tiny_bundle: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, places = [], []
    make = api._make

    def counted(bundle: Bundle, place: Path) -> None:
        made.append(place)
        make(bundle, place)

    monkeypatch.setattr(api, "_make", counted)
    bundle = Bundle.open(tiny_bundle)
    threads = [threading.Thread(target=lambda: places.append(api.optimise(bundle))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert places == made * 5
    assert [*(kept / "optimised").iterdir()] == made


def test_without_a_lock_the_form_that_was_there_first_stays(
    tiny_bundle: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two makers on a file system without locks: the second finds its place taken."""
    bundle = Bundle.open(tiny_bundle)
    publish, records = api._publish, []

    def somebody_else_is_quicker(form: Path, place: Path) -> None:
        shutil.copytree(form, place)
        (place / "build.json").write_bytes((place / "build.json").read_bytes() + b"\n")
        records.append((place / "build.json").read_bytes())
        publish(form, place)

    monkeypatch.setattr(api, "_publish", somebody_else_is_quicker)
    place = api.optimise(bundle)
    assert place is not None
    assert [(place / "build.json").read_bytes()] == records
    assert [*(kept / "optimised").iterdir()] == [place]


def test_where_nothing_is_kept_that_is_said(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    with pytest.raises(ConfigError, match="--into bundle"):
        api.optimise(Bundle.open(tiny_bundle))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(api, "write_segments", full)
    with pytest.raises(ExportError, match=r"cannot write .*engines.*: No space left"):
        api.optimise(Bundle.open(bundle_copy), "bundle")
    assert not (bundle_copy / "engines").exists()


def test_the_record_says_what_the_form_was_made_for(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    place = api.optimise(bundle)
    assert place is not None
    record = json.loads((place / "build.json").read_text())
    assert record["library"] == "onnxruntime"
    assert record["target"]["bundle"] == bundle.fingerprint
    assert {path.name for path in place.iterdir()} == {"build.json", *record["files"]}
    assert record["files"].keys() == record["crc32"].keys()
    assert len(record["segments"]) == len(bundle.manifest.segments)


class _Typed(nn.Module):
    """Words and their kinds, of which there is one only (RoBERTa has such a table), and two exits."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds = nn.Embedding(30, 8), nn.Embedding(1, 8)
        self.first, self.inner, self.last = nn.Linear(8, 3), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, ids: Tensor, kinds: Tensor, pixels: Tensor) -> tuple[Tensor, ...]:
        x = (self.words(ids) + self.kinds(kinds)).mean(1) + pixels
        return self.first(x), self.last(self.inner(x).relu())


def test_ids_and_numbers_side_by_side_are_tried_within_their_tables(tmp_path: Path) -> None:
    given = {
        "ids": torch.arange(10).reshape(2, 5),
        "kinds": torch.zeros(2, 5, dtype=torch.int64),
        "pixels": torch.randn(2, 8),
    }
    torch.manual_seed(0)
    model = _Typed().eval()
    bundle = export_bundle(model, given, tmp_path / "typed")
    with eeinfer.load(bundle, threads=1) as engine, torch.no_grad():
        assert engine.optimised is True
        found = engine.all_exits({name: tensor.numpy() for name, tensor in given.items()})
        np.testing.assert_allclose(found.logits, torch.stack(model(**given), 1).numpy(), atol=1e-5)
