"""A bundle that is replaced or altered while it is read: the old one, the new one or an error, never a mixture."""

import shutil
import time
from pathlib import Path

import pytest
import small_bundles
from altered_bundles import edit

import eeinfer
from eeinfer.bundle import folder as folders
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, ReplacedError
from eeinfer.export.exchange import put_in_place

_TICK_S = 0.02  # the system's times of change are no finer than a few milliseconds


def replace(target: Path, source: Path) -> None:
    """As `eeinfer export --force` does."""
    new = Path(shutil.copytree(source, target.with_name("new.eeb")))
    old = put_in_place(new, target)
    assert old is not None
    shutil.rmtree(old)


def rewrite(path: Path) -> None:
    time.sleep(_TICK_S)
    path.write_bytes(path.read_bytes())


def there_and_back(path: Path, away: Path) -> None:
    time.sleep(_TICK_S)
    path.rename(away)
    away.rename(path)


def lose(path: Path) -> None:
    shutil.rmtree(path)
    raise BundleError("no such file")


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("how", ["folder", "manifest.json", "segment_01.onnx", "weights.bin"])
def test_what_changes_while_it_is_read_is_noticed(bundle_copy: Path, tiny_bundle: Path, how: str, verify: bool) -> None:
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(ReplacedError, match="was replaced or altered while it was read"), bundle.opening(verify=verify):
        replace(bundle_copy, tiny_bundle) if how == "folder" else rewrite(bundle_copy / how)


def test_a_folder_that_comes_back_is_noticed(bundle_copy: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(ReplacedError), bundle.opening(verify=True):
        there_and_back(bundle_copy, tmp_path / "away")


def test_it_explains_what_went_wrong_meanwhile(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(ReplacedError) as caught, bundle.opening(verify=False):
        lose(bundle_copy)
    assert "no such file" in str(caught.value.__cause__)


def test_other_errors_are_not_explained_by_it(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(BundleError, match="of its own") as caught, bundle.opening(verify=True):
        raise BundleError("a fault of its own")
    assert not isinstance(caught.value, ReplacedError)


def test_builds_that_come_meanwhile_do_not_count(bundle_copy: Path) -> None:
    (bundle_copy / "engines").mkdir()
    bundle = Bundle.open(bundle_copy)
    with bundle.opening(verify=True):
        (bundle_copy / "engines" / "tensorrt-sm86").mkdir()


def test_the_new_one_is_loaded_where_it_comes_in_between(
    bundle_copy: Path, scripted_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the opening and, once more, when the sessions are made."""
    times = []
    check = folders.check_files

    def checked(folder: Path, *args: object, **options: object) -> None:
        times.append(folder)
        if len(times) == 1:
            replace(bundle_copy, scripted_bundle)
        check(folder, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "check_files", checked)
    with eeinfer.load(bundle_copy, threads=1) as engine:
        assert engine.manifest.name == "scripted"
    assert len(times) > 1


def test_a_bundle_that_never_rests_is_refused(bundle_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = folders.check_files

    def checked(folder: Path, *args: object, **options: object) -> None:
        rewrite(bundle_copy / "manifest.json")
        check(folder, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "check_files", checked)
    with pytest.raises(ReplacedError):
        Bundle.open(bundle_copy)


def test_the_fingerprint_is_of_what_was_read(tmp_path: Path) -> None:
    path = small_bundles.write_tiny(tmp_path / "m.eeb")
    bundle = Bundle.open(path)
    before = bundle.fingerprint
    edit(path, lambda data: data.update(name="other"))
    assert bundle.fingerprint == before
    assert Bundle.open(path).fingerprint != before
