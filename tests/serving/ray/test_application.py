"""An application of Ray Serve, as far as no Ray is needed; tests/serving/hosts has a real one."""

import pickle
import sys
from pathlib import Path

import pytest

from eeinfer.errors import DependencyError, OverloadError
from eeinfer.serving.ray import app


def test_without_ray_the_extra_is_named(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError, match="pip install 'eeinfer\\[cpu,ray-serve\\]'"):
        app(tiny_bundle)


def test_a_refusal_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(OverloadError("full", retry_after_s=0.5, closing=True)))
    assert (str(error), error.retry_after_s, error.closing) == ("full", 0.5, True)
