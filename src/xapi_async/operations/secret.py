"""secret: confidential texts that other objects refer to by uuid. What is not here is the same for every class."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes import Secret
from xapi_async.operations.context import Context, Handlers


async def introduce(ctx: Context, uuid: str, value: str, other_config: Mapping[str, str]) -> str:
    async with ctx.store.transaction() as tx:
        return tx.create(Secret, uuid=uuid, value=value, other_config=other_config).ref


async def destroy(ctx: Context, self: str) -> None:
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(Secret, self))


HANDLERS: Handlers = {"secret.introduce": introduce, "secret.destroy": destroy}
