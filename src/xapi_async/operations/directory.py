"""What the server asks of an external directory of users, whatever kind it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

SUSPENDING_FLAGS = (
    "subject-account-disabled",
    "subject-account-expired",
    "subject-account-locked",
    "subject-password-expired",
)
"""Members of a subject's information that must all be ``false`` for the account to count."""


class DirectoryError(Exception):
    """The directory could not answer. The text says why, for people.

    kind: what went wrong where the API tells kinds apart, as the end of an error code:
    ``WRONG_CREDENTIALS``, ``PERMISSION_DENIED``, ``DOMAIN_LOOKUP_FAILED``, ``UNAVAILABLE``,
    ``INVALID_OU``, ``INVALID_ACCOUNT``, or empty.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.kind = kind


class RefusedError(DirectoryError):
    """The name or the password is wrong, or the account may not be used."""


class UnknownError(DirectoryError):
    """There is no such user or group."""


class Directory(Protocol):
    """A directory. Users and groups have a *sid*, an identifier that never changes, unlike names.

    Every method may raise DirectoryError where the directory does not answer.
    """

    async def probe(self) -> None:
        """Find out whether the directory answers, and accepts what the server says of itself."""
        ...

    async def verify(self, name: str, password: str) -> str:
        """The sid of the user with this name and password. Raises RefusedError."""
        ...

    async def find_sid(self, name: str) -> str:
        """The sid of a user or group. Raises UnknownError."""
        ...

    async def information(self, sid: str) -> Mapping[str, str]:
        """What is known of a sid: ``subject-name``, those of SUSPENDING_FLAGS, and more. Raises UnknownError."""
        ...

    async def groups(self, sid: str) -> Sequence[str]:
        """The sids of all groups that a sid is in, directly or through other groups. Raises UnknownError."""
        ...


class Directories(Protocol):
    """How to get at the directory in use."""

    def current(self) -> Directory:
        """The directory. Raises AUTH_IS_DISABLED [], AUTH_UNKNOWN_TYPE [type]."""
        ...


def is_suspended(information: Mapping[str, str]) -> bool:
    """Whether an account does not count: each flag must be there and say false."""
    return any(information.get(flag, "").lower() != "false" for flag in SUSPENDING_FLAGS)
