import csv
import io
import sys
from pathlib import Path

import pytest

from eeinfer.bench import Report, default_folder, write_files
from eeinfer.bench.reporting.files import csv_table
from eeinfer.errors import DependencyError, InputError


def test_three_files_are_written_and_nothing_else(report: Report, tmp_path: Path) -> None:
    paths = write_files(report, tmp_path / "new" / "folder")
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {path.name for path in paths.values()}
    assert set(paths) == {"json", "csv", "html"}
    assert Report.from_json(paths["json"].read_bytes()) == report


def test_an_earlier_report_is_replaced(report: Report, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    assert write_files(report, tmp_path)["json"].read_bytes() == report.to_json()


def test_the_table_has_a_row_per_threshold(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(report))))
    assert [float(row["tau"]) for row in rows] == [row.point for row in report.thresholds]
    assert float(rows[-1]["share_exit_2"]) == 1
    assert rows[-1]["saved_ratio"] == ""


def test_the_folder_is_named_after_the_bundle(report: Report) -> None:
    assert default_folder(report.bundle.name) == Path("tiny-bench")


def test_a_folder_that_cannot_be_made_is_named(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_files(report, tmp_path / "file" / "below")


def test_a_failed_write_leaves_no_half_file(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_files(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_numbers_are_saved_and_the_extra_is_named(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DependencyError, match=r"eeinfer\[bench\]"):
        write_files(report, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.csv"}
