"""How log lines look: for people, or as JSON for machines."""

from __future__ import annotations

import logging
import sys
import time

import orjson

from xapi_async.settings import LogFormat, LogLevel


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class _Utc(logging.Formatter):
    """Times in UTC: servers and the machines that gather their logs seldom agree on anything else."""

    def converter(self, seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)


def set_up_logging(level: LogLevel, form: LogFormat) -> None:
    """Send the log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    text = _Utc("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
