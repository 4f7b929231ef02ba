"""Whether rows are taken out of a batch is decided alike in both languages: the same doubles, to the last bit."""

import random
from pathlib import Path

from asking import ask

from eeinfer.backends.row_costs import RowCosts, compacted

COUNT = 3000


def measured(draw: random.Random) -> tuple[RowCosts, str]:
    segments, count = draw.randint(1, 4), draw.randint(1, 6)
    sizes = (1, *sorted(draw.sample(range(2, 300), count - 1)))
    table = tuple(tuple(draw.uniform(0.001, 50) for _ in sizes) for _ in range(segments))
    costs = RowCosts(
        sizes=sizes,
        segment_ms=table,
        alive_bytes=tuple(draw.choice((0, draw.randint(1, 1 << 22))) for _ in range(segments)),
        move_ms=draw.uniform(0, 0.1),
        bytes_per_ms=draw.uniform(1e5, 1e7),
    )
    numbers = [*sizes, *(time for row in table for time in row), *costs.alive_bytes, costs.move_ms, costs.bytes_per_ms]
    return costs, f"measured {len(sizes)} {segments} {hexes(numbers)}"


def estimated(draw: random.Random) -> tuple[RowCosts, str]:
    segments, threads = draw.randint(1, 4), draw.choice((1, 2, 3, 64))
    flops = [draw.choice((0, draw.randint(1, 1 << 40))) for _ in range(segments)]
    alive = [draw.randint(0, 1 << 24) for _ in range(segments)]
    return RowCosts.estimated(
        flops, alive, threads=threads
    ), f"estimated {segments} {threads} {hexes([*flops, *alive])}"


def hexes(numbers: list[float]) -> str:
    return " ".join(float(number).hex() for number in numbers)


def test_both_decide_by_the_same_doubles(reader: Path) -> None:
    draw, lines, wanted = random.Random(5), [], []
    for number in range(COUNT):
        costs, line = (measured if number % 2 else estimated)(draw)
        segment, rows = draw.randrange(len(costs.segment_ms)), draw.randint(1, 400)
        stays = draw.randint(1, rows)
        lines.append(f"{line} {segment} {rows} {stays}")
        times = costs.ms(segment, rows), costs.ms(segment, stays)
        wanted.append((*times, costs.worth_compacting(segment, rows, stays)))
    answers = [answer.split() for answer in ask(reader, "costs", lines)]
    assert {answer[0] for answer in answers} == {"ok"}
    found = [(float.fromhex(one), float.fromhex(other), bool(int(worth))) for _, one, other, worth in answers]
    assert found == wanted
    assert 0.1 < sum(worth for *_, worth in wanted) / COUNT < 0.9  # both answers occur


def test_both_order_rows_alike(reader: Path) -> None:
    draw, lines, wanted = random.Random(6), [], []
    for _ in range(500):
        rows = [number if draw.random() < 0.6 else -1 for number in range(draw.randint(1, 40))]
        stays = sum(number >= 0 for number in rows)
        lines.append(" ".join(map(str, (stays, *rows))))
        wanted.append(compacted(rows, stays))
    answers = ask(reader, "order", lines)
    assert [[int(part) for part in answer.split()[1:]] for answer in answers] == wanted
