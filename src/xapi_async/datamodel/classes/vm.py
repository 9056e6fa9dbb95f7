"""VM: a virtual machine, template or snapshot, together with its configuration and current run state."""

from __future__ import annotations

from xapi_async.datamodel.enums import DOMAIN_TYPE, ON_CRASH_BEHAVIOUR, ON_NORMAL_EXIT, VM_OPERATIONS, VM_POWER_STATE
from xapi_async.datamodel.language import (
    RO_CONSTRUCTOR,
    RO_RUNTIME,
    RW,
    ApiClass,
    ClassFacts,
    Computed,
    Field,
    Message,
    Param,
)
from xapi_async.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, SUPERUSER, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapi_async.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    NEVER,
    NULL_REF,
    STRING,
    STRING_MAP,
    STRING_SET,
    Map,
    Record,
    Ref,
    Set,
)


class VM(ApiClass):
    """A virtual machine, template or snapshot, together with its configuration and current run state."""

    FACTS = ClassFacts("VM", constructor_destructor=True, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this virtual machine.")
    allowed_operations = Field(
        Set(VM_OPERATIONS),
        RO_RUNTIME,
        "Operations that the server would accept for this VM at the moment.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, VM_OPERATIONS),
        RO_RUNTIME,
        "Operations now under way on the VM, keyed by task reference.",
        default={},
        persist=False,
    )
    power_state = Field(VM_POWER_STATE, RO_RUNTIME, "Whether the VM is halted, paused, running or suspended.")
    name_label = Field(STRING, RW, "Display name of the VM; it need not be unique.", default="", setter_roles=VM_ADMIN)
    name_description = Field(STRING, RW, "Free text saying what the VM is for.", default="", setter_roles=VM_ADMIN)
    user_version = Field(
        INT, RW, "Version number for the creator's own use; the server ignores it.", setter_roles=VM_ADMIN
    )
    is_a_template = Field(
        BOOL,
        RW,
        "True for templates and snapshots, neither of which can be started.",
        setter_roles=VM_ADMIN,
        setter_has_effect=True,
    )
    is_default_template = Field(
        BOOL,
        RO_RUNTIME,
        "True for a template that belongs to the product and is protected from deletion.",
        default=False,
        released="published falcon",
    )
    suspend_VDI = Field(Ref("VDI"), RO_RUNTIME, "Disk with the saved memory of a suspended VM; NULL if there is none.")
    resident_on = Field(Ref("host"), RO_RUNTIME, "Host where the VM is running or paused; NULL when it has no domain.")
    scheduled_to_be_resident_on = Field(
        Ref("host"),
        RO_RUNTIME,
        "Host with memory reserved for a start or migration in progress; otherwise NULL.",
        internal=True,
    )
    affinity = Field(
        Ref("host"),
        RW,
        "Host preferred when the server picks where to start the VM; NULL for no preference.",
        setter_roles=VM_POWER_ADMIN,
    )
    memory_overhead = Field(
        INT, RO_RUNTIME, "Extra host memory in bytes that running the VM costs, beyond the guest's own.", default=0
    )
    memory_target = Field(
        INT,
        RO_CONSTRUCTOR,
        "Memory goal in bytes last given to the guest; deprecated.",
        default=0,
        released="published rio, deprecated midnight-ride",
    )
    memory_static_max = Field(
        INT, RO_CONSTRUCTOR, "Hard upper limit in bytes for guest memory, fixed while the VM runs."
    )
    memory_dynamic_max = Field(INT, RO_CONSTRUCTOR, "Most memory in bytes the guest may have while ballooning.")
    memory_dynamic_min = Field(INT, RO_CONSTRUCTOR, "Least memory in bytes the guest can be ballooned down to.")
    memory_static_min = Field(
        INT, RO_CONSTRUCTOR, "Lower limit in bytes below which guest memory must never be configured."
    )
    VCPUs_params = Field(
        STRING_MAP, RW, "Scheduling settings for the virtual CPUs, such as weight, cap and mask.", setter_roles=VM_ADMIN
    )
    VCPUs_max = Field(INT, RO_CONSTRUCTOR, "Largest number of virtual CPUs the VM can have while it runs.")
    VCPUs_at_startup = Field(INT, RO_CONSTRUCTOR, "Number of virtual CPUs online when the VM boots.")
    actions_after_shutdown = Field(
        ON_NORMAL_EXIT, RW, "Reaction to the guest powering itself off.", setter_roles=VM_ADMIN, setter_has_effect=True
    )
    actions_after_reboot = Field(
        ON_NORMAL_EXIT, RW, "Reaction to the guest rebooting itself.", setter_roles=VM_ADMIN, setter_has_effect=True
    )
    actions_after_crash = Field(
        ON_CRASH_BEHAVIOUR, RW, "Reaction to a crash of the guest.", setter_roles=VM_ADMIN, setter_has_effect=True
    )
    consoles = Field(
        Set(Ref("console")), RO_RUNTIME, "Graphical and text consoles through which the VM can be reached."
    )
    VIFs = Field(Set(Ref("VIF")), RO_RUNTIME, "Virtual network interfaces belonging to the VM.")
    VBDs = Field(Set(Ref("VBD")), RO_RUNTIME, "Virtual block devices joining disks and CD drives to the VM.")
    VUSBs = Field(Set(Ref("VUSB")), RO_RUNTIME, "Virtual USB devices belonging to the VM.")
    crash_dumps = Field(Set(Ref("crashdump")), RO_RUNTIME, "Crash dumps kept from earlier failures of the guest.")
    VTPMs = Field(Set(Ref("VTPM")), RO_RUNTIME, "Virtual TPM devices of the VM; always empty in this release.")
    PV_bootloader = Field(
        STRING,
        RW,
        "Boot loader run on the host to find a paravirtual guest's kernel; may be empty.",
        setter_roles=VM_ADMIN,
    )
    PV_kernel = Field(
        STRING, RW, "Path of the paravirtual kernel when no boot loader supplies one.", setter_roles=VM_ADMIN
    )
    PV_ramdisk = Field(
        STRING, RW, "Path of the initial RAM disk that accompanies the paravirtual kernel.", setter_roles=VM_ADMIN
    )
    PV_args = Field(STRING, RW, "Command line handed to the paravirtual kernel.", setter_roles=VM_ADMIN)
    PV_bootloader_args = Field(
        STRING, RW, "Additional arguments given to the paravirtual boot loader.", setter_roles=VM_ADMIN
    )
    PV_legacy_args = Field(STRING, RW, "Kernel arguments kept for very old paravirtual guests.", setter_roles=VM_ADMIN)
    HVM_boot_policy = Field(
        STRING,
        RW,
        "Boot policy with full hardware virtualisation, normally 'BIOS order'; empty means paravirtual boot.",
        setter_roles=VM_ADMIN,
    )
    HVM_boot_params = Field(
        STRING_MAP,
        RW,
        "Boot settings for hardware-virtualised guests, for instance the device order under 'order'.",
        setter_roles=VM_ADMIN,
    )
    HVM_shadow_multiplier = Field(
        FLOAT,
        RO_CONSTRUCTOR,
        "Factor, at least 1.0, that enlarges the shadow memory set aside.",
        default=1.0,
        released="published miami",
    )
    platform = Field(
        STRING_MAP,
        RW,
        "Settings of the virtual hardware, for example device-model, viridian and nested-virt.",
        setter_roles=VM_ADMIN,
    )
    PCI_bus = Field(
        STRING,
        RW,
        "Bus location for PCI pass-through; deprecated.",
        setter_roles=VM_ADMIN,
        released="published rio, deprecated boston",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients and for special server options.",
        setter_roles=VM_ADMIN,
        map_key_roles={"pci": POOL_ADMIN, "folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
    )
    domid = Field(INT, RO_RUNTIME, "Hypervisor domain number on the host, or -1 without a domain.")
    domarch = Field(STRING, RO_RUNTIME, "Architecture reported for the running domain; empty if unknown.")
    last_boot_CPU_flags = Field(STRING_MAP, RO_RUNTIME, "CPU vendor and feature set that the guest was booted with.")
    is_control_domain = Field(BOOL, RO_RUNTIME, "True for the privileged domain that manages a host.")
    metrics = Field(Ref("VM_metrics"), RO_RUNTIME, "Measurements of the VM made by the host.")
    guest_metrics = Field(
        Ref("VM_guest_metrics"), RO_RUNTIME, "Information reported by the guest's own agent; NULL if there is none."
    )
    last_booted_record = Field(
        STRING,
        RO_RUNTIME,
        "Opaque saved domain state, filled in by a suspend and otherwise empty.",
        default="",
        released="published miami",
    )
    recommendations = Field(
        STRING, RW, "XML text advising clients about sensible limits for this VM.", setter_roles=VM_ADMIN
    )
    xenstore_data = Field(
        STRING_MAP,
        RW,
        "Entries copied to the domain's vm-data area in xenstore.",
        default={},
        setter_roles=VM_ADMIN,
        setter_has_effect=True,
        released="published miami",
    )
    ha_always_run = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "Whether HA currently keeps the VM running; deprecated for client use.",
        default=False,
        released="published orlando, deprecated boston",
    )
    ha_restart_priority = Field(
        STRING,
        RO_CONSTRUCTOR,
        "HA treatment: 'restart', 'best-effort', or empty for no automatic restart.",
        default="",
        released="published orlando",
    )
    is_a_snapshot = Field(
        BOOL,
        RO_RUNTIME,
        "True when the record is a snapshot of another VM.",
        default=False,
        released="published orlando",
    )
    snapshot_of = Field(
        Ref("VM"),
        RO_RUNTIME,
        "VM that a snapshot was taken from; NULL if not a snapshot.",
        default=NULL_REF,
        released="published orlando",
    )
    snapshots = Field(
        Set(Ref("VM")), RO_RUNTIME, "All snapshots that have been taken of this VM.", released="published orlando"
    )
    snapshot_time = Field(
        DATETIME,
        RO_RUNTIME,
        "When the snapshot was taken; start of 1970 if not a snapshot.",
        default=NEVER,
        released="published orlando",
    )
    transportable_snapshot_id = Field(
        STRING,
        RO_RUNTIME,
        "VSS identifier of a quiesced snapshot; empty for any other VM.",
        default="",
        released="published orlando",
    )
    blobs = Field(
        Map(STRING, Ref("blob")),
        RO_RUNTIME,
        "Binary objects stored with the VM, by name.",
        default={},
        released="published orlando",
    )
    tags = Field(
        STRING_SET,
        RW,
        "Labels set by users for grouping and searching.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    blocked_operations = Field(
        Map(VM_OPERATIONS, STRING),
        RW,
        "Operations forbidden by an administrator, each with the reason given to callers.",
        default={},
        setter_roles=VM_ADMIN,
        released="published orlando",
    )
    snapshot_info = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Facts about how the snapshot was made, such as the power state then.",
        default={},
        released="published midnight-ride",
    )
    snapshot_metadata = Field(
        STRING,
        RO_RUNTIME,
        "Opaque copy of the source VM's fields, used when reverting.",
        default="",
        released="published midnight-ride",
    )
    parent = Field(
        Ref("VM"),
        RO_RUNTIME,
        "Snapshot that precedes this VM in its snapshot tree; NULL at the root.",
        default=NULL_REF,
        released="published midnight-ride",
    )
    children = Field(
        Set(Ref("VM")),
        RO_RUNTIME,
        "VMs and snapshots directly below this one in the snapshot tree.",
        released="published midnight-ride",
    )
    bios_strings = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Manufacturer and product texts shown to the guest by its firmware.",
        default={},
        released="published midnight-ride",
    )
    protection_policy = Field(
        Ref("VMPP"),
        RO_CONSTRUCTOR,
        "Formerly the protection policy of the VM; now always NULL.",
        default=NULL_REF,
        released="published cowley, deprecated clearwater",
    )
    is_snapshot_from_vmpp = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "Formerly marked snapshots made by a protection policy; deprecated.",
        default=False,
        released="published cowley, deprecated clearwater",
    )
    snapshot_schedule = Field(
        Ref("VMSS"),
        RO_CONSTRUCTOR,
        "Snapshot schedule that covers this VM; NULL if none does.",
        default=NULL_REF,
        released="published falcon",
    )
    is_vmss_snapshot = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True for a snapshot taken by a snapshot schedule.",
        default=False,
        released="published falcon",
    )
    appliance = Field(
        Ref("VM_appliance"), RO_CONSTRUCTOR, "Appliance of which the VM is a member; NULL if none.", default=NULL_REF
    )
    start_delay = Field(
        INT,
        RO_CONSTRUCTOR,
        "Seconds to wait after starting this VM before the next one starts.",
        default=0,
        released="published boston",
    )
    shutdown_delay = Field(
        INT,
        RO_CONSTRUCTOR,
        "Seconds to wait after stopping this VM before the next one stops.",
        default=0,
        released="published boston",
    )
    order = Field(
        INT,
        RO_CONSTRUCTOR,
        "Place in the start sequence; low numbers start first and stop last.",
        default=0,
        released="published boston",
    )
    VGPUs = Field(
        Set(Ref("VGPU")), RO_RUNTIME, "Virtual graphics processors belonging to the VM.", released="published boston"
    )
    attached_PCIs = Field(
        Set(Ref("PCI")), RO_RUNTIME, "Physical PCI devices now passed through to the VM.", released="published boston"
    )
    suspend_SR = Field(
        Ref("SR"),
        RW,
        "Repository preferred for suspend images; NULL leaves the choice to pool and host.",
        default=NULL_REF,
        setter_roles=VM_ADMIN,
        released="published boston",
    )
    version = Field(
        INT,
        RO_CONSTRUCTOR,
        "Counter used on recovery to tell which copy of a VM is newer.",
        default=0,
        released="published boston",
    )
    generation_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "VM generation identifier shown to the guest; empty if it is not offered.",
        default="0:0",
        released="published clearwater",
    )
    hardware_platform_version = Field(
        INT,
        RW,
        "Virtual hardware level that a host must offer to run the VM.",
        default=0,
        setter_roles=VM_ADMIN,
        released="published cream",
    )
    has_vendor_device = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "Whether the guest sees the PCI device that brings drivers through Windows Update.",
        default=Computed(False),
        released="published dundee",
    )
    requires_reboot = Field(
        BOOL,
        RO_RUNTIME,
        "True when changed settings will only apply after a reboot.",
        default=False,
        released="published ely",
    )
    reference_label = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Language-independent label of the template from which the VM originates.",
        default="",
        released="published ely",
    )
    domain_type = Field(
        DOMAIN_TYPE,
        RO_CONSTRUCTOR,
        "Kind of virtualisation wanted at the next boot; internal.",
        default="unspecified",
        internal=True,
        released="published jura",
    )

    MESSAGES = (
        Message(
            "snapshot",
            "Take a snapshot of the VM's disks and settings, returning the new snapshot.",
            (
                Param("vm", Ref("VM")),
                Param("new_name", STRING),
            ),
            result=Ref("VM"),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
            ),
            released="published orlando",
        ),
        Message(
            "snapshot_with_quiesce",
            "Take a snapshot after asking the Windows guest to bring its applications to a consistent state.",
            (
                Param("vm", Ref("VM")),
                Param("new_name", STRING),
            ),
            result=Ref("VM"),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "VM_SNAPSHOT_WITH_QUIESCE_FAILED",
                "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT",
                "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND",
                "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
            ),
            released="published orlando",
        ),
        Message(
            "clone",
            "Make a new VM from this one with fast disk clones where storage allows.",
            (
                Param("vm", Ref("VM")),
                Param("new_name", STRING),
            ),
            result=Ref("VM"),
            roles=VM_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "LICENCE_RESTRICTION",
            ),
        ),
        Message(
            "copy",
            "Make an independent VM with full disk copies, in the given SR or each disk's own.",
            (
                Param("vm", Ref("VM")),
                Param("new_name", STRING),
                Param("sr", Ref("SR")),
            ),
            result=Ref("VM"),
            roles=VM_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "LICENCE_RESTRICTION",
            ),
            released="published rio, extended cowley",
        ),
        Message(
            "revert",
            "Return the VM to the disks, settings and power state held in a snapshot.",
            (Param("snapshot", Ref("VM")),),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "OPERATION_NOT_ALLOWED",
                "SR_FULL",
                "VM_REVERT_FAILED",
            ),
            released="published midnight-ride",
        ),
        Message(
            "checkpoint",
            "Take a snapshot that also holds the guest's memory, so it can later resume.",
            (
                Param("vm", Ref("VM")),
                Param("new_name", STRING),
            ),
            result=Ref("VM"),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "VM_CHECKPOINT_SUSPEND_FAILED",
                "VM_CHECKPOINT_RESUME_FAILED",
            ),
            released="published midnight-ride",
        ),
        Message(
            "provision",
            "Turn a template into an installable VM, creating the disks its configuration asks for.",
            (Param("vm", Ref("VM")),),
            roles=VM_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "LICENCE_RESTRICTION",
            ),
        ),
        Message(
            "start",
            "Boot a halted VM on a host chosen by the server, optionally leaving it paused.",
            (
                Param("vm", Ref("VM")),
                Param("start_paused", BOOL),
                Param("force", BOOL),
            ),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "VM_HVM_REQUIRED",
                "VM_IS_TEMPLATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "BOOTLOADER_FAILED",
                "UNKNOWN_BOOTLOADER",
                "NO_HOSTS_AVAILABLE",
                "LICENCE_RESTRICTION",
            ),
        ),
        Message(
            "start_on",
            "Boot a halted VM on the named host, optionally leaving it paused.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
                Param("start_paused", BOOL),
                Param("force", BOOL),
            ),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "VM_IS_TEMPLATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "BOOTLOADER_FAILED",
                "UNKNOWN_BOOTLOADER",
            ),
        ),
        Message(
            "pause",
            "Freeze the virtual CPUs of a running VM while keeping its memory.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "unpause",
            "Let a paused VM continue to run.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "clean_shutdown",
            "Ask the guest to shut itself down and wait until it has.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "shutdown",
            "Try an orderly guest shutdown first, then power the VM off if that fails.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
            released="published clearwater",
        ),
        Message(
            "clean_reboot",
            "Ask the guest to restart itself and wait until the new domain is up.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "hard_shutdown",
            "Power the VM off immediately; a suspended VM loses its saved memory.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "power_state_reset",
            "Mark the VM as halted in the database when its host is known to be dead.",
            (Param("vm", Ref("VM")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "hard_reboot",
            "Restart the VM at once without the guest's co-operation.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "suspend",
            "Save the memory of a running VM to disk and release its host resources.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "csvm",
            "Clone a suspended VM along with its saved memory; undocumented and deprecated.",
            (Param("vm", Ref("VM")),),
            result=Ref("VM"),
            roles=VM_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "SR_FULL",
                "OPERATION_NOT_ALLOWED",
                "LICENCE_RESTRICTION",
            ),
            documented=False,
            released="published rio, deprecated miami",
        ),
        Message(
            "resume",
            "Bring a suspended VM back on a host chosen by the server.",
            (
                Param("vm", Ref("VM")),
                Param("start_paused", BOOL),
                Param("force", BOOL),
            ),
            roles=VM_OPERATOR,
            errors=(
                "VM_BAD_POWER_STATE",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "set_is_default_template",
            "Mark or unmark a VM as one of the protected product templates.",
            (
                Param("vm", Ref("VM")),
                Param("value", BOOL),
            ),
            roles=POOL_ADMIN,
            documented=False,
            released="published falcon",
        ),
        Message(
            "hard_reboot_internal",
            "Serve the server's own reboot handling; internal, deprecated and not usable by clients.",
            (Param("vm", Ref("VM")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando, deprecated midnight-ride",
        ),
        Message(
            "resume_on",
            "Bring a suspended VM back on the named host.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
                Param("start_paused", BOOL),
                Param("force", BOOL),
            ),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "OPERATION_NOT_ALLOWED",
                "VM_IS_TEMPLATE",
            ),
        ),
        Message(
            "pool_migrate",
            "Move a running VM to another host in the same pool without stopping it.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
                Param("options", STRING_MAP),
            ),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "OTHER_OPERATION_IN_PROGRESS",
                "VM_IS_TEMPLATE",
                "OPERATION_NOT_ALLOWED",
                "VM_MIGRATE_FAILED",
            ),
        ),
        Message(
            "pool_migrate_complete",
            "Finish a migration on the receiving host; used only between hosts.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
            ),
            roles=VM_POWER_ADMIN,
            documented=False,
            released="published tampa",
        ),
        Message(
            "set_VCPUs_number_live",
            "Change how many virtual CPUs a running VM has, up to its maximum.",
            (
                Param("self", Ref("VM")),
                Param("nvcpu", INT),
            ),
            roles=VM_ADMIN,
            errors=(
                "OPERATION_NOT_ALLOWED",
                "LICENCE_RESTRICTION",
            ),
            released="published rio, changed ely",
        ),
        Message(
            "add_to_VCPUs_params_live",
            "Add a virtual CPU setting that applies to the running VM; not implemented.",
            (
                Param("self", Ref("VM")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=VM_ADMIN,
        ),
        Message(
            "set_ha_restart_priority",
            "Set the HA treatment to 'restart', 'best-effort' or empty.",
            (
                Param("self", Ref("VM")),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "set_ha_always_run",
            "Switch HA restart protection on or off; deprecated, set the restart priority instead.",
            (
                Param("self", Ref("VM")),
                Param("value", BOOL),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando, deprecated boston",
        ),
        Message(
            "compute_memory_overhead",
            "Calculate, in bytes, the host memory needed beyond the guest's own.",
            (Param("vm", Ref("VM")),),
            result=INT,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_dynamic_max",
            "Set the upper ballooning limit in bytes, keeping the lower one.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_POWER_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_dynamic_min",
            "Set the lower ballooning limit in bytes, keeping the upper one.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_POWER_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_dynamic_range",
            "Set both ballooning limits in bytes; a running guest adapts at once.",
            (
                Param("self", Ref("VM")),
                Param("min", INT),
                Param("max", INT),
            ),
            roles=VM_POWER_ADMIN,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_static_max",
            "Set the hard memory maximum in bytes, keeping the minimum.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_POWER_ADMIN,
            errors=("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN",),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "set_memory_static_min",
            "Set the hard memory minimum in bytes, keeping the maximum.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_POWER_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_static_range",
            "Set the hard memory minimum and maximum in bytes together.",
            (
                Param("self", Ref("VM")),
                Param("min", INT),
                Param("max", INT),
            ),
            roles=VM_POWER_ADMIN,
            released="published midnight-ride",
        ),
        Message(
            "set_memory_limits",
            "Set all four memory limits in bytes with a single call.",
            (
                Param("self", Ref("VM")),
                Param("static_min", INT),
                Param("static_max", INT),
                Param("dynamic_min", INT),
                Param("dynamic_max", INT),
            ),
            roles=VM_POWER_ADMIN,
            released="published midnight-ride",
        ),
        Message(
            "set_memory",
            "Give the VM a fixed amount of memory in bytes, apart from its static minimum.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_POWER_ADMIN,
            released="published ely",
        ),
        Message(
            "set_memory_target_live",
            "Accept a memory target in bytes without any effect; deprecated, set the dynamic range.",
            (
                Param("self", Ref("VM")),
                Param("target", INT),
            ),
            roles=VM_POWER_ADMIN,
            released="published rio, deprecated midnight-ride",
        ),
        Message(
            "wait_memory_target_live",
            "Wait until the guest's memory has reached its target; deprecated.",
            (Param("self", Ref("VM")),),
            released="published orlando, deprecated midnight-ride",
        ),
        Message(
            "get_cooperative",
            "Report whether the guest honours memory targets; deprecated and always true.",
            (Param("self", Ref("VM")),),
            result=BOOL,
            released="published midnight-ride, deprecated tampa",
        ),
        Message(
            "set_HVM_shadow_multiplier",
            "Set the shadow memory factor, at least 1.0, of a halted VM.",
            (
                Param("self", Ref("VM")),
                Param("value", FLOAT),
            ),
            roles=VM_POWER_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "set_shadow_multiplier_live",
            "Set the shadow memory factor, at least 1.0, of a running VM.",
            (
                Param("self", Ref("VM")),
                Param("multiplier", FLOAT),
            ),
            roles=VM_POWER_ADMIN,
        ),
        Message(
            "set_VCPUs_max",
            "Set the largest number of virtual CPUs that the VM may have.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "set_VCPUs_at_startup",
            "Set how many virtual CPUs are online after the next boot.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "send_sysrq",
            "Deliver a SysRq key to the running guest; not implemented.",
            (
                Param("vm", Ref("VM")),
                Param("key", STRING),
            ),
            roles=POOL_ADMIN,
            errors=("VM_BAD_POWER_STATE",),
        ),
        Message(
            "send_trigger",
            "Inject a named hardware event into the running guest; not implemented.",
            (
                Param("vm", Ref("VM")),
                Param("trigger", STRING),
            ),
            roles=POOL_ADMIN,
            errors=("VM_BAD_POWER_STATE",),
        ),
        Message(
            "maximise_memory",
            "Calculate the largest static maximum in bytes that fits a total including overhead.",
            (
                Param("self", Ref("VM")),
                Param("total", INT),
                Param("approximate", BOOL),
            ),
            result=INT,
            released="published miami",
        ),
        Message(
            "migrate_send",
            "Migrate a VM with its disks to another host or pool, as the given maps direct.",
            (
                Param("vm", Ref("VM")),
                Param("dest", STRING_MAP),
                Param("live", BOOL),
                Param("vdi_map", Map(Ref("VDI"), Ref("SR"))),
                Param("vif_map", Map(Ref("VIF"), Ref("network"))),
                Param("options", STRING_MAP),
                Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group")), {}),
            ),
            result=Ref("VM"),
            roles=VM_POWER_ADMIN,
            errors=(
                "VM_BAD_POWER_STATE",
                "LICENCE_RESTRICTION",
            ),
            released="published tampa",
        ),
        Message(
            "assert_can_migrate",
            "Raise an error if a migration with these same arguments could not succeed.",
            (
                Param("vm", Ref("VM")),
                Param("dest", STRING_MAP),
                Param("live", BOOL),
                Param("vdi_map", Map(Ref("VDI"), Ref("SR"))),
                Param("vif_map", Map(Ref("VIF"), Ref("network"))),
                Param("options", STRING_MAP),
                Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group")), {}),
            ),
            roles=VM_POWER_ADMIN,
            errors=("LICENCE_RESTRICTION",),
            released="published tampa",
        ),
        Message(
            "assert_can_migrate_sender",
            "Check the sending host's side of a planned migration; internal.",
            (
                Param("vm", Ref("VM")),
                Param("dest", STRING_MAP),
                Param("live", BOOL),
                Param("vdi_map", Map(Ref("VDI"), Ref("SR"))),
                Param("vif_map", Map(Ref("VIF"), Ref("network"))),
                Param("vgpu_map", Map(Ref("VGPU"), Ref("GPU_group"))),
                Param("options", STRING_MAP),
            ),
            roles=VM_POWER_ADMIN,
            documented=False,
            released="",
            unlisted_since="closed",
        ),
        Message(
            "get_boot_record",
            "Return the current record of a VM that is not halted; deprecated.",
            (Param("self", Ref("VM")),),
            result=Record("VM"),
            has_async=False,
            released="published rio, deprecated inverness",
        ),
        Message(
            "get_data_sources",
            "List the statistics that can be recorded for this running VM.",
            (Param("self", Ref("VM")),),
            result=Set(Record("data_source")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "record_data_source",
            "Start keeping history for the named statistic of the VM.",
            (
                Param("self", Ref("VM")),
                Param("data_source", STRING),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "query_data_source",
            "Read the latest value of the named statistic of the VM.",
            (
                Param("self", Ref("VM")),
                Param("data_source", STRING),
            ),
            result=FLOAT,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "forget_data_source_archives",
            "Discard the recorded history of the named statistic of the VM.",
            (
                Param("self", Ref("VM")),
                Param("data_source", STRING),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "assert_operation_valid",
            "Raise the matching error if the operation is not possible on the VM now.",
            (
                Param("self", Ref("VM")),
                Param("op", VM_OPERATIONS),
            ),
            roles=POOL_ADMIN,
        ),
        Message(
            "update_allowed_operations",
            "Work out again which operations are allowed on the VM and its devices.",
            (Param("self", Ref("VM")),),
            roles=POOL_ADMIN,
        ),
        Message(
            "get_allowed_VBD_devices",
            "List the device positions still free for new block devices.",
            (Param("vm", Ref("VM")),),
            result=STRING_SET,
            has_async=False,
        ),
        Message(
            "get_allowed_VIF_devices",
            "List the device positions still free for new network interfaces.",
            (Param("vm", Ref("VM")),),
            result=STRING_SET,
            has_async=False,
        ),
        Message(
            "get_possible_hosts",
            "List the hosts where the VM could start at present.",
            (Param("vm", Ref("VM")),),
            result=Set(Ref("host")),
        ),
        Message(
            "assert_can_boot_here",
            "Raise the reason why the VM could not start on the given host, if any.",
            (
                Param("self", Ref("VM")),
                Param("host", Ref("host")),
            ),
            errors=(
                "HOST_NOT_ENOUGH_FREE_MEMORY",
                "VM_REQUIRES_SR",
                "VM_HOST_INCOMPATIBLE_VERSION",
                "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
            ),
        ),
        Message(
            "atomic_set_resident_on",
            "Record the VM's new host and clear its reservation in one step; internal.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
        ),
        Message(
            "create_new_blob",
            "Create an empty binary object and attach it to the VM under a name.",
            (
                Param("vm", Ref("VM")),
                Param("name", STRING),
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=VM_POWER_ADMIN,
            released="published orlando",
        ),
        Message(
            "s3_suspend",
            "Put the running guest into the ACPI S3 sleep state.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            documented=False,
            released="published midnight-ride",
        ),
        Message(
            "s3_resume",
            "Wake a guest that is in the ACPI S3 sleep state.",
            (Param("vm", Ref("VM")),),
            roles=VM_OPERATOR,
            documented=False,
            released="published midnight-ride",
        ),
        Message(
            "assert_agile",
            "Raise an error if storage, networks or devices tie the VM to particular hosts.",
            (Param("self", Ref("VM")),),
            released="published orlando",
        ),
        Message(
            "update_snapshot_metadata",
            "Overwrite the source, time and transportable identifier recorded for a snapshot; deprecated.",
            (
                Param("vm", Ref("VM")),
                Param("snapshot_of", Ref("VM")),
                Param("snapshot_time", DATETIME),
                Param("transportable_snapshot_id", STRING),
            ),
            roles=POOL_OPERATOR,
            documented=False,
            released="published george, deprecated midnight-ride",
        ),
        Message(
            "retrieve_wlb_recommendations",
            "Ask the workload balancing service how suitable each host is for the VM.",
            (Param("vm", Ref("VM")),),
            result=Map(Ref("host"), STRING_SET),
            released="published george",
        ),
        Message(
            "set_bios_strings",
            "Supply custom firmware texts, allowed only while the VM has none.",
            (
                Param("self", Ref("VM")),
                Param("value", STRING_MAP),
            ),
            roles=VM_ADMIN,
            errors=(
                "VM_BIOS_STRINGS_ALREADY_SET",
                "INVALID_VALUE",
            ),
            released="published inverness",
        ),
        Message(
            "copy_bios_strings",
            "Take over the firmware texts of a host, allowed only while the VM has none.",
            (
                Param("vm", Ref("VM")),
                Param("host", Ref("host")),
            ),
            roles=VM_ADMIN,
            released="published midnight-ride",
        ),
        Message(
            "set_protection_policy",
            "No longer works; it used to assign the VM to a protection policy.",
            (
                Param("self", Ref("VM")),
                Param("value", Ref("VMPP")),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "set_snapshot_schedule",
            "Put the VM under a snapshot schedule, or under none when NULL is given.",
            (
                Param("self", Ref("VM")),
                Param("value", Ref("VMSS")),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_start_delay",
            "Set the number of seconds to wait after the VM has started.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "set_shutdown_delay",
            "Set the number of seconds to wait after the VM has stopped.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "set_order",
            "Set the VM's place, zero or above, in the start sequence.",
            (
                Param("self", Ref("VM")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "set_suspend_VDI",
            "Point a suspended VM at another disk whose contents match its suspend image.",
            (
                Param("self", Ref("VM")),
                Param("value", Ref("VDI")),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "assert_can_be_recovered",
            "Raise an error if the target session's pool lacks storage that the VM needs.",
            (
                Param("self", Ref("VM")),
                Param("session_to", Ref("session")),
            ),
            errors=(
                "VM_IS_PART_OF_AN_APPLIANCE",
                "VM_REQUIRES_SR",
            ),
            released="published boston",
        ),
        Message(
            "get_SRs_required_for_recovery",
            "List the SRs that must be attached in the target pool before recovery.",
            (
                Param("self", Ref("VM")),
                Param("session_to", Ref("session")),
            ),
            result=Set(Ref("SR")),
            released="published creedence",
        ),
        Message(
            "recover",
            "Rebuild the VM in the pool of the target session from recovered metadata.",
            (
                Param("self", Ref("VM")),
                Param("session_to", Ref("session")),
                Param("force", BOOL),
            ),
            released="published boston",
        ),
        Message(
            "import_convert",
            "Convert and import a VM from another virtualisation product into the given SR.",
            (
                Param("type", STRING),
                Param("username", STRING),
                Param("password", STRING),
                Param("sr", Ref("SR")),
                Param("remote_config", STRING_MAP),
            ),
            roles=VM_ADMIN,
            released="published tampa",
        ),
        Message(
            "set_appliance",
            "Make the VM a member of an appliance, or of none when NULL is given.",
            (
                Param("self", Ref("VM")),
                Param("value", Ref("VM_appliance")),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "query_services",
            "Ask a system domain which services it provides; not implemented.",
            (Param("self", Ref("VM")),),
            result=STRING_MAP,
            roles=POOL_ADMIN,
            released="published tampa",
        ),
        Message(
            "call_plugin",
            "Run a function of the guest agent inside the running VM and return its answer.",
            (
                Param("vm", Ref("VM")),
                Param("plugin", STRING),
                Param("fn", STRING),
                Param("args", STRING_MAP),
            ),
            result=STRING,
            roles=VM_OPERATOR,
            released="published cream",
        ),
        Message(
            "set_has_vendor_device",
            "Choose whether the guest sees the Windows Update driver device; needs a halted VM.",
            (
                Param("self", Ref("VM")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            released="published dundee",
        ),
        Message(
            "import",
            "Fetch an exported VM from a URL and import it with its disks into an SR.",
            (
                Param("url", STRING),
                Param("sr", Ref("SR")),
                Param("full_restore", BOOL),
                Param("force", BOOL),
            ),
            result=Set(Ref("VM")),
            roles=POOL_OPERATOR,
            released="published dundee",
        ),
    )
