"""Opening a bundle on a GPU by the names of the backends, with a stream that is none and the CPU in the GPU's place."""

import re
from pathlib import Path
from typing import Any

import cpu_provider
import numpy as np
import pytest

import eeinfer
from eeinfer.backends.ort_gpu import opening as ort_gpu
from eeinfer.backends.ort_gpu import providers
from eeinfer.errors import ConfigError
from eeinfer.machine import cache
from eeinfer.machine.gpus import Driver, Gpu
from eeinfer.machine.installed import Facts, Runtime

FACTS = Facts(
    driver=Driver(cuda=(13, 0), gpus=(Gpu(name="RTX 4090", capability=(8, 9)),)),
    versions={"onnxruntime-gpu": "1.31.1", "cuda-bindings": "13.5.0", "onnxruntime-ep-nv-tensorrt-rtx-cu13": "0.5.0"},
    runtime=Runtime(
        version="1.31.1", cuda=13, tensorrt=10, providers=("TensorrtExecutionProvider", "CUDAExecutionProvider")
    ),
)
NAMES = ("onnxruntime-cuda", "onnxruntime-tensorrt", "onnxruntime-tensorrt-rtx")
MAKERS = ("cuda_provider", "tensorrt_provider", "tensorrt_rtx_provider")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What the providers were asked for; each of them is the CPU."""
    calls: list[dict[str, Any]] = []

    def maker(name: str) -> Any:
        def make(index: int, stream: int, **settings: Any) -> providers.Provider:
            calls.append({"name": name, "index": index, "stream": stream, **settings})
            return cpu_provider.provider()

        return make

    for name in MAKERS:
        monkeypatch.setattr(providers, name, maker(name))
    monkeypatch.setattr(ort_gpu, "Stream", lambda gpu: 4711)
    for module in (eeinfer.backends, ort_gpu):
        monkeypatch.setattr(module, "collect", lambda: FACTS)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return calls


@pytest.mark.parametrize("name", NAMES)
def test_each_opens_its_provider_on_a_stream(tiny_bundle: Path, asked: list[dict[str, Any]], name: str) -> None:
    with eeinfer.load(tiny_bundle, device="cuda", backend=name) as engine:
        assert (engine.backend, engine.device, engine.threads) == (name, "cuda", None)
        assert engine(np.zeros((2, 8, 8), np.uint8), tau=1).exits.tolist() == [2, 2]
    [call] = asked
    assert call["name"] == MAKERS[NAMES.index(name)]
    assert (call["index"], call["stream"]) == (0, 4711)


@pytest.mark.parametrize("name", NAMES[1:])
def test_engines_are_kept_in_a_folder_of_this_gpu(tiny_bundle: Path, asked: list[dict[str, Any]], name: str) -> None:
    eeinfer.load(tiny_bundle, device="cuda", backend=name).close()
    [call] = asked
    assert call["cache"].is_dir()
    assert call["cache"].parent == cache.cache_folder() / "engines"


def test_nothing_is_kept_where_the_cache_is_off(
    tiny_bundle: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-tensorrt").close()
    assert asked[0]["cache"] is None


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_bundle: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-tensorrt").close()
    assert asked[0]["cache"] is None


@pytest.mark.parametrize(("level", "graphs"), [("0", False), ("1", True)])
def test_the_level_decides_on_graphs(tiny_bundle: Path, asked: list[dict[str, Any]], level: str, graphs: bool) -> None:
    eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-cuda", options={"level": level}).close()
    assert asked[0]["graphs"] is graphs


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("onnxruntime-cuda", {"level": "2"}, "level is '2'; backend 'onnxruntime-cuda' takes 0, 1"),
        (
            "onnxruntime-tensorrt-rtx",
            {"level": "1"},
            "level is '1'; backend 'onnxruntime-tensorrt-rtx' takes 0",
        ),
        (
            "onnxruntime-cuda",
            {"levl": "1"},
            "backend 'onnxruntime-cuda' has no option 'levl'; did you mean 'level'? it has: level",
        ),
    ],
)
@pytest.mark.usefixtures("asked")
def test_options_that_are_none_are_refused(tiny_bundle: Path, name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        eeinfer.load(tiny_bundle, device="cuda", backend=name, options=options)


@pytest.mark.usefixtures("asked")
def test_threads_have_no_effect_and_that_is_said_to_the_caller(tiny_bundle: Path) -> None:
    with pytest.warns(UserWarning, match="threads=2 has no effect on a GPU") as caught:
        eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-cuda", threads=2).close()
    assert caught[0].filename == __file__
