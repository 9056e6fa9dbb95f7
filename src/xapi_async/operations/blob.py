"""blob: binary objects that clients keep with the pool. Their bytes: :mod:`xapi_async.operations.blob_files`."""

from __future__ import annotations

from typing import Any, cast

from xapi_async.datamodel.classes import VM, Blob
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NEVER
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handler, Handlers

DEFAULT_TYPE = "application/octet-stream"


async def create(ctx: Context, mime_type: str, public: bool) -> str:
    async with ctx.store.transaction() as tx:
        return new_blob(tx, "", mime_type, public).ref


async def destroy(ctx: Context, self: str) -> None:
    # The bytes go when the store tells of the removal, whoever caused it.
    async with ctx.store.transaction() as tx:
        blob = tx.get(Blob, self)
        for vm in tx.all(VM):
            if self in vm.blobs.values():
                tx.set(vm, blobs={name: ref for name, ref in vm.blobs.items() if ref != self})
        tx.delete(blob)


def new_blob(tx: Transaction, name: str, mime_type: str, public: bool) -> Blob:
    """An empty blob."""
    return tx.create(
        Blob, name_label=name, mime_type=mime_type or DEFAULT_TYPE, public=public, size=0, last_updated=NEVER
    )


def create_new_blob(cls: type[ApiClass]) -> Handler:
    """The message ``create_new_blob`` of a class: an empty blob entered in the object's ``blobs`` by name.

    It raises MAP_DUPLICATE_KEY [class, blobs, ref, name] where the name is taken.
    """

    async def create_for(ctx: Context, owner: str, name: str, mime_type: str, public: bool) -> str:
        async with ctx.store.transaction() as tx:
            target = tx.get(cls, owner)
            blobs = cast(Any, target).blobs
            if name in blobs:
                raise ApiError("MAP_DUPLICATE_KEY", cls.FACTS.name, "blobs", owner, name)
            blob = new_blob(tx, name, mime_type, public)
            tx.set(target, blobs={name: blob.ref, **blobs})
            return blob.ref

    return create_for


HANDLERS: Handlers = {"blob.create": create, "blob.destroy": destroy}
