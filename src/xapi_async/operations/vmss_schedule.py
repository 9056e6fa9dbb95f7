"""When a snapshot schedule runs: its map of keys, what each may hold, and the times that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from xapi_async.datamodel.errors import ApiError

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUARTER = 900
"""Seconds between two looks at the schedules, as ``min`` counts quarters of an hour."""

DEFAULTS: Mapping[str, str] = {"min": "0", "hour": "0", "days": "Monday"}
KEYS: Mapping[str, tuple[str, ...]] = {"hourly": ("min",), "daily": ("hour", "min"), "weekly": ("hour", "min", "days")}
"""The keys of each frequency."""

RETAINED = range(1, 11)
"""How many snapshots of each VM may be kept."""


def new_schedule(frequency: str, given: Mapping[str, str]) -> dict[str, str]:
    """The schedule of a new policy. Raises INVALID_VALUE ["schedule:KEY", value]."""
    for key, value in given.items():
        if key not in KEYS[frequency]:
            raise _invalid(key, value)
    checked = checked_entries(given)
    return {key: checked.get(key, DEFAULTS[key]) for key in KEYS[frequency]}


def for_frequency(frequency: str, present: Mapping[str, str]) -> dict[str, str]:
    """A schedule fitted to another frequency: its keys, with the values that are there or else defaults."""
    return {key: present.get(key, DEFAULTS[key]) for key in KEYS[frequency]}


def checked_entries(given: Mapping[str, str]) -> dict[str, str]:
    """Entries as they are stored, of whatever frequency. Raises INVALID_VALUE ["schedule:KEY", value]."""
    return {key: _checked(key, value) for key, value in given.items()}


def check_retained(number: int) -> None:
    """Raise INVALID_VALUE ["retained_snapshots", number] where that many cannot be kept."""
    if number not in RETAINED:
        raise ApiError("INVALID_VALUE", "retained_snapshots", number)


def is_due(frequency: str, schedule: Mapping[str, str], time: datetime) -> bool:
    """Whether a schedule runs in the quarter of an hour that begins then. time: in the server's time zone."""
    wanted = for_frequency(frequency, schedule)
    return (
        time.minute == int(wanted["min"])
        and time.hour == int(wanted.get("hour", time.hour))
        and DAYS[time.weekday()] in wanted.get("days", DAYS[time.weekday()]).split(",")
    )


def quarter(seconds: float) -> int:
    """The beginning of the quarter of an hour that a time is in, both in seconds since 1970."""
    return int(seconds) // QUARTER * QUARTER


def local(seconds: float) -> datetime:
    """A time since 1970 in the server's time zone."""
    return datetime.fromtimestamp(seconds).astimezone()


def latest_due(frequency: str, schedule: Mapping[str, str], since: float, until: float) -> int | None:
    """The last time, in seconds since 1970, when a schedule was due after one time and before another, if it was."""
    for time in range(quarter(until - 1), quarter(max(since, until - 8 * 86400)), -QUARTER):
        if is_due(frequency, schedule, local(time)):
            return time
    return None


def _checked(key: str, value: str) -> str:
    check = _CHECKS.get(key)
    stored = check(value) if check else None
    if stored is None:
        raise _invalid(key, value)
    return stored


def _invalid(key: str, value: str) -> ApiError:
    return ApiError("INVALID_VALUE", f"schedule:{key}", value)


def _minute(value: str) -> str | None:
    return value if value in ("0", "15", "30", "45") else None


def _hour(value: str) -> str | None:
    return value if value.isascii() and value.isdigit() and len(value) <= 2 and int(value) < 24 else None


def _days(value: str) -> str | None:
    named = [day.strip().capitalize() for day in value.split(",")]
    return ",".join(dict.fromkeys(named)) if set(named) <= set(DAYS) else None


_CHECKS: Mapping[str, Callable[[str], str | None]] = {"min": _minute, "hour": _hour, "days": _days}
