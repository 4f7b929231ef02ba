"""``eeinfer bench --peers``, with peers that start quickly."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer.machine.gpus import Driver


def test_it_prints_ratios_and_writes_a_report(run: Run, tiny_bundle: Path, labelled: Path) -> None:
    done = run(
        *("bench", tiny_bundle, "--data", labelled, "--peers", "--peer", "cut", "--peer", "torch"),
        *("--rounds", 1, "--threads", 1, "--out", "here"),
    )
    assert done.status == 0
    assert "time over" in done.out
    assert "skipped torch: needs the checkpoint" in done.out
    assert sorted(path.name for path in Path("here").iterdir()) == ["peers.csv", "peers.html", "peers.json"]


def test_stdout_is_the_report_with_json(run: Run, tiny_bundle: Path, labelled: Path) -> None:
    done = run(
        *("bench", tiny_bundle, "--data", labelled, "--peers", "--peer", "static", "--rounds", 1, "--json"),
        *("--batch", 4, "--taus", "0.9,0.8,0.5"),
    )
    report = json.loads(done.out)
    assert [peer["name"] for peer in report["peers"]] == ["eeinfer", "static"]
    assert report["settings"]["batch"] == 4
    assert report["workloads"][-1]["taus"] == pytest.approx([0.9, 0.8, 0.5])
    assert report["ideal"]["share"]["median"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--peer", "cut"], "--peer goes with --peers"),
        (["--taus", "0.9"], "--taus goes with --peers"),
        (["--checkpoint", "x.pt"], "--checkpoint goes with --peers"),
        (["--peers", "--peer", "keras"], "unknown peer 'keras': known are eeinfer, native, predict_one, static"),
        (["--peers", "--checkpoint", "nowhere.pt"], "checkpoint nowhere.pt does not exist"),
        (["--peers", "--taus", "0.9,many"], "--taus '0.9,many' is not a number"),
        (["--peers", "--taus", "0.9,0.8"], "tau is a list of 2; give one number"),
        (["--peers", "--batch", "32"], "there are 40 images; with batches of 32"),
        (["--peers", "--rounds", "0"], "rounds is 0"),
    ],
)
def test_mistakes_are_one_line(run: Run, tiny_bundle: Path, labelled: Path, arguments: list[str], words: str) -> None:
    done = run("bench", tiny_bundle, "--data", labelled, *arguments)
    assert done.status == 1
    assert words in only_line(done.err)


def test_a_bundle_of_another_checkpoint_is_refused(
    run: Run, tiny_bundle: Path, checkpoint: Path, tmp_path: Path, labelled: Path
) -> None:
    assert run("export", checkpoint, "--out", tmp_path / "mine.eeb").status == 0
    other = tmp_path / "other.pt"
    other.write_bytes(checkpoint.read_bytes() + b"\0")
    done = run("bench", tmp_path / "mine.eeb", "--data", labelled, "--peers", "--checkpoint", other)
    assert done.status == 1
    assert "was not exported from" in done.err


def test_the_checkpoint_beside_the_bundle_is_found_by_its_hash(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    from eeinfer.bench.peers.checkpoints import find_checkpoint
    from eeinfer.bundle.folder import Bundle

    assert run("export", checkpoint, "--out", tmp_path / "net.eeb").status == 0
    bundle = Bundle.open(tmp_path / "net.eeb")
    (tmp_path / "a.pt").write_bytes(b"another")
    assert find_checkpoint(bundle, None) is None
    (tmp_path / "b.pt").write_bytes(checkpoint.read_bytes())
    assert find_checkpoint(bundle, None) == (tmp_path / "b.pt").resolve()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the NVIDIA driver finds no GPU: install or update NVIDIA's driver, or give device='cpu'"),
        (["--peer", "openvino"], "unknown peer 'openvino': known are level 3, level 2, level 1, level 0, onnxruntime"),
        (["--level", 1], "--peers runs every backend and level there is; leave out --level 1, or --peers"),
        (["--backend", "tensorrt"], "leave out --backend tensorrt, or --peers"),
        (["--level", 4], "level is 4; bench takes one of 0, 1, 2, 3"),
        (["--device", "gpu"], "device 'gpu' is unknown"),
    ],
)
def test_mistakes_about_a_gpu_are_one_line(
    run: Run,
    tiny_bundle: Path,
    labelled: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[object],
    words: str,
) -> None:
    monkeypatch.setattr("eeinfer.bench.timing.gpu.driver", lambda: Driver(problem="the NVIDIA driver finds no GPU"))
    done = run("bench", tiny_bundle, "--data", labelled, "--peers", "--device", "cuda", *arguments)
    assert done.status == 1
    assert words in only_line(done.err)


def test_a_level_is_of_a_gpu(run: Run, tiny_bundle: Path) -> None:
    done = run("bench", tiny_bundle, "--level", 3)
    assert done.status == 1
    assert only_line(done.err) == ("error: level is 3 and device is 'cpu'; levels are for a GPU: give --device cuda")
