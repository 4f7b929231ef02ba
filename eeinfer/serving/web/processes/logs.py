"""Logs as one JSON object a line, on stderr; a disk that is full costs lines, not requests."""

import json
import logging
import sys
import traceback
from datetime import datetime, timezone


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "from": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line)


def structured() -> None:
    """Log from now on as JSON."""
    logging.raiseExceptions = False  # a line that cannot be written is lost, and nothing else
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
