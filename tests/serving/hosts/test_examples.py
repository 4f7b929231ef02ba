"""The examples for Docker and KServe: linted, and `eeinfer serve` takes what they pass it. No image is built here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
DOCKERFILE = EXAMPLES / "docker" / "Dockerfile"


def yaml(path: Path) -> Any:
    return pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def options() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-m", "eeinfer", "serve", "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"--[\w-]+", done.stdout))


def used(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def test_the_image_runs_as_nobody_and_serves(options: set[str]) -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^USER (.+)$", text) == ["10001:10001"]
    [entry] = re.findall(r"(?m)^ENTRYPOINT (\[.+\])$", text)
    words = re.findall(r'"([^"]+)"', entry)
    assert words[:2] == ["eeinfer", "serve"]
    assert used(words) <= options
    copied = re.findall(r"(?m)^COPY (?!--)(.+) \S+$", text)
    root = EXAMPLES.parents[1]
    assert all((root / name).exists() for line in copied for name in line.split())


def test_the_composed_service_writes_nothing_and_may_do_nothing(options: set[str]) -> None:
    service = yaml(EXAMPLES / "docker" / "compose.yaml")["services"]["eeinfer"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert used(service["command"]) <= options
    assert (EXAMPLES / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DOCKERFILE


def test_the_inference_service_passes_options_that_there_are(options: set[str]) -> None:
    found = yaml(EXAMPLES / "kserve" / "inference-service.yaml")
    assert (found["apiVersion"], found["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    [container] = found["spec"]["predictor"]["containers"]
    assert used(container["args"]) <= options
    [port] = container["ports"]
    assert str(port["containerPort"]) == container["args"][container["args"].index("--http") + 1]
    assert container["readinessProbe"]["httpGet"]["port"] == port["containerPort"]
    assert container["securityContext"]["runAsNonRoot"]


@pytest.mark.host
def test_hadolint_has_nothing_to_say() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    tool = str(beside) if beside.is_file() else shutil.which("hadolint")
    if tool is None:
        pytest.skip("no hadolint here; .ci/hosts installs it")
    done = subprocess.run([tool, str(DOCKERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
