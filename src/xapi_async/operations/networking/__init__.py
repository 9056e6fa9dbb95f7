"""Networks, hosts' interfaces, and the interfaces of VMs: one module per class, and what they share.

Rooms for others: ``vif`` has what VMs do with their interfaces as they start, stop and are copied,
``visibility`` says which hosts see a network, ``network`` attaches and releases the networks of a VM.
"""

from __future__ import annotations

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.networking import (
    bond,
    host_management,
    monitor,
    network,
    pif,
    pvs_cache_storage,
    pvs_proxy,
    pvs_server,
    pvs_site,
    scanning,
    sdn_controller,
    starting,
    synchronising,
    tunnel,
    vif,
    vif_locking,
    vlan,
)

HANDLERS: Handlers = {
    name: handler
    for module in (
        network,
        pif,
        scanning,
        vlan,
        tunnel,
        bond,
        vif,
        vif_locking,
        sdn_controller,
        pvs_site,
        pvs_server,
        pvs_cache_storage,
        pvs_proxy,
        host_management,
        synchronising,
    )
    for name, handler in module.HANDLERS.items()
}

BACKGROUND: tuple[Background, ...] = (starting.bring_up_networks, monitor.watch_links)
