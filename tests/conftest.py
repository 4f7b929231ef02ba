"""Bundles and engines made once for all tests. Change a bundle only in a copy: `bundle_copy`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import compiled
import pytest
import small_bundles
from hypothesis import settings

import eeinfer
from eeinfer.backends.native import library
from eeinfer.machine import cache

settings.register_profile("eeinfer", deadline=None)  # the machine may be busy
settings.load_profile("eeinfer")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is made for this machine out of its real cache; commands that tests start see the same folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(tmp_path_factory.mktemp("cache")))
        patch.setenv(library.VARIABLE, library.OFF)  # tests of the compiled loop name it
        yield


@pytest.fixture(scope="session")
def native_library() -> Path:
    """The compiled library; the test is skipped where it cannot be had."""
    return compiled.compiled_library()


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundles.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.eeb")


@pytest.fixture(scope="session")
def scripted_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundles.write_scripted(tmp_path_factory.mktemp("scripted") / "scripted.eeb")


@pytest.fixture(scope="session")
def words_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundles.write_words(tmp_path_factory.mktemp("words") / "words.eeb")


@pytest.fixture(scope="session")
def five_words_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundles.write_words(tmp_path_factory.mktemp("five") / "words.eeb", 5)


@pytest.fixture
def bundle_copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "copy.eeb")


@pytest.fixture(scope="session")
def tiny_engine(tiny_bundle: Path) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        yield engine


@pytest.fixture(scope="session")
def scripted_engine(scripted_bundle: Path) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(scripted_bundle, threads=1) as engine:
        yield engine
