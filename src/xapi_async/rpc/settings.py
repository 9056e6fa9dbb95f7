"""Settings of logging in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AccessSettings:
    """Who may come in, and for how long."""

    password: str = field(
        default="",
        metadata={
            "doc": "Root's password at the first start; where empty, one is made and printed once.",
            "variable": "XAPI_ROOT_PASSWORD",
            "secret": True,
        },
    )
    failed_login_seconds: float = field(
        default=5.0, metadata={"doc": "Seconds that the answer to a failed login is held back."}
    )
    session_seconds: float = field(
        default=86400.0, metadata={"doc": "Seconds without a call after which an idle session ends."}
    )
    expiry_pass_seconds: float = field(
        default=30.0, metadata={"doc": "Seconds between two passes that end idle sessions."}
    )
    pool_sessions: int = field(default=400, metadata={"doc": "Sessions kept of hosts of the pool, all together."})
    root_sessions: int = field(default=400, metadata={"doc": "Sessions kept of root, of those without an originator."})
    root_sessions_of_originator: int = field(
        default=500, metadata={"doc": "Sessions kept of root, of each originator."}
    )
    user_sessions: int = field(default=500, metadata={"doc": "Sessions kept of each other user."})
    hash_memory_kib: int = field(default=65536, metadata={"doc": "Memory that hashing a password takes, in KiB."})
    hash_passes: int = field(default=3, metadata={"doc": "Passes over that memory."})
    directory_wait_seconds: float = field(
        default=120.0, metadata={"doc": "Seconds that logins wait for the external directory after a start."}
    )
    revalidation_pass_seconds: float = field(
        default=300.0, metadata={"doc": "Seconds between two looks at which users are to be checked anew."}
    )
    revalidation_seconds: float = field(
        default=1800.0, metadata={"doc": "Seconds after which a user is checked anew with the directory."}
    )
    revalidation_spread_seconds: float = field(
        default=600.0, metadata={"doc": "Seconds, at most, that are added to that by chance, so that checks spread."}
    )
    subject_refresh_seconds: float = field(
        default=900.0, metadata={"doc": "Seconds between two refreshes of what is known of the subjects."}
    )


@dataclass(frozen=True)
class AuditSettings:
    """The audit log."""

    file: str = field(default="", metadata={"doc": "File of the audit log; where empty, it is kept in memory."})
    file_bytes: int = field(
        default=32 * 1024 * 1024, metadata={"doc": "Size at which the file is set aside and a new one begun."}
    )
    files_kept: int = field(default=3, metadata={"doc": "Files set aside that are kept."})
    lines_in_memory: int = field(default=10_000, metadata={"doc": "Lines kept where there is no file."})
