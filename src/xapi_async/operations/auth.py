"""auth: questions that clients put to the external directory."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.directory import Directories, DirectoryError, UnknownError

T = TypeVar("T")


def handlers(directories: Directories) -> Handlers:
    """The messages of class auth, answered by the directory in use."""

    async def get_subject_identifier(ctx: Context, subject_name: str) -> str:
        return await _answered(directories.current().find_sid(subject_name))

    async def get_subject_information_from_identifier(ctx: Context, subject_identifier: str) -> Mapping[str, str]:
        return await _answered(directories.current().information(subject_identifier))

    async def get_group_membership(ctx: Context, subject_identifier: str) -> Sequence[str]:
        return tuple(await _answered(directories.current().groups(subject_identifier)))

    return {
        "auth.get_subject_identifier": get_subject_identifier,
        "auth.get_subject_information_from_identifier": get_subject_information_from_identifier,
        "auth.get_group_membership": get_group_membership,
    }


async def _answered(question: Awaitable[T]) -> T:
    """The directory's answer, its failures told as the API tells them."""
    try:
        return await question
    except UnknownError:
        raise ApiError("SUBJECT_CANNOT_BE_RESOLVED") from None
    except DirectoryError as error:
        raise ApiError("AUTH_SERVICE_ERROR", error.text) from error
