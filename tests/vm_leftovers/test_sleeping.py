"""Guests in ACPI S3, and what hosts ask of each other about guests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from tests.live import LiveServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running(tmp_path_factory.mktemp("sleeping")) as found:
        yield found


@pytest.fixture
def api(server: LiveServer) -> Iterator[Any]:
    with server.session() as session:
        yield session.xenapi


def guest(api: Any, template: str = "Windows 10 (64-bit)", **config: str) -> str:
    vm = api.VM.clone(api.VM.get_by_name_label(template)[0], "sleeper")
    api.VM.set_other_config(vm, {**api.VM.get_other_config(vm), "disks": "", **config})
    if "disks" in api.VM.get_other_config(vm):
        api.VM.remove_from_other_config(vm, "disks")
    api.VM.provision(vm)
    return vm


def refusal(call: Any, *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return caught.value.details


def test_a_guest_sleeps_and_is_woken(api: Any):
    vm = guest(api)
    assert refusal(api.VM.s3_suspend, vm) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    api.VM.start(vm, False, False)
    api.VM.s3_suspend(vm)
    assert api.VM.get_power_state(vm) == "Running"
    assert refusal(api.VM.s3_suspend, vm) == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]
    assert refusal(api.VM.suspend, vm) == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]  # it takes note of nothing
    api.VM.s3_resume(vm)
    api.VM.s3_resume(vm)
    api.VM.suspend(vm)
    assert refusal(api.VM.s3_resume, vm) == ["VM_BAD_POWER_STATE", vm, "running", "suspended"]
    api.VM.hard_shutdown(vm)


def test_a_new_start_wakes_too(api: Any):
    vm = guest(api)
    api.VM.start(vm, False, False)
    api.VM.s3_suspend(vm)
    api.VM.hard_reboot(vm)
    api.VM.s3_suspend(vm)
    api.VM.hard_shutdown(vm)


def test_who_cannot_sleep(api: Any):
    template = api.VM.get_by_name_label("Windows 10 (64-bit)")[0]
    assert refusal(api.VM.s3_suspend, template) == ["VM_IS_TEMPLATE", template]
    vm = guest(api, **{"simulated-guest": "deaf"})
    api.VM.start(vm, False, False)
    assert refusal(api.VM.s3_suspend, vm) == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]
    api.VM.hard_shutdown(vm)
    dom0 = next(vm for vm in api.VM.get_all() if api.VM.get_is_control_domain(vm))
    assert refusal(api.VM.s3_suspend, dom0) == ["VM_HVM_REQUIRED", dom0]


def test_messages_between_hosts(server: LiveServer, api: Any):
    vm, host = guest(api), api.host.get_all()[0]
    assert refusal(api.VM.pool_migrate_complete, vm, host) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    api.VM.start(vm, False, False)
    before = api.VM.get_record(vm)
    api.VM.pool_migrate_complete(vm, host)
    assert api.VM.get_record(vm) == before
    assert refusal(api.VM.hard_reboot_internal, vm)[0] == "INTERNAL_ERROR"
    api.VM.hard_shutdown(vm)
