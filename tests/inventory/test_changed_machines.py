"""Settings that describe a machine anew: what is plugged in now is there after a restart, what is not is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.client import until
from tests.live import LiveServer

CARD = '{vendor_id = "10de", vendor_name = "NVIDIA Corporation", device_id = "13f2", device_name = "Tesla M60"}'


def describe(file: Path, *, sticks: str, cards: str, name: str = "alpha", memory_gib: int = 64) -> None:
    """Settings of a pool of two hosts, of which the first is described."""
    file.write_text(
        f'[inventory]\nhosts = 2\n[[inventory.described_hosts]]\nname = "{name}"\n'
        f"memory = {memory_gib << 30}\ngpus = [{cards}]\n"
        f"usb_devices = [{sticks}]\n"
    )


def stick(path: str) -> str:
    return f'{{path = "{path}", serial = "S{path}"}}'


def devices(xapi: Any) -> tuple[set[str], set[str], dict[str, str]]:
    """The USB devices by path, the graphics cards by vendor, and the memory of each host, in GiB."""
    hosts = {record["hostname"]: record["metrics"] for record in xapi.host.get_all_records().values()}
    memory = {name: str(int(xapi.host_metrics.get_memory_total(ref)) >> 30) for name, ref in hosts.items()}
    pcis = [xapi.PCI.get_vendor_name(record["PCI"]) for record in xapi.PGPU.get_all_records().values()]
    return {record["path"] for record in xapi.PUSB.get_all_records().values()}, set(pcis), memory


def test_a_restart_finds_the_machine_as_it_is_described_now(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    describe(file, sticks=f"{stick('1-1')}, {stick('1-2')}", cards="")
    server = LiveServer(tmp_path, "--config", str(file)).start()
    matrox = "Matrox Electronics Systems Ltd."  # the other host's, which nobody describes
    try:
        with server.session() as session:
            xapi = session.xenapi
            assert devices(xapi) == ({"1-1", "1-2"}, {matrox}, {"alpha": "64", "xenserver-2": "256"})
            (alpha,) = xapi.host.get_by_name_label("alpha")
            xapi.host.set_name_label(alpha, "renamed")
            xapi.host.apply_edition(alpha, "free", False)
            (kept,) = (ref for ref, record in xapi.PUSB.get_all_records().items() if record["path"] == "1-2")
        server.stop()

        describe(file, sticks=f"{stick('1-2')}, {stick('1-3')}", cards=CARD, memory_gib=128)
        server.start()
        with server.session() as session:
            xapi = session.xenapi
            found = devices(xapi)
            assert found == ({"1-2", "1-3"}, {matrox, "NVIDIA Corporation"}, {"alpha": "128", "xenserver-2": "256"})
            assert xapi.PUSB.get_path(kept) == "1-2"
            assert len(xapi.USB_group.get_all()) == 2
            assert xapi.host.get_record(alpha)["edition"] == "free"
            assert xapi.host.get_record(alpha)["name_label"] == "renamed"
        server.stop()

        # Settings that name no host of the database change none.
        describe(file, sticks="", cards="", name="stranger")
        server.start()
        with server.session() as session:
            assert devices(session.xenapi) == found
    finally:
        server.stop()


def test_a_host_that_was_down_finds_its_machine_as_it_boots(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    describe(file, sticks="", cards="")
    text = file.read_text() + f'[[inventory.described_hosts]]\nname = "beta"\nusb_devices = [{stick("2-1")}]\n'
    file.write_text(text)
    server = LiveServer(tmp_path, "--config", str(file), "--set", "server.speed=50").start()
    try:
        with server.session() as session:
            xapi = session.xenapi
            (beta,) = xapi.host.get_by_name_label("beta")
            xapi.host.disable(beta)
            xapi.host.set_power_on_mode(beta, "wake-on-lan", {})
            xapi.host.shutdown(beta)
            metrics = xapi.host.get_metrics(beta)
            until(lambda: not xapi.host_metrics.get_live(metrics))
        server.stop()
        file.write_text(text.replace("2-1", "2-2"))
        server.start()
        with server.session() as session:
            xapi = session.xenapi
            assert devices(xapi)[0] == {"2-1"}  # it is still off
            xapi.host.power_on(beta)
            assert devices(xapi)[0] == {"2-2"}
    finally:
        server.stop()
