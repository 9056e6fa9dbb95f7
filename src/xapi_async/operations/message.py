"""message: notices for administrators about objects of the pool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import api_time, from_api_time
from xapi_async.objects.store import Store
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.notices import Messages, Notice

Records = dict[str, Mapping[str, Any]]

_CLASSES = {name.lower(): cls for name, cls in BY_NAME.items()}
_DATE = re.compile(r"\d{8}T\d{2}:\d{2}:\d{2}")
_ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def handlers(messages: Messages) -> Handlers:
    """The messages of class message, over those kept in ``messages``."""

    def found(ref: str) -> Notice:
        notice = messages.find(ref)
        if notice is None:
            raise ApiError("HANDLE_INVALID", "message", ref)
        return notice

    async def create(ctx: Context, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
        if _ILLEGAL_IN_XML.search(body):
            raise ApiError("INVALID_VALUE", "the body is not text that XML can carry")
        if not _exists(ctx.store, cls, obj_uuid):
            raise ApiError("UUID_INVALID", cls, obj_uuid)
        return await messages.post(name, priority, cls, obj_uuid, body) or NULL_REF

    async def destroy(ctx: Context, self: str) -> None:
        await messages.remove(self)

    async def get(ctx: Context, cls: str, obj_uuid: str, since: str) -> Records:
        if not _exists(ctx.store, cls, obj_uuid):
            raise ApiError("UUID_INVALID")
        after = api_time(_seconds(since))
        return {
            notice.ref: notice.record
            for notice in messages.newest_first()
            if notice.cls == cls and notice.obj_uuid == obj_uuid and api_time(notice.time) > after
        }

    async def get_since(ctx: Context, since: str) -> Records:
        after = _seconds(since)
        return {notice.ref: notice.record for notice in messages.newest_first() if notice.time > after}

    async def get_all(ctx: Context) -> tuple[str, ...]:
        return tuple(notice.ref for notice in messages.newest_first())

    async def get_all_records(ctx: Context) -> Records:
        return {notice.ref: notice.record for notice in messages.newest_first()}

    async def get_all_records_where(ctx: Context, expr: str) -> Records:
        return await get_all_records(ctx)

    async def get_record(ctx: Context, self: str) -> Mapping[str, Any]:
        return found(self).record

    async def get_by_uuid(ctx: Context, uuid: str) -> str:
        notice = messages.find_by_uuid(uuid)
        if notice is None:
            raise ApiError("UUID_INVALID", "message", uuid)
        return notice.ref

    return {
        "message.create": create,
        "message.destroy": destroy,
        "message.get": get,
        "message.get_since": get_since,
        "message.get_all": get_all,
        "message.get_all_records": get_all_records,
        "message.get_all_records_where": get_all_records_where,
        "message.get_record": get_record,
        "message.get_by_uuid": get_by_uuid,
    }


def _exists(store: Store, cls_name: str, uuid: str) -> bool:
    cls: type[ApiClass] = _CLASSES[cls_name.lower()]
    try:
        store.by_uuid(cls, uuid)
    except ApiError:
        return False
    return True


def _seconds(text: str) -> float:
    """The seconds since 1970 of a date that is only compared: what follows the seconds does not matter."""
    match = _DATE.match(text)
    try:
        return from_api_time(f"{match[0]}Z" if match else "")
    except ValueError:
        raise ApiError("INTERNAL_ERROR", f"not a date of the form YYYYMMDDTHH:MM:SS: {text}") from None
