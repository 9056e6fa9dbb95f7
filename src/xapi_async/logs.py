"""How log lines look: for people, or as JSON for machines. A line that belongs to a call names it."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from xapi_async.rpc import request_id
from xapi_async.settings import LogFormat, LogLevel


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := request_id.CURRENT.get():
            line["request"] = request
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """One line for people, more where there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record."""
        request = request_id.CURRENT.get()
        call = f" [{request}]" if request else ""
        text = f"{_time(record)} {record.levelname:<7} {record.name}{call}: {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


FORMATTERS: dict[LogFormat, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def set_up_logging(level: LogLevel, form: LogFormat) -> None:
    """Send the log to standard error. Calling it again changes how."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTERS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _time(record: logging.LogRecord) -> str:
    # UTC: servers and the machines that gather their logs seldom agree on anything else.
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
