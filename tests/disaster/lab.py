"""Two pools and a LUN that both can reach: one keeps copies of its database there, the other recovers from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import XenAPI

from tests.disks_live.lab import MIB, DiskLab
from tests.live import PASSWORD, running

LUN = {"target": "192.0.2.1", "targetIQN": "iqn.2018-02.example:disks", "SCSIid": "3600c0ffee"}


class SiteLab(DiskLab):
    """A pool at one of two sites."""

    def restart(self, *, crash: bool) -> None:
        """End the server and start it again; the client logs in anew."""
        self.server.kill() if crash else self.server.stop()
        self.session = XenAPI.Session(self.server.start().url)
        self.session.login_with_password("root", PASSWORD, "2.9", "tests")
        self.api = self.session.xenapi

    def lun(self, name: str = "LUN") -> str:
        """A new SR that the other site can reach too; each name stands for a LUN of its own."""
        lun = {**LUN, "SCSIid": LUN["SCSIid"] + name.removeprefix("LUN")}
        return str(self.api.SR.create(self.host, lun, "0", name, "Reachable from both", "lvmoiscsi", "", True, {}))

    def attach(self, uuid: str) -> str:
        """The SR of the other site."""
        sr = self.api.SR.introduce(uuid, "theirs", "", "lvmoiscsi", "", True, {})
        self.api.PBD.plug(self.api.PBD.create({"host": self.host, "SR": sr, "device_config": LUN, "other_config": {}}))
        return str(sr)

    def vm(self, name: str, sr: str) -> tuple[str, str]:
        """A VM with a disk in an SR."""
        (template,) = self.api.VM.get_by_name_label("Other install media")
        vm = self.api.VM.clone(template, name)
        self.api.VM.provision(vm)
        vdi = self.disk(4 * MIB, sr)
        self.device(vm, vdi)
        return str(vm), vdi

    def metadata(self, sr: str) -> str:
        """The disk with the copy of a database in an SR."""
        (found,) = [vdi for vdi in self.api.SR.get_VDIs(sr) if self.api.VDI.get_type(vdi) == "metadata"]
        return str(found)

    def opened(self, vdi: str) -> Any:
        """The API as the session sees it that the copy on a disk is opened in."""
        client = XenAPI.Session(self.server.url)
        client._session = self.api.VDI.open_database(vdi)
        return client.xenapi

    def names(self, vdi: str) -> set[str]:
        """The names of the VMs in the copy on a disk."""
        return {record["name_label"] for record in self.opened(vdi).VM.get_all_records().values()}

    def notices(self) -> list[str]:
        """The names of all messages, oldest first."""
        records = sorted(self.api.message.get_all_records().values(), key=lambda record: record["timestamp"])
        return [record["name"] for record in records]


@contextmanager
def site(folder: Path, *flags: str) -> Iterator[SiteLab]:
    """A pool whose LUNs are in the folder beside its own."""
    folder.mkdir(exist_ok=True)
    with running(folder, "--set", f"files.folder={folder.parent / 'luns'}", *flags) as server, server.session() as one:
        yield SiteLab(server, one)
