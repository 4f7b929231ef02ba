from pathlib import Path

import pytest

import eeinfer
from eeinfer.backends.threads import MODES, as_threads
from eeinfer.errors import ConfigError
from eeinfer.machine.cores import physical_cores

LARGE, SMALL = 10**9, 10**6


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (3, "parked:3"),
        ("parked:2", "parked:2"),
        ("stopping:1,2", "stopping:1,2"),
        ("spinning:2,2", "spinning:2"),
        ("shared:4", "shared:4"),
        ("shared", f"shared:{physical_cores()}"),
    ],
)
def test_a_setting_is_read(setting: int | str, text: str) -> None:
    assert str(as_threads(setting, (LARGE, LARGE))) == text


@pytest.mark.parametrize("setting", [None, "parked", "stopping"])
def test_by_default_small_segments_have_one_thread(setting: str | None) -> None:
    assert as_threads(setting, (SMALL, LARGE)).counts == (1, physical_cores())


@pytest.mark.parametrize(
    "setting", [0, True, 1.5, "", "4", "fast", "parked:", "parked:0", "parked:x", "parked:1,2,3", "shared:1,2"]
)
def test_a_senseless_setting_is_refused(setting: object) -> None:
    with pytest.raises(ConfigError, match=r"threads is .*shared.*2 segments"):
        as_threads(setting, (LARGE, LARGE))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "shared"])
def test_every_mode_answers_the_same(tiny_bundle: Path, tiny_engine: eeinfer.Engine, mode: str) -> None:
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, threads=f"{mode}:1,2,1") as engine:
        assert engine.threads == 2
        np.testing.assert_allclose(engine(images).scores, tiny_engine(images).scores, atol=1e-6)
