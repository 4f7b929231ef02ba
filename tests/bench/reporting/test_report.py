import json

import pytest

from eeinfer.bench import Report
from eeinfer.errors import InputError


def test_a_report_survives_json(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


def test_json_carries_a_schema_version(report: Report) -> None:
    assert json.loads(report.to_json())["schema_version"] == 5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b'{"schema_version": 1', "not JSON"),
        (b"[]", "no schema_version"),
        (b'{"name": "x"}', "no schema_version"),
        (b'{"\xb1": 1}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"schema_version": 6}', "schema 6 and this eeinfer reads 5; upgrade"),
        (b'{"schema_version": 4}', "schema 4 and this eeinfer reads 5; run eeinfer bench again"),
        (b'{"schema_version": 5}', "does not follow schema 5"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Report.from_json(data)


def test_a_report_without_a_gpu_has_no_fields_of_one(report: Report) -> None:
    found = json.loads(report.to_json())
    assert "energy" not in found
    assert "gpu" not in found["environment"]
    assert found["overheads"][0].keys() == {"name", "exit", "cascade_ms", "session_ms", "ratio", "pairs"}


def test_an_unknown_field_is_refused(report: Report) -> None:
    found = json.loads(report.to_json())
    found["surprise"] = 1
    with pytest.raises(InputError, match="surprise"):
        Report.from_json(json.dumps(found).encode())
