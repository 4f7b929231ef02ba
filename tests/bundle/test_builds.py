"""Plans in a bundle are found where they fit, and refused with the reason and the command where they do not."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eeinfer.bundle.build_record import Build, Plan, encode_build, plan_name, platform_name
from eeinfer.bundle.builds import builds, find_build, source_sha256, survey
from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.errors import BundleError

VERSION = "10.13.3.9"
FOLDER = "engines/tensorrt-sm86"
Edit = Callable[[dict[str, Any]], object]


def write(bundle: Path, library: str = "tensorrt", target: str = "sm86", **fields: Any) -> Path:
    """Plans as a builder leaves them, of a few bytes each."""
    opened = Bundle.open(bundle)
    folder = bundle / "engines" / f"{library}-{target}"
    folder.mkdir(parents=True)
    plans = []
    for segment in opened.manifest.segments:
        path = folder / plan_name(segment)
        path.write_bytes(f"plan of {segment.file}".encode())
        expected, source = hash_file(path), source_sha256(opened, segment)
        plans.append(
            Plan(file=path.name, sha256=expected.sha256, bytes=expected.bytes, onnx_sha256=source, seconds=1.5)
        )
    facts = {"platform": platform_name(), "batches": (1, 8), "flags": {"tf32": True}, **fields}
    build = Build(
        library=library,
        library_version=VERSION,
        target=target,
        created="2026-01-01T00:00:00+00:00",
        plans=tuple(plans),
        **facts,
    )
    (folder / "build.json").write_bytes(encode_build(build))
    return folder


def find(bundle: Path, library: str = "tensorrt", version: str = VERSION, sm: tuple[int, int] = (8, 6)) -> Build:
    return find_build(Bundle.open(bundle), library=library, library_version=version, capability=sm)


def test_what_fits_is_found(bundle_copy: Path) -> None:
    write(bundle_copy)
    write(bundle_copy, target="sm120", library="tensorrt_rtx")
    build = find(bundle_copy)
    assert (build.folder, build.batches, build.flags) == (FOLDER, (1, 8), {"tf32": True})
    assert [plan.file for plan in build.plans] == ["segment_00.engine", "segment_01.engine", "segment_02.engine"]
    assert find(bundle_copy, library="tensorrt_rtx", sm=(12, 0)).target == "sm120"


def test_a_bundle_without_plans_says_how_to_build_them(bundle_copy: Path) -> None:
    assert builds(Bundle.open(bundle_copy)) == []
    with pytest.raises(BundleError, match=r"no tensorrt plans for sm86 \(it has none\); .* --trt --target current$"):
        find(bundle_copy)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            {"library": "tensorrt_rtx"},
            "no tensorrt_rtx plans for sm86 .it has tensorrt-sm86.*--trt-library tensorrt_rtx",
        ),
        ({"sm": (9, 0)}, r"no tensorrt plans for sm90 \(it has tensorrt-sm86\)"),
        ({"version": "11.4.0.106"}, "by tensorrt 10.13.3.9, here 11.4.0.106 is installed; .* current --force"),
    ],
)
def test_plans_for_something_else_are_refused(bundle_copy: Path, wanted: dict[str, Any], sentence: str) -> None:
    write(bundle_copy)
    with pytest.raises(BundleError, match=sentence):
        find(bundle_copy, **wanted)


def test_only_plans_of_rtx_change_their_system(bundle_copy: Path) -> None:
    other = platform_name().replace("linux", "elsewhere").replace("windows", "elsewhere").replace("darwin", "elsewhere")
    for library, place in (("tensorrt", other), ("tensorrt_rtx", other)):
        write(bundle_copy, library=library, platform=place)
    assert find(bundle_copy, library="tensorrt_rtx").platform == other
    with pytest.raises(BundleError, match=f"was built for {other}, this is {platform_name()}"):
        find(bundle_copy)
    shutil.rmtree(bundle_copy / "engines")
    write(bundle_copy, library="tensorrt_rtx", platform="linux_riscv64")
    with pytest.raises(BundleError, match="was built for linux_riscv64"):
        find(bundle_copy, library="tensorrt_rtx")


def altered(folder: Path) -> None:
    path = folder / "segment_01.engine"
    path.write_bytes(path.read_bytes().swapcase())


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda folder: (folder / "segment_01.engine").unlink(), "segment_01.engine is missing"),
    "truncated": (
        lambda folder: (folder / "segment_01.engine").write_bytes(b"plan"),
        "has 4 bytes, build.json says 23",
    ),
    "altered": (altered, "segment_01.engine was altered, its SHA-256 is not the one in build.json"),
    "folder": (lambda folder: (folder / "build.json").unlink(), "build.json is missing, so nothing vouches"),
    "cut short": (
        lambda folder: os.truncate(folder / "build.json", 100),
        r"build.json is truncated or not JSON: Input data was truncated",
    ),
    "not json": (
        lambda folder: (folder / "build.json").write_bytes(b"\xff\xfe"),
        "build.json is truncated or not JSON",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_with_the_command_that_mends_it(bundle_copy: Path, damage: str) -> None:
    spoil, sentence = DAMAGE[damage]
    spoil(write(bundle_copy))
    with pytest.raises(BundleError, match=f"{sentence}.*; build the plans again with: eeinfer export .* --force$"):
        find(bundle_copy)
    [found] = survey(Bundle.open(bundle_copy))
    assert re.search(sentence, str(found.problem))


def test_without_verifying_only_the_hash_goes_unseen(bundle_copy: Path) -> None:
    altered(write(bundle_copy))
    opened = Bundle.open(bundle_copy)
    facts = {"library": "tensorrt", "library_version": VERSION, "capability": (8, 6)}
    assert find_build(opened, **facts, verify=False).folder == FOLDER
    with pytest.raises(BundleError, match="altered"):
        find_build(opened, **facts)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            lambda build: build.update(format_version=7, more=1),
            "has format version 7, this eeinfer reads version 1; .*pip",
        ),
        (lambda build: build.update(format_version=0), "has format version 0, this eeinfer reads version 1.* --force"),
        (lambda build: build.update(format_version=0.5), "is not of format 1: Expected `int`"),
        (lambda build: build.update(colour="red"), "is not of format 1: Object contains unknown field `colour`"),
        (lambda build: build.pop("batches"), "missing required field `batches`"),
        (lambda build: build.update(batches=[]), "is not of format 1"),
        (lambda build: build.update(batches=[0]), "is not of format 1"),
        (lambda build: build.update(library="tensorrt_lite"), "is not of format 1"),
        (lambda build: build.update(target="../.."), "is not of format 1"),
        (lambda build: build.update(target="sm90"), "speaks of engines/tensorrt-sm90, not of the folder it lies in"),
        (lambda build: build["plans"].pop(), "does not list segment_00.engine, segment_01.engine, segment_02.engine"),
        (lambda build: build["plans"].reverse(), "does not list segment_00.engine"),
        (lambda build: build["plans"][0].update(file="../../weights.bin"), "does not list segment_00.engine"),
    ],
)
def test_a_build_json_that_does_not_hold_is_refused(bundle_copy: Path, edit: Edit, sentence: str) -> None:
    path = write(bundle_copy) / "build.json"
    facts = json.loads(path.read_text())
    edit(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(BundleError, match=sentence):
        find(bundle_copy)


@pytest.mark.parametrize("name", ["segment_00.onnx", "weights.bin"])
def test_plans_are_stale_when_what_they_were_built_from_changes(bundle_copy: Path, name: str) -> None:
    write(bundle_copy)
    opened = Bundle.open(bundle_copy)
    files = {**opened.manifest.files, name: msgspec.structs.replace(opened.manifest.files[name], sha256="0" * 64)}
    changed = replace(opened, manifest=msgspec.structs.replace(opened.manifest, files=files))
    with pytest.raises(BundleError, match=r"segment_00.engine is stale: segment_00.onnx or its weights changed"):
        find_build(changed, library="tensorrt", library_version=VERSION, capability=(8, 6))
    [found] = survey(changed)
    assert found.build is not None
    assert "stale" in str(found.problem)


def test_a_link_that_leaves_the_bundle_is_not_followed(bundle_copy: Path, tmp_path: Path) -> None:
    path = write(bundle_copy) / "segment_00.engine"
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(BundleError, match=r"segment_00.engine is missing"):
        find(bundle_copy)


def test_survey_passes_over_what_is_still_being_built(bundle_copy: Path) -> None:
    folder = write(bundle_copy)
    shutil.copytree(folder, folder.with_name(".tensorrt-sm90.unfinished"))
    (folder.parent / "notes.txt").write_text("a file is no folder of plans")
    assert [found.folder for found in survey(Bundle.open(bundle_copy))] == [FOLDER]
    assert [build.folder for build in builds(Bundle.open(bundle_copy))] == [FOLDER]
