"""Settings read anew while the server runs: what can change at once does, the rest is named in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from xapi_async.config import Config, ConfigError

log = logging.getLogger(__name__)

Apply = Callable[[Config], None]
"""Puts settings in force. Raises ConfigError."""

AT_ONCE = frozenset(
    {
        ("server", "log_level"),
        ("server", "log_format"),
        ("server", "certificate"),
        ("server", "certificate_key"),
        ("server", "drain_delay_seconds"),
        ("observability", "slow_call_seconds"),
        *(
            ("wire", name)
            for name in (
                "max_body_bytes", "max_depth", "header_bytes", "connections", "idle_seconds", "request_seconds",
                "stalled_seconds", "pending_calls", "shutdown_seconds", "realm",
            )
        ),
    }
)  # fmt: skip
"""Section and name of the settings that need no restart."""


class Reloader:
    """Reads the settings anew. config: those in force."""

    def __init__(self, config: Config, load: Callable[[], Config], apply: tuple[Apply, ...]) -> None:
        """load: gives the settings as they are now. apply: what puts them in force, part by part."""
        self.config = config
        self._load = load
        self._apply = apply

    def reload(self) -> None:
        """Do it. What is wrong is logged, and then the settings stay as they were."""
        try:
            new = self._load()
            for apply in self._apply:
                apply(new)
        except ConfigError as error:
            log.error("the settings were not reloaded: %s", error)
            return
        changed = list(_changed(self.config, new))
        self.config = new
        now = [f"{section}.{name}" for section, name in changed if (section, name) in AT_ONCE]
        later = [f"{section}.{name}" for section, name in changed if (section, name) not in AT_ONCE]
        log.info("settings reloaded: %s", ", ".join(now) or "nothing changed but what files hold")
        if later:
            log.warning("these settings count after a restart: %s", ", ".join(later))


def _changed(old: Config, new: Config) -> Iterator[tuple[str, str]]:
    for before, after in zip(old.effective(), new.effective(), strict=True):
        if before.value != after.value:
            yield after.section, after.name
