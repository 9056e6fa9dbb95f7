"""VMs that the server fetches from a URL: archives, and images of disks that other products wrote."""

from __future__ import annotations

import base64
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from tests.transfers.conftest import Site
from tests.transfers.conftest import site as site
from tests.vm_leftovers.test_recovering import DEVICE, DISK, refusal

MIB = 1 << 20
needs_converter = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


class Shelf:
    """A web server. files: what it has, by path; /hop/N leads to path /file by N redirects."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.credentials: list[str | None] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.credentials.append(self.headers["Authorization"])
                if self.path.startswith("/hop/"):
                    left = int(self.path.removeprefix("/hop/"))
                    self.send_response(302)
                    self.send_header("Location", f"/hop/{left - 1}" if left > 1 else "/file")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data = shelf.files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def default_sr(site: Site) -> str:
    return site.api.pool.get_default_SR(site.api.pool.get_all()[0])


def content(site: Site, vm: str) -> bytes:
    (vdi,) = [site.api.VBD.get_VDI(vbd) for vbd in site.api.VM.get_VBDs(vm) if site.api.VBD.get_type(vbd) == "Disk"]
    return site.ask("GET", "/export_raw_vdi", vdi=vdi, format="raw").body


def exported(site: Site) -> tuple[str, bytes]:
    (template,) = site.api.VM.get_by_name_label("Other install media")
    vm = site.api.VM.clone(template, "original")
    site.api.VM.provision(vm)
    vdi = site.api.VDI.create({**DISK, "SR": default_sr(site)})
    site.api.VBD.create({**DEVICE, "VM": vm, "VDI": vdi})
    site.ask("PUT", "/import_raw_vdi", b"some bytes", vdi=vdi)
    return vm, site.ask("GET", "/export", ref=vm).body


def test_an_archive_is_fetched(site: Site, shelf: Shelf):
    original, shelf.files["/file"] = exported(site)
    sr = default_sr(site)
    for path in ("/file", "/hop/5"):
        (vm,) = site.api.VM.__getattr__("import")(shelf.url + path, sr, False, False)
        assert site.api.VM.get_name_label(vm) == "original"
        assert content(site, vm).startswith(b"some bytes")
    uuid = site.api.VM.get_uuid(original)
    site.api.VM.destroy(original)
    (vm,) = site.api.VM.__getattr__("import")(shelf.url + "/file", sr, True, False)
    assert site.api.VM.get_uuid(vm) == uuid


def test_archives_that_cannot_be_fetched(site: Site, shelf: Shelf):
    shelf.files |= {"/empty": b"", "/text": b"not an archive" * 100}
    fetch, sr = site.api.VM.__getattr__("import"), default_sr(site)
    assert refusal(fetch, shelf.url + "/none", sr, False, False) == ["IMPORT_ERROR_GENERIC", "404"]
    assert refusal(fetch, shelf.url + "/empty", sr, False, False) == ["IMPORT_ERROR_PREMATURE_EOF"]
    assert refusal(fetch, shelf.url + "/hop/6", sr, False, False)[0] == "IMPORT_ERROR_GENERIC"
    assert refusal(fetch, shelf.url + "/text", sr, False, False)[0] == "IMPORT_ERROR_UNEXPECTED_FILE"
    for url in ("http://127.0.0.1:1/", "file:///etc/passwd", "nowhere", ""):
        assert refusal(fetch, url, sr, False, False)[0] == "IMPORT_ERROR_GENERIC"
    isos = [one for one in site.api.SR.get_all() if site.api.SR.get_content_type(one) == "iso"]
    for iso in isos[:1]:
        assert refusal(fetch, shelf.url + "/text", iso, False, False)[0] in (
            "SR_OPERATION_NOT_SUPPORTED", "SR_HAS_NO_PBDS",
        )  # fmt: skip


@needs_converter
@pytest.mark.parametrize("kind", ["vmdk", "qcow2", "vhd", "vdi", "raw"])
def test_an_image_of_another_product_is_converted(site: Site, shelf: Shelf, tmp_path: Path, kind: str):
    plain, image = tmp_path / "plain", tmp_path / "image"
    data = b"boot" + bytes(3 * MIB) + b"data" * 1000
    plain.write_bytes(data.ljust(8 * MIB, b"\0"))
    name = "vpc" if kind == "vhd" else kind
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", name, str(plain), str(image)], check=True)
    shelf.files["/disks/web.img"] = image.read_bytes()
    config = {"url": shelf.url + "/disks/web.img", "vcpus": "2", "memory": str(512 * MIB)}
    before = set(site.api.VM.get_all())
    site.api.VM.import_convert(kind.upper(), "me", "secret", default_sr(site), config)
    (vm,) = set(site.api.VM.get_all()) - before
    record = site.api.VM.get_record(vm)
    assert (record["name_label"], record["VCPUs_max"]) == ("web", "2")
    assert record["memory_static_max"] == str(512 * MIB)
    assert content(site, vm)[: len(data)] == data
    assert shelf.credentials == ["Basic " + base64.b64encode(b"me:secret").decode()]
    site.api.VM.start(vm, False, False)
    site.api.VM.hard_shutdown(vm)


@needs_converter
def test_images_that_cannot_be_converted(site: Site, shelf: Shelf, tmp_path: Path):
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    create = ["qemu-img", "create", "-q", "-f", "qcow2"]
    subprocess.run([*create, str(base), "8M"], check=True)
    subprocess.run([*create, "-b", str(base), "-F", "qcow2", str(overlay)], check=True)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * MIB)
    descriptor = (
        '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
        f'RW 2048 FLAT "{secret}" 0\nddb.adapterType = "ide"\n'
    )
    shelf.files |= {"/overlay": overlay.read_bytes(), "/flat": descriptor.encode(), "/text": b"text" * 1000}
    convert, sr = site.api.VM.import_convert, default_sr(site)

    def refused(kind: str, url: str, **config: str) -> list[str]:
        return refusal(convert, kind, "", "", sr, {"url": url, **config})

    before = (site.api.VM.get_all(), site.api.VDI.get_all())
    assert refused("ovf", shelf.url + "/text") == ["INVALID_VALUE", "type", "ovf"]
    assert refused("vmdk", "/etc/passwd") == ["INVALID_VALUE", "remote_config:url", "/etc/passwd"]
    assert refused("vmdk", shelf.url, memory="much") == ["INVALID_VALUE", "remote_config:memory", "much"]
    assert refused("vmdk", shelf.url + "/none") == ["IMPORT_ERROR_GENERIC", "404"]
    for kind, path in (("qcow2", "/text"), ("qcow2", "/overlay"), ("vmdk", "/flat")):
        assert refused(kind, shelf.url + path)[0] == "IMPORT_ERROR"
    with pytest.raises(XenAPI.Failure) as caught:
        convert("qcow2", "", "", "OpaqueRef:none", {"url": shelf.url})
    assert caught.value.details == ["HANDLE_INVALID", "SR", "OpaqueRef:none"]
    assert (site.api.VM.get_all(), site.api.VDI.get_all()) == before  # nothing is left behind
