"""Which hosts of a database the settings still describe, so that a start finds their machines as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.settings import InventorySettings


def known_hardware(settings: InventorySettings, hosts: Iterable[Host]) -> Mapping[str, HostSettings]:
    """The machines of the hosts that the settings name, by their uuid or else their host name; by uuid.

    Of hosts that the settings do not name, the database may know better: others filled it, or other settings did.
    """
    named = [*settings.described_hosts, settings.host]
    by_uuid = {described.uuid: described for described in reversed(named) if described.uuid}
    by_name = {described.name: described for described in reversed(named) if described.name and not described.uuid}
    found = {host.uuid: by_uuid.get(host.uuid) or by_name.get(host.hostname) for host in hosts}
    return {uuid: described for uuid, described in found.items() if described is not None}
