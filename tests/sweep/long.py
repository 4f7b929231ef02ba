"""The long form of the sweep: `python tests/sweep/long.py RESULTS.jsonl [NAME...]`, about a minute a network.

Each network runs in a process of its own, within a time limit; its row is appended to the file at once. Networks that
have a row there are not run again unless they are named, so a sweep that was stopped goes on where it was. With
`--table` it prints the rows.
"""

import argparse
import json
import multiprocessing
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from classifier_sweep import sweep_one
from networks import NETWORKS

LIMIT = 1800  # seconds for one network


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("names", nargs="*", help="only these networks, again")
    parser.add_argument("--table", action="store_true", help="print the rows as a table")
    options = parser.parse_args()
    if options.table:
        print("\n".join(map(line, rows_of(options.results))))
        return
    torch.set_num_threads(1)
    done = {row["name"] for row in rows_of(options.results)}
    for name in options.names or [name for name in NETWORKS if name not in done]:
        row = run(name)
        with options.results.open("a") as out:
            out.write(json.dumps(row) + "\n")
        print(line(row), flush=True)


def rows_of(results: Path) -> list[dict[str, Any]]:
    """Return what was written so far, the last row of each network."""
    lines = results.read_text().splitlines() if results.exists() else []
    return list({row["name"]: row for row in map(json.loads, lines)}.values())


def line(row: dict[str, Any]) -> str:
    """Return outcome, largest error, side of the images, and the sentence of a refusal."""
    errors = row.get("errors", {})
    worst = f"{max(errors.values()):.1e}" if errors else "-"
    plain = "" if row.get("optimised", True) else "(its own segments ran)"
    return f"{row['name']:45} {row['outcome']:8} {worst:8} {row.get('side', '-'):4} {row.get('why', plain)}"


def run(name: str) -> dict[str, Any]:
    """Run one network in a process of its own; whatever ends it is its row."""
    fork = multiprocessing.get_context("fork")  # what is imported stays imported
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=_child, args=(name, there))
    process.start()
    there.close()
    row: dict[str, Any] = {"name": name, "outcome": "too slow", "why": f"more than {LIMIT} s"}
    if here.poll(LIMIT):
        try:
            row = here.recv()
        except EOFError:
            process.join()
            row |= {"outcome": "crashed", "why": f"the process ended with {process.exitcode}"}
    process.kill()
    process.join()
    return row


def _child(name: str, answer: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        try:
            row = sweep_one(name, Path(folder))
        except Exception as error:  # the row of a network that shows a fault of ours
            row = {"name": name, "outcome": "crashed", "why": f"{type(error).__name__}: {error}"[:1000]}
    answer.send(row)


if __name__ == "__main__":
    main()
