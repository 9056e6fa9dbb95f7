"""The driver interface: who runs guests.

Hosts and VMs are named by their uuids, which outlive every restart; a running VM is a *domain*. All
waits are the driver's; operations open no transaction while they wait for it. Every coroutine may be
cancelled at any point: the domain then is as it was before, or gone if it was being made.

Each call names what it raises; beside that, any of them may raise :class:`ApiError` where a host
answers in the API's own terms, and :class:`HostDownError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Progress = Callable[[float], Awaitable[None]]
"""Told how far the work is, from 0 to 1."""

DeviceKind = Literal["vbd", "vif"]
EndReason = Literal["shutdown", "reboot", "crash"]


async def unobserved(value: float) -> None:
    """A :data:`Progress` for work nobody watches."""


@dataclass(frozen=True, slots=True)
class Device:
    """A block device or network interface of a guest.

    key: names it to the driver, unique within the VM. position: as the guest counts them.
    address: the MAC address of an interface. is_read_only: for disks.
    """

    kind: DeviceKind
    key: str
    position: str
    address: str = ""
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """What a domain is made from.

    vm, host: uuids. memory: bytes it is to have; memory_max: bytes it may ever have. system: what is
    known of the operating system, such as the label of the template. hints: settings for the driver.
    """

    vm: str
    host: str
    name: str
    is_hvm: bool
    vcpus: int
    memory: int
    memory_max: int
    shadow_multiplier: float = 1.0
    nested_virt: bool = False
    nomigrate: bool = False
    has_serial_port: bool = True
    has_display: bool = True
    system: str = ""
    devices: tuple[Device, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Console:
    """A console a domain offers. protocol: as the API names it. port: on its host, or -1."""

    protocol: str
    port: int = -1


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain as it is now. started: when it booted, in seconds since 1970; moves and resumes keep that."""

    config: DomainConfig
    domid: int
    is_paused: bool
    started: float
    consoles: tuple[Console, ...] = ()


@dataclass(frozen=True)
class GuestReport:
    """What the agent in a guest tells of it; maps as class VM_guest_metrics has them.

    hotplug_vbd, hotplug_vif: ``yes``, ``no`` or ``unspecified``. networks: addresses by ``N/ip`` and the like.
    """

    os_version: Mapping[str, str] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    hotplug_vbd: str = "unspecified"
    hotplug_vif: str = "unspecified"
    device_id: str = ""


@dataclass(frozen=True)
class Statistic:
    """A figure the host keeps of a domain. name: such as ``cpu0``. value: now. maximum: may be infinite."""

    name: str
    doc: str
    units: str
    value: float
    minimum: float = 0.0
    maximum: float = float("inf")
    is_standard: bool = True


@dataclass(frozen=True)
class GuestReported:
    """A guest's agent has something new to tell."""

    vm: str
    domid: int
    report: GuestReport


@dataclass(frozen=True)
class GuestEnded:
    """A guest ended by itself. Its domain stays, doing nothing, until somebody destroys or reboots it."""

    vm: str
    domid: int
    reason: EndReason


@dataclass(frozen=True)
class HostChanged:
    """A host died, with all its domains, or came back."""

    host: str
    is_alive: bool


DomainEvent = GuestReported | GuestEnded | HostChanged


class HypervisorError(Exception):
    """What a driver could not do; the text says why."""


class NoDomainError(HypervisorError):
    """The VM has no domain, or none any more."""


class DomainStateError(HypervisorError):
    """The domain is not in the state that this needs, such as running. found: ``Running``, ``Paused``, ``Halted``."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"the domain is {found}, not {needed}")
        self.found = found
        self.needed = needed


class BootError(HypervisorError):
    """The guest could not be booted from what its configuration names."""


class GuestSilentError(HypervisorError):
    """The guest did not take note of what it was asked."""


class GuestTooSlowError(HypervisorError):
    """The guest took note, but did not end in time. seconds: how long was waited."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the guest did not end within {seconds} s")
        self.seconds = seconds


class DeviceRefusedError(HypervisorError):
    """The guest did not give up a device. key: the device."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the guest keeps the device {key}")
        self.key = key


class AgentError(HypervisorError):
    """The agent in the guest failed at what it was asked, or there is none."""


class HostDownError(HypervisorError):
    """The host is dead or cannot be reached. host: its uuid."""

    def __init__(self, host: str) -> None:
        super().__init__(f"host {host} does not answer")
        self.host = host


class Hypervisor(Protocol):
    """The hypervisors of every host of the pool."""

    async def run(self) -> None:
        """Do what goes on without being asked: guests booting, ending, reporting. Runs until cancelled."""
        ...

    def events(self) -> AsyncIterator[DomainEvent]:
        """What happens by itself, in order, from the driver's beginning. There is one listener."""
        ...

    def adopt(self, domains: Sequence[Domain], down: Sequence[str] = ()) -> None:
        """Learn of domains that the state says exist, before anything else is asked, after a restart.

        down: hosts that it says are down. A driver of real hosts asks those instead; what it finds there need
        not be the same.
        """
        ...

    def domain(self, vm: str) -> Domain | None:
        """The VM's domain, or None. A domain whose guest has ended counts until it is destroyed."""
        ...

    def domains(self) -> Sequence[Domain]:
        """All domains."""
        ...

    def is_alive(self, host: str) -> bool:
        """Whether the host answers."""
        ...

    # The life of a host

    async def stop_host(self, host: str) -> None:
        """Have a host go down with every domain on it; :class:`HostChanged` tells when it has."""
        ...

    async def start_host(self, host: str) -> None:
        """Switch a host on and wait until it answers; :class:`HostChanged` tells of it. No error where it is up."""
        ...

    def log(self, host: str) -> Sequence[str]:
        """The lines the hypervisor of a host has logged since it booted, as far as it keeps them."""
        ...

    async def send_debug_keys(self, host: str, keys: str) -> None:
        """Have the hypervisor of a host write to its log what these keys ask for."""
        ...

    def host_statistics(self, host: str, cpus: int, interfaces: Sequence[str]) -> Sequence[Statistic]:
        """What a host measures of its processors and network cards. interfaces: those cards by name."""
        ...

    # The life of a domain

    async def start(self, config: DomainConfig, progress: Progress = unobserved) -> Domain:
        """Build a domain; it is paused at first. Raises BootError, or DomainStateError where there is one."""
        ...

    async def pause(self, vm: str) -> None:
        """Stop its processors. Raises NoDomainError or DomainStateError."""
        ...

    async def unpause(self, vm: str) -> None:
        """Let its processors run. Raises NoDomainError or DomainStateError."""
        ...

    async def shut_down(self, vm: str, patience: float, progress: Progress = unobserved) -> None:
        """Ask the guest to end, wait for that and destroy the domain. patience: seconds.

        Raises NoDomainError, DomainStateError, GuestSilentError, GuestTooSlowError.
        """
        ...

    async def destroy(self, vm: str) -> None:
        """End the domain at once; no error where there is none."""
        ...

    async def reboot(
        self, vm: str, config: DomainConfig, patience: float | None, progress: Progress = unobserved
    ) -> Domain:
        """Replace the domain by a fresh one, which runs. patience: seconds the guest has to end; None: is not asked.

        Raises what :meth:`shut_down` and :meth:`start` do. A fresh one that could not be run may be left, paused.
        """
        ...

    async def suspend(self, vm: str, progress: Progress = unobserved) -> str:
        """Save the guest and destroy the domain. The text is what resuming needs beside the saved memory.

        Raises NoDomainError, DomainStateError, GuestSilentError; the guest then runs on.
        """
        ...

    async def sleep(self, vm: str) -> None:
        """Have a running guest go into ACPI S3: it keeps its memory and does nothing until it is woken.

        Raises NoDomainError, DomainStateError, GuestSilentError.
        """
        ...

    async def wake(self, vm: str) -> None:
        """Wake a guest that sleeps; no error for one that does not. Raises NoDomainError or DomainStateError."""
        ...

    async def resume(self, config: DomainConfig, saved: str, progress: Progress = unobserved) -> Domain:
        """Build a domain from what was saved; it is paused at first. Raises DomainStateError or BootError."""
        ...

    async def migrate(self, vm: str, host: str, progress: Progress = unobserved) -> Domain:
        """Move a running guest to another host without stopping it. Raises NoDomainError or DomainStateError."""
        ...

    # Its parts

    async def plug(self, vm: str, device: Device) -> None:
        """Give a running guest a device. Raises NoDomainError."""
        ...

    async def unplug(self, vm: str, key: str, *, force: bool = False) -> None:
        """Take a device from a running guest; ``force``: whether it agrees or not.

        Raises NoDomainError or DeviceRefusedError; no error for a device that is not there.
        """
        ...

    async def set_memory(self, vm: str, target: int) -> None:
        """Have the guest use that many bytes; it gets there in its own time. Raises NoDomainError."""
        ...

    def memory(self, vm: str) -> int:
        """The bytes the guest has now; 0 without a domain."""
        ...

    async def set_vcpus(self, vm: str, number: int) -> None:
        """Change how many processors a running guest has. Raises NoDomainError."""
        ...

    async def set_shadow(self, vm: str, multiplier: float) -> None:
        """Change the shadow memory of a running guest. Raises NoDomainError."""
        ...

    async def set_data(self, vm: str, data: Mapping[str, str]) -> None:
        """Show the guest these entries in place of those before. Raises NoDomainError."""
        ...

    async def ask_agent(self, vm: str, function: str, args: Mapping[str, str]) -> str:
        """Have the agent in the guest do something, and give its answer. Raises NoDomainError or AgentError."""
        ...

    def statistics(self, vm: str) -> Sequence[Statistic]:
        """What the host measures of the domain; none without one."""
        ...
