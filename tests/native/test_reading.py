"""Sound bundles: both readers say the same of what is in them, of this machine, and of where things are kept for it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import onnxruntime
import profiles
import pytest
from asking import Asked, ask

from eeinfer import samples
from eeinfer.backends.onnx_runtime import library
from eeinfer.backends.ort import optimised
from eeinfer.backends.profile import find_profile, profile_path, save_profile
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import alive, bytes_in_front
from eeinfer.bundle.optimised import OptimisedBuild
from eeinfer.bundle.sums import sums
from eeinfer.export.optimise import api
from eeinfer.machine import cache
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.instructions import instruction_sets

PROFILE = msgspec.structs.replace(profiles.PROFILE, threads="parked:2")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def asked(reader: Path, mode: str, bundle: Path) -> str:
    [answer] = ask(reader, mode, [f"{bundle}\t{onnxruntime.__version__}"])
    return answer


def described(bundle: Bundle) -> str:
    text = " ".join(map(str, (bundle.fingerprint, *bytes_in_front(bundle.manifest))))
    return f"ok {text}" + "".join(" |" + "".join(f" {spec.name}" for spec in specs) for specs in alive(bundle.manifest))


@pytest.mark.parametrize("name", ["tiny", "scripted", "words", "shipped"])
def test_both_read_the_same(reader: Path, request: pytest.FixtureRequest, name: str) -> None:
    path = samples.bundle_path() if name == "shipped" else request.getfixturevalue(f"{name}_bundle")
    assert ask(reader, "bundle", [str(path)]) == [described(Bundle.open(path))]


def test_both_know_the_same_machine(reader: Path) -> None:
    assert ask(reader, "machine", [""]) == [f"ok {physical_cores()} {instruction_sets()}"]


def test_a_form_is_found_in_the_bundle_before_the_cache(reader: Path, bundle_copy: Path) -> None:
    assert asked(reader, "form", bundle_copy) == "ok none"
    bundle = Bundle.open(bundle_copy)
    kept = api.optimise(bundle, "cache")
    assert asked(reader, "form", bundle_copy) == f"ok {kept}"
    own = api.optimise(bundle, "bundle")
    assert asked(reader, "form", bundle_copy) == f"ok {own}"
    assert [str(form.path) for form in optimised.find(bundle)] == [str(own), str(kept)]
    (own / "build.json").unlink()
    assert asked(reader, "form", bundle_copy) == f"ok {kept}"


def reseal(form: Path, change: Callable[[dict[str, object]], object]) -> None:
    record = json.loads((form / "build.json").read_text())
    change(record)
    (form / "build.json").write_text(json.dumps(record))


def one_bit(form: Path) -> None:
    data = bytearray((form / "model.bin").read_bytes())
    data[0] ^= 1
    (form / "model.bin").write_bytes(data)


def another_domain(form: Path) -> None:
    """What the sums vouch for is looked into all the same where it lies in a bundle, which others may have written."""
    data = (form / "segment_00.onnx").read_bytes()
    inner = b"\x0a\x0b\x3a\x09my.domain"
    (form / "segment_00.onnx").write_bytes(data + b"\x3a" + bytes([len(inner)]) + inner)
    build = msgspec.json.decode((form / "build.json").read_bytes(), type=OptimisedBuild)
    size = (form / "segment_00.onnx").stat().st_size
    file = msgspec.structs.replace(build.files["segment_00.onnx"], bytes=size)
    (form / "build.json").write_bytes(
        msgspec.json.encode(
            msgspec.structs.replace(
                build,
                files=build.files | {"segment_00.onnx": file},
                crc32=build.crc32 | {"segment_00.onnx": sums(form)["segment_00.onnx"]},
            )
        )
    )


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of the weights": one_bit,
    "an operator of another domain": another_domain,
    "no record": lambda form: (form / "build.json").unlink(),
    "no JSON": lambda form: (form / "build.json").write_bytes(b"{"),
    "a missing graph": lambda form: (form / "segment_01.onnx").unlink(),
    "another bundle": lambda form: reseal(form, lambda data: data["target"].update(bundle="0" * 64)),  # type: ignore[attr-defined]
    "another machine": lambda form: reseal(form, lambda data: data["target"].update(instruction_sets="x")),  # type: ignore[attr-defined]
    "another form": lambda form: reseal(form, lambda data: data["target"].update(form=4)),  # type: ignore[attr-defined]
    "another format": lambda form: reseal(form, lambda data: data.update(format_version=2)),
    "an unknown field": lambda form: reseal(form, lambda data: data.update(more=1)),
    "no sum": lambda form: reseal(form, lambda data: data["crc32"].popitem()),  # type: ignore[attr-defined]
    "no segments": lambda form: reseal(form, lambda data: data.update(segments=[])),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_form_that_one_leaves_alone_the_other_leaves_alone(reader: Path, bundle_copy: Path, damage: str) -> None:
    bundle = Bundle.open(bundle_copy)
    form = api.optimise(bundle, "bundle")
    assert form is not None
    assert asked(reader, "form", bundle_copy) == f"ok {form}"
    DAMAGE[damage](form)
    assert asked(reader, "form", bundle_copy) == "ok none"
    if damage != "a bit of the weights":  # which Python finds while it opens the sessions
        assert list(optimised.find(bundle)) == []


@pytest.mark.skipif(not hasattr(Path, "owner"), reason="this system has no such modes")
def test_nothing_is_taken_from_a_cache_that_others_may_write_to(reader: Path, bundle_copy: Path, kept: Path) -> None:
    form = api.optimise(Bundle.open(bundle_copy), "cache")
    for folder in (kept, kept / "optimised"):
        folder.chmod(0o777)
        assert asked(reader, "form", bundle_copy) == "ok none"
        folder.chmod(0o700)
        assert asked(reader, "form", bundle_copy) == f"ok {form}"


def test_a_profile_is_found_and_a_damaged_one_is_none(reader: Path, tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    assert asked(reader, "profile", tiny_bundle) == "ok none"
    path = save_profile(bundle, library(), PROFILE)
    assert path is not None
    sound = path.read_text()
    assert asked(reader, "profile", tiny_bundle) == "ok parked:2 stopping:1,1,2"
    for one, other in (
        ('"version": 1', '"version": 2'),
        ('"sizes"', '"size"'),
        ('"parked:2"', '"fast:2"'),
        ('"parked:2"', '"2"'),
        ('"bytes_per_ms": 1000000.0', '"bytes_per_ms": 0'),
        ('"move_ms": 0.1', '"move_ms": "0.1"'),
        ("{", ""),
    ):
        assert one in sound
        path.write_text(sound.replace(one, other, 1))
        assert asked(reader, "profile", tiny_bundle) == "ok none"
        assert find_profile(bundle, library()) is None
    assert path == profile_path(bundle, library())


def test_a_bundle_that_changes_between_two_openings_is_read_anew(reader: Path, bundle_copy: Path) -> None:
    with Asked(reader, "bundle") as opened:
        assert opened(str(bundle_copy)) == described(Bundle.open(bundle_copy))
        shutil.copy(bundle_copy / "segment_00.onnx", bundle_copy / "more.onnx")
        assert opened(str(bundle_copy)).endswith("more.onnx is not listed in the manifest; move it out of the bundle")
