"""host: the functions that graphics cards are handed out as, where cards share themselves with SR-IOV."""

from __future__ import annotations

from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.inventory.devices import virtual_function_address
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.capacity import CARD_SIZE
from xapi_async.operations.hosts.reaching import reach

MXGPU = "mxgpu"
"""The technique of such cards."""


async def mxgpu_vf_setup(ctx: Context, host: str) -> None:
    """host.mxgpu_vf_setup: every such card has as many functions as guests can share it; those there are stay.

    Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        for pgpu in [card for card in tx.all(PGPU) if card.host == host]:
            card = tx.find(PCI, pgpu.PCI)
            if card is not None:
                _set_up(tx, card, _most(tx, pgpu))


def _most(reader: Reader, pgpu: PGPU) -> int:
    """How many guests can share a card in this way."""
    kinds = (reader.find(VGPUType, ref) for ref in pgpu.supported_VGPU_types)
    shared = (kind for kind in kinds if kind is not None and kind.implementation == MXGPU and kind.size)
    return max((CARD_SIZE // kind.size for kind in shared), default=0)


def _set_up(tx: Transaction, card: PCI, most: int) -> None:
    there = {pci.pci_id for pci in (tx.find(PCI, ref) for ref in card.virtual_functions) if pci is not None}
    for address in (virtual_function_address(card.pci_id, number) for number in range(most)):
        if address not in there:
            tx.create(
                PCI,
                host=card.host,
                pci_id=address,
                physical_function=card.ref,
                class_id=card.class_id,
                class_name=card.class_name,
                vendor_id=card.vendor_id,
                vendor_name=card.vendor_name,
                device_id=card.device_id,
                device_name=card.device_name,
            )


HANDLERS: Handlers = {"host.mxgpu_vf_setup": mxgpu_vf_setup}
