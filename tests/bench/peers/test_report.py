import csv
import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from some_reports import some_peers

from eeinfer.bench.peers import PeersReport, render
from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.files import csv_table, write_files
from eeinfer.bench.peers.reporting.page import html_page
from eeinfer.bench.peers.reporting.report import Spread
from eeinfer.errors import InputError


def changed(report: PeersReport, name: str, **changes: object) -> PeersReport:
    peers = tuple(msgspec.structs.replace(peer, **changes) if peer.name == name else peer for peer in report.peers)
    return msgspec.structs.replace(report, peers=peers)


def text(report: PeersReport, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(report))
    return console.export_text()


def test_json_comes_back_as_it_went(peers_report: PeersReport) -> None:
    assert PeersReport.from_json(peers_report.to_json()) == peers_report


def test_another_schema_is_refused(peers_report: PeersReport) -> None:
    newer = peers_report.to_json().replace(b'"schema_version": 2', b'"schema_version": 9')
    with pytest.raises(InputError, match="schema 9"):
        PeersReport.from_json(newer)


def test_the_table_fits_a_terminal_and_names_who_is_absent(peers_report: PeersReport) -> None:
    shown = text(peers_report)
    for word in ("eeinfer", "static", "cut", "sessions", "skipped torch", "--checkpoint", "mix"):
        assert word in shown
    assert "..." not in shown
    assert "…" not in shown


def test_what_ran_the_engine_and_why_stands_beside_the_numbers(peers_report: PeersReport) -> None:
    how = peers_report.environment.how
    assert how is not None
    assert ("ran by", how) in sentences.facts(peers_report)
    assert how.startswith(("ONNX Runtime, the compiled loop: ", "ONNX Runtime, the loop in Python: "))


def test_disagreement_is_said_loudly(peers_report: PeersReport) -> None:
    cut = next(peer for peer in peers_report.peers if peer.name == "cut")
    off = tuple(msgspec.structs.replace(timing, same_predictions=0.5) for timing in cut.timings)
    report = changed(peers_report, "cut", timings=off)
    assert not any("DISAGREES" in line for line in sentences.warnings(peers_report))
    assert any("cut DISAGREES" in line and "50.0 %" in line for line in sentences.warnings(report))
    assert "cut DISAGREES" in text(report, 200)
    assert "cut DISAGREES" in html_page(report)


def test_nobody_is_advised_to_take_what_knows_beforehand_where_images_leave() -> None:
    made = some_peers()
    half = Spread(median=0.5, p10=0.5, p90=0.5)
    cut = next(peer for peer in made.peers if peer.name == "cut")
    quick = changed(made, "cut", timings=tuple(msgspec.structs.replace(each, ratio=half) for each in cut.timings))
    said = sentences.verdict(quick)
    assert said.startswith(
        "eeinfer is the quickest where images leave in a mix of exits: 2.00 times as fast as static."
    )
    assert said.endswith("Told beforehand where each image leaves, as nobody is: cut 0.50.")
    alone = msgspec.structs.replace(quick, peers=tuple(p for p in quick.peers if p.name in {"eeinfer", "cut"}))
    assert sentences.verdict(alone) == "Told beforehand where each image leaves, as nobody is: cut 0.50."


def test_a_failed_and_a_restless_peer_are_named(peers_report: PeersReport) -> None:
    report = changed(peers_report, "cut", failed="its process ended with signal SIGSEGV", restless=8)
    lines = sentences.warnings(report)
    assert any("cut FAILED: its process ended with signal SIGSEGV" in line for line in lines)
    assert any("cut was still busy" in line for line in lines)


def test_the_csv_has_a_row_per_peer_and_workload_and_one_per_absent_peer(peers_report: PeersReport) -> None:
    rows = list(csv.DictReader(csv_table(peers_report).splitlines()))
    ran = [row for row in rows if not row["absent"]]
    assert len(ran) == len(peers_report.ran) * len(peers_report.workloads)
    assert {row["peer"] for row in rows} == {peer.name for peer in peers_report.peers}


def test_all_files_are_written_and_the_page_needs_no_other(peers_report: PeersReport, tmp_path: Path) -> None:
    files = write_files(peers_report, tmp_path / "out")
    assert {key: path.name for key, path in files.items()} == {
        "json": "peers.json",
        "csv": "peers.csv",
        "html": "peers.html",
    }
    page = files["html"].read_text()
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<script") == 1
    assert "SKIPPED" in page


def test_the_overhead_is_the_engines_time_over_the_cut_networks(peers_report: PeersReport) -> None:
    cut = next(peer for peer in peers_report.peers if peer.name == "cut")
    assert f"exit 0 {1 / cut.timings[0].ratio.median:.3f}" in sentences.overhead(peers_report)
    assert sentences.overhead(changed(peers_report, "cut", timings=())) == ""


def test_rounds_that_were_disturbed_are_said_so(peers_report: PeersReport) -> None:
    first, *others = peers_report.peers[0].timings
    wild = msgspec.structs.replace(first, ms=Spread(median=2.0, p10=1.0, p90=9.0))
    report = changed(peers_report, "eeinfer", timings=(wild, *others))
    assert any("1.00 to 9.00 ms at exit 0" in line for line in sentences.warnings(report))
