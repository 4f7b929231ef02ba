from pathlib import Path

import pytest
from own_parts import installed

import eeinfer
from eeinfer.errors import ConfigError

BACKEND = """
from eeinfer.backends.ort.backend import OrtBackend

class Counted(OrtBackend):
    opened = 0

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        Counted.opened += 1
"""


def test_a_package_declares_a_backend(tiny_bundle: Path, tmp_path: Path) -> None:
    with installed(tmp_path, "eeinfer.backends", "counted", BACKEND, "Counted"):
        with eeinfer.load(tiny_bundle, backend="counted", threads=1) as engine:
            assert engine.backend
        import my_pack_counted  # type: ignore[import-not-found]

        assert my_pack_counted.Counted.opened  # twice where the optimised form is tried


def test_an_unknown_backend_is_answered_with_what_is_declared_too(tiny_bundle: Path, tmp_path: Path) -> None:
    with (
        installed(tmp_path, "eeinfer.backends", "counted", BACKEND, "Counted"),
        pytest.raises(ConfigError, match=r"unknown backend 'other': known are onnxruntime, .*, counted"),
    ):
        eeinfer.load(tiny_bundle, backend="other")
