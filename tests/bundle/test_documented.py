"""docs/bundle.md against the structs that read the format: a field that one has and the other has not is a fault."""

import re
from pathlib import Path

import msgspec
import pytest

from eeinfer.bundle import build_record, certificate, checks, contents, manifest, manifest_file, optimised
from eeinfer.bundle.graph import external

PAGE = (Path(__file__).parents[2] / "docs" / "bundle.md").read_text()
RECORDS = [
    manifest.Manifest,
    manifest.Input,
    manifest.TensorSpec,
    manifest.Axis,
    manifest.Preprocess,
    manifest.Segment,
    manifest.Flops,
    manifest.Parity,
    manifest.ExitParity,
    manifest.Shift,
    manifest.ExitShift,
    manifest.TauShift,
    manifest.FileHash,
    certificate.Certificate,
    certificate.CertifiedPromise,
    build_record.Build,
    build_record.Plan,
    optimised.OptimisedBuild,
    optimised.Target,
]


def section(title: str) -> str:
    """What stands below a heading, up to the next one of its rank or a higher one."""
    rank, _, _ = title.partition(" ")
    _, _, rest = PAGE.partition(f"\n{title}\n")
    assert rest, f"no section {title}"
    return re.split(rf"\n#{{1,{len(rank)}}} ", rest)[0]


def table(text: str) -> list[str]:
    """The names in the first column of the tables in a text."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_field_is_on_the_page(record: type[msgspec.Struct]) -> None:
    words = set(re.findall(r"`(\w+)`", PAGE))
    assert not set(record.__struct_encode_fields__) - words


def test_the_tables_have_the_fields_of_the_structs_in_their_order() -> None:
    fields = section("### Fields")
    first, *others = re.split(r"\n\*\*", fields)
    assert table(first) == list(manifest.Manifest.__struct_fields__)
    tables = {part.partition("**")[0]: table(part) for part in others}
    assert tables["A tensor"] == list(manifest.TensorSpec.__struct_fields__)
    assert tables["`preprocess`"] == list(manifest.Preprocess.__struct_fields__)
    assert tables["A certificate"] == list(certificate.Certificate.__struct_fields__)
    assert tables["A segment"] == list(manifest.Segment.__struct_fields__)
    plans = section("### TensorRT plans: `engines/tensorrt-<target>/`, `engines/tensorrt_rtx-<target>/`")
    assert table(plans) == list(build_record.Build.__struct_fields__)
    assert table(section("#### build.json")) == list(optimised.OptimisedBuild.__struct_fields__)


def test_every_field_on_the_page_exists() -> None:
    known = {name for record in RECORDS for name in record.__struct_fields__} | {"logits", "score", "prediction"}
    assert not set(table(PAGE)) - known


def test_numbers_and_names_are_those_of_the_reader() -> None:
    assert f"This page is version {manifest.FORMAT_VERSION}" in PAGE
    assert f"now `form {optimised.FORM}`" in PAGE
    for dtype in manifest.DTYPE_BYTES:
        assert f"`{dtype}`" in section("### Fields")
    for name in (
        *manifest.PRECISIONS,
        *manifest.DEVICES,
        *manifest.INTERPOLATIONS,
        *certificate.PROMISES,
        *certificate.METHODS,
    ):
        assert f"`{name}`" in section("### Fields")
    for domain in external.OPTIMISED - {""}:
        assert f"`{domain}`" in section("## Graphs")
    assert checks.FILE_NAME.pattern in PAGE
    assert f"at most {checks.MOST_EXITS}" in PAGE
    assert checks.MOST_ROW_BYTES == 1 << 30
    assert checks.MOST_FLOPS == 1 << 62
    assert f"to {checks.MOST_PIXELS};" in PAGE
    assert f"at most {contents.MOST_MANIFEST_BYTES >> 20} MiB" in PAGE
    assert f"at most {contents.MOST_GRAPH_BYTES >> 20} MiB, at most {external.MOST_NODES:,} nodes" in PAGE
    assert f"at most {external.DEEPEST} deep" in PAGE
    assert f"at most {manifest_file.DEEPEST} deep" in section("## manifest.json")


def test_the_checksum_is_computed_as_the_page_says(tiny_bundle: Path) -> None:
    import hashlib
    import json

    [quoted] = re.findall(r"the 13 bytes  (.*?)   in the file", section("### Versions and the checksum"))
    data = (tiny_bundle / "manifest.json").read_bytes()
    start = data.index(quoted.encode()) + 13
    blank = data[:start] + b"0" * 64 + data[start + 64 :]
    assert hashlib.sha256(blank).hexdigest() == json.loads(data)["checksum"] == manifest_file.checksum(data)
