"""How many files and connections the system lets the server have open."""

from __future__ import annotations

import logging
import resource

SPARE = 256
"""Files beside connections: the database, disks, the listeners, what plugins are told."""

log = logging.getLogger(__name__)


def make_room(connections: int) -> None:
    """Take all that the system grants, and say so where that is too little for so many connections.

    Processes that the server starts from then on are granted as much.
    """
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        except (ValueError, OSError) as error:
            log.info("the limit of %d open files stays: %s", soft, error)
        else:
            soft = most
    if soft != resource.RLIM_INFINITY and soft < connections + SPARE:
        log.warning(
            "wire.connections is %d, but the system lets the server have %d files open: "
            "raise its hard limit (ulimit -Hn, LimitNOFILE=), or lower the setting",
            connections,
            soft,
        )
