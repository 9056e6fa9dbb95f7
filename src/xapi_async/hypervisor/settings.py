"""Settings of the simulated hypervisor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xapi_async.hypervisor.durations import Duration

_FORM = " Seconds: 3, 2..5, 'normal 4 1' or 'exponential 3'."


NO_TIME = Duration()


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text + _FORM}


@dataclass(frozen=True)
class SimulatorSettings:
    """How long things take on simulated hosts, how guests behave, and what goes wrong."""

    build_seconds: Duration = field(default=NO_TIME, metadata=_doc("Building a domain."))
    boot_seconds: Duration = field(default=NO_TIME, metadata=_doc("Until a started guest's agent reports."))
    shutdown_seconds: Duration = field(default=NO_TIME, metadata=_doc("A guest shutting down when asked."))
    suspend_seconds: Duration = field(default=NO_TIME, metadata=_doc("Saving the memory of a guest."))
    resume_seconds: Duration = field(default=NO_TIME, metadata=_doc("Reading the memory of a guest back."))
    migrate_seconds: Duration = field(default=NO_TIME, metadata=_doc("Moving a guest to another host."))
    plug_seconds: Duration = field(default=NO_TIME, metadata=_doc("Plugging or unplugging a device."))
    balloon_seconds: Duration = field(default=NO_TIME, metadata=_doc("A guest reaching a new memory target."))
    agent_seconds: Duration = field(default=NO_TIME, metadata=_doc("A guest's agent doing what it is asked."))
    host_boot_seconds: Duration = field(
        default=NO_TIME, metadata=_doc("A host starting, from being switched on until its agent answers.")
    )
    storage_slowness: float = field(
        default=1.0, metadata={"doc": "Factor on what goes through storage: building, saving and reading back."}
    )
    guests: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "Which kind of guest a VM is, by a part of its template's label: linux, windows, bare (no agent), "
            "deaf (an agent, but ignores shutdowns). The first that fits counts; Windows templates are windows and "
            "all others linux unless said otherwise. A VM's other_config key simulated-guest overrides it."
        },
    )
    shutdowns_per_hour: float = field(
        default=0.0, metadata={"doc": "How often a running guest shuts itself down, on average."}
    )
    reboots_per_hour: float = field(
        default=0.0, metadata={"doc": "How often a running guest reboots itself, on average."}
    )
    crashes_per_hour: float = field(default=0.0, metadata={"doc": "How often a running guest crashes, on average."})
    faults: tuple[str, ...] = field(
        default=(),
        metadata={
            "doc": "Failures to inject, such as 'start: BOOTLOADER_FAILED {vm} broken @ 0.1': the operation, the "
            "error with its parameters, and how likely it is (always, if not given)."
        },
    )
    plugin: bool = field(
        default=True,
        metadata={
            "doc": "Whether administrators of the pool can have things go wrong while the server runs, by "
            "host.call_plugin with the plugin 'simulator'."
        },
    )
    seed: int = field(default=1, metadata={"doc": "Where randomness starts, so that runs can be repeated."})
