"""What a guest needs on its host beside memory: its networks up, and its disks ready."""

from __future__ import annotations

import asyncio

from xapi_async.operations.context import Services
from xapi_async.operations.networking.network import attach_networks_of_vm, release_networks_of_vm
from xapi_async.operations.storage.plugging import prepare_disks, release_disks


async def take(services: Services, vm: str, host: str, *, is_start: bool) -> None:
    """Bring up a VM's networks on a host, and make its disks ready there; all or nothing of the latter.

    is_start: disks that are to be reset at a start are. Raises what networks and backends do.
    """
    await attach_networks_of_vm(services, vm, host)
    await prepare_disks(services, vm, host, is_start=is_start)


async def give_back(services: Services, vm: str, host: str) -> None:
    """End what :func:`take` began; never fails, and goes on when it is cancelled."""
    await asyncio.shield(_give_back(services, vm, host))


async def _give_back(services: Services, vm: str, host: str) -> None:
    await release_disks(services, vm, host)
    await release_networks_of_vm(services, vm, host)
