"""How ``eeinfer predict`` shows answers: a line each as they come, as a table, CSV or JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eeinfer.bundle.labels import printable
from eeinfer.bundle.manifest import Manifest

Answer = dict[str, Any]  # JSON: image, bundle, class, score, exit, latency_ms, flops, and top where asked for
Lines = Callable[[Iterable[Answer]], Iterator[str]]


def as_table(manifest: Manifest, images: Iterable[str]) -> Lines:
    """Return what yields a table's lines; its columns are as wide as any answer can be."""
    from eeinfer.bench.reporting.formats import FlopsUnit

    width = max((len(printable(image)) for image in images), default=5)
    names = max(5, *(len(printable(name)) for name in manifest.classes))
    unit = FlopsUnit(manifest.segments[-1].cumulative_flops)

    def lines(answers: Iterable[Answer]) -> Iterator[str]:
        for number, row in enumerate(answers):
            if number == 0:
                head = f"{'image':<{width}}  {'class':<{names}}  {'score':>6}  {'exit':>4}  {'ms':>8}  {unit.name:>7}"
                yield head + ("  probabilities" if "top" in row else "")
            top = "".join(f"  {printable(one['class'])} {one['probability']:.3f}" for one in row.get("top", ()))
            yield (
                f"{printable(row['image']):<{width}}  {printable(row['class'] or '-'):<{names}}  {row['score']:>6.3f}"
                f"  {row['exit']:>4}  {row['latency_ms']:>8.3f}  {unit.text(row['flops']):>7}{top}"
            )

    return lines


def as_json(answers: Iterable[Answer]) -> Iterator[str]:
    """Yield the lines of a JSON array."""
    before = "["
    for answer in answers:
        yield before + json.dumps(answer, indent=2)
        before = ","
    yield "[]" if before == "[" else "]"


def as_csv(answers: Iterable[Answer]) -> Iterator[str]:
    """Yield the lines of a CSV file; the most probable classes stand in columns of their own."""
    columns: list[str] = []
    for answer in answers:
        top = answer.get("top", [])
        flat = {name: value for name, value in answer.items() if name != "top"}
        for place, one in enumerate(top, start=1):
            flat |= {f"class_{place}": one["class"], f"probability_{place}": one["probability"]}
        if not columns:
            columns = list(flat)
            yield _row(columns)
        yield _row([flat[name] for name in columns])


def _row(values: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()
