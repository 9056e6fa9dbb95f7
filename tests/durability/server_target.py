"""The whole server as what is killed: each operation is one or more calls of the API over XML-RPC."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.durability.target import KilledError
from tests.live import BASE_ENVIRONMENT
from xapi_async.objects.database import check_backup
from xapi_async.objects.errors import DatabaseError

PASSWORD = "a password for these tests"
NAME = "made to survive"
START_SECONDS = 120.0


class ServerTarget:
    """``xapi-async serve`` in a process of its own, with its files in a folder."""

    # The API neither moves devices between VMs nor lets clients at the server's documents.
    operations = frozenset(("make_vm", "write", "make_disk", "drop_disk", "bump"))

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = itertools.count()
        self._http: aiohttp.ClientSession | None = None
        self._session = self._url = self._sr = self._pool = ""
        self.newest = 0

    async def start(self) -> None:
        self._ready = self._folder / "ready.json"
        self._ready.unlink(missing_ok=True)
        command = ["-m", "xapi_async", "serve", "--listen", "127.0.0.1:0"]
        command += ["--database", str(self._folder / "state.db"), "--ready-file", str(self._ready)]
        environment = {**os.environ, **BASE_ENVIRONMENT, "XAPI_ROOT_PASSWORD": PASSWORD}
        with (self._folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, env=environment, stdout=log, stderr=log
            )
        self._session = ""
        self._connecting = asyncio.Lock()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def call(self, operation: str, *arguments: Any) -> Any:
        async with self._connecting:
            if not self._session:
                await self._connect()
        operations: dict[str, Callable[..., Any]] = {
            "make_vm": self._make_vm,
            "write": lambda vm, number: self._api("VM.set_name_description", vm, str(number)),
            "make_disk": self._make_disk,
            "drop_disk": self._drop_disk,
            "bump": self._bump,
            "state": self._state,
        }
        return await operations[operation](*arguments)

    async def _connect(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not self._ready.exists():
            assert self._process.returncode is None, (self._folder / "server.log").read_text()
            assert asyncio.get_running_loop().time() < deadline, "the server did not start"
            await asyncio.sleep(0.02)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._url = json.loads(self._ready.read_text())["url"]
        self._session = await self._send("session.login_with_password", "root", PASSWORD)
        (self._pool,) = await self._api("pool.get_all")
        records = await self._api("SR.get_all_records")
        self._sr = next(ref for ref, sr in records.items() if sr["name_label"] == "Local storage")

    async def _api(self, method: str, *params: Any) -> Any:
        return await self._send(method, self._session, *params)

    async def _send(self, method: str, *params: Any) -> Any:
        body = xmlrpc.client.dumps(params, method)
        if self._http is None:
            raise KilledError
        try:
            async with self._http.post(self._url, data=body) as response:
                text = await response.read()
        except aiohttp.ClientError:
            raise KilledError from None
        (answer,), _ = xmlrpc.client.loads(text)
        assert answer["Status"] == "Success", (method, answer)
        return answer["Value"]

    async def _generation(self) -> None:
        batch = await self._api("event.from", ["pool"], "", 0.0)
        self.newest = max(self.newest, int(batch["token"].split(",")[0]))

    async def _make_vm(self) -> str:
        memory = str(1 << 28)
        ref: str = await self._api(
            "VM.create",
            {
                "name_label": NAME, "name_description": "0", "user_version": "1", "is_a_template": False,
                "affinity": "OpaqueRef:NULL", "memory_static_max": memory, "memory_dynamic_max": memory,
                "memory_dynamic_min": memory, "memory_static_min": memory, "VCPUs_params": {}, "VCPUs_max": "1",
                "VCPUs_at_startup": "1", "actions_after_shutdown": "destroy", "actions_after_reboot": "restart",
                "actions_after_crash": "restart", "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "", "PV_args": "",
                "PV_bootloader_args": "", "PV_legacy_args": "", "HVM_boot_policy": "BIOS order", "HVM_boot_params": {},
                "platform": {}, "PCI_bus": "", "other_config": {}, "recommendations": "",
            },
        )  # fmt: skip
        return ref

    async def _make_disk(self, vm: str) -> list[str]:
        vdi = await self._api(
            "VDI.create",
            {
                "name_label": NAME, "name_description": "", "SR": self._sr, "virtual_size": str(1 << 20),
                "type": "user", "sharable": False, "read_only": False, "other_config": {},
            },
        )  # fmt: skip
        (free, *_) = await self._api("VM.get_allowed_VBD_devices", vm)
        vbd = await self._api(
            "VBD.create",
            {
                "VM": vm, "VDI": vdi, "userdevice": free, "bootable": False, "mode": "RW", "type": "Disk",
                "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
            },
        )  # fmt: skip
        return [vdi, vbd]

    async def _drop_disk(self, vdi: str, vbd: str) -> None:
        await self._api("VBD.destroy", vbd)
        await self._api("VDI.destroy", vdi)

    async def _bump(self) -> int:
        key = f"{os.getpid()}-{id(self)}-{next(self._keys)}"
        await self._api("pool.add_to_other_config", self._pool, f"count-{key}", "")
        await self._generation()
        return 1

    async def _state(self) -> Any:
        await self._generation()
        names = ("VM", "VBD", "VDI", "SR", "VM_metrics")
        vms, vbds, vdis, srs, metrics = [await self._api(f"{name}.get_all_records") for name in names]
        mine = {ref: vm for ref, vm in vms.items() if vm["name_label"] == NAME}
        devices = {ref: vbd for ref, vbd in vbds.items() if vbd["VM"] in mine and vbd["VDI"] in vdis}
        attached = {vbd["VDI"] for vbd in devices.values()}
        known = {"OpaqueRef:NULL", *metrics}
        problems = [f"the metrics of VM {ref} are gone" for ref, vm in mine.items() if vm["metrics"] not in known]
        problems += [f"VDI {ref} is not in its SR" for ref, vdi in vdis.items() if ref not in srs[vdi["SR"]]["VDIs"]]
        problems += [f"{ref} in SR is gone" for sr in srs.values() for ref in sr["VDIs"] if ref not in vdis]
        problems += [f"{ref} in VM is gone" for vm in vms.values() for ref in vm["VBDs"] if ref not in vbds]
        try:  # and what the API does not show
            await asyncio.to_thread(check_backup, self._folder / "state.db")
        except DatabaseError as error:
            problems.append(str(error))
        other_config = await self._api("pool.get_other_config", self._pool)
        return {
            "vms": {ref: [int(vm["name_description"])] * 2 for ref, vm in mine.items()},
            "metrics": len(mine),
            # A disk takes two calls, so a kill may leave one without its device: that is not counted.
            "disks": {ref: vdi["VBDs"] for ref, vdi in vdis.items() if ref in attached},
            "devices": {ref: [vbd["VDI"], vbd["VM"], ref in mine[vbd["VM"]]["VBDs"]] for ref, vbd in devices.items()},
            "shared": sum(key.startswith("count-") for key in other_config),
            "documents": {"a": None, "b": None},
            "problems": problems,
            "members": len(attached),
        }
