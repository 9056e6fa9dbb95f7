"""The enumerations of the API and what each of their values means."""

from __future__ import annotations

from xapi_async.datamodel.types import Enum

AFTER_APPLY_GUIDANCE = Enum(
    "after_apply_guidance",
    "What remains to be done after an old-style patch has been applied.",
    {
        "restartHVM": "Restart the HVM guests.",
        "restartPV": "Restart the paravirtualised guests.",
        "restartHost": "Reboot the host.",
        "restartXAPI": "Restart the management agent on the host.",
    },
)
ALLOCATION_ALGORITHM = Enum(
    "allocation_algorithm",
    "How the cards of a GPU group are filled with virtual GPUs.",
    {
        "breadth_first": "Spread over all cards, the emptiest first.",
        "depth_first": "Fill one card before turning to the next.",
    },
)
BOND_MODE = Enum(
    "bond_mode",
    "How the members of a bond share its traffic.",
    {
        "balance-slb": "All members carry traffic, balanced by source MAC address.",
        "active-backup": "One member carries all traffic, the others stand by.",
        "lacp": "Members form an 802.3ad group with the switch, which must support it.",
    },
    exact=True,
)
CLS = Enum(
    "cls",
    "Kind of object that a message is about.",
    {
        "VM": "A virtual machine.",
        "Host": "A host.",
        "SR": "A storage repository.",
        "Pool": "The pool.",
        "VMPP": "A VM protection policy (obsolete).",
        "VMSS": "A VM snapshot schedule.",
        "PVS_proxy": "A provisioning proxy.",
        "VDI": "A virtual disk.",
    },
)
CONSOLE_PROTOCOL = Enum(
    "console_protocol",
    "What is spoken on a VM's console.",
    {
        "vt100": "Text terminal.",
        "rfb": "Graphical screen over VNC.",
        "rdp": "Windows remote desktop; never offered by the server.",
    },
)
DOMAIN_TYPE = Enum(
    "domain_type",
    "Way in which a VM is virtualised.",
    {
        "hvm": "Hardware-assisted virtualisation.",
        "pv": "Paravirtualised guest.",
        "pv_in_pvh": "Paravirtualised guest inside a hardware-assisted container.",
        "unspecified": "Not stated, or not known.",
    },
)
EVENT_OPERATION = Enum(
    "event_operation",
    "What befell the object of an event.",
    {"add": "It was created.", "del": "It was removed.", "mod": "It was changed."},
    exact=True,
)
HELLO_RETURN = Enum(
    "hello_return",
    "Master's answer to a host that announces itself.",
    {
        "ok": "Known and reachable.",
        "unknown_host": "Not a member of the pool.",
        "cannot_talk_back": "A member, but the master cannot connect to it.",
    },
)
HOST_ALLOWED_OPERATIONS = Enum(
    "host_allowed_operations",
    "Operations on a host.",
    {
        "provision": "A VM can be installed there.",
        "evacuate": "VMs can be moved off it.",
        "shutdown": "It can be shut down.",
        "reboot": "It can be rebooted.",
        "power_on": "It can be switched on from afar.",
        "vm_start": "A VM is starting there.",
        "vm_resume": "A VM is resuming there.",
        "vm_migrate": "A VM is migrating to it.",
    },
)
HOST_DISPLAY = Enum(
    "host_display",
    "Whether the host shows its own console on its screen.",
    {
        "enabled": "Shown.",
        "disable_on_reboot": "Shown until the next reboot.",
        "disabled": "Not shown.",
        "enable_on_reboot": "Not shown until the next reboot.",
    },
)
IP_CONFIGURATION_MODE = Enum(
    "ip_configuration_mode",
    "How a physical interface gets its IPv4 address.",
    {"None": "It has none.", "DHCP": "From a DHCP server.", "Static": "From the values in the record."},
)
IPV6_CONFIGURATION_MODE = Enum(
    "ipv6_configuration_mode",
    "How a physical interface gets its IPv6 address.",
    {
        "None": "It has none.",
        "DHCP": "From a DHCPv6 server.",
        "Static": "From the values in the record.",
        "Autoconf": "From router advertisements.",
    },
)
LIVEPATCH_STATUS = Enum(
    "livepatch_status",
    "How far an update can take effect without a reboot.",
    {
        "ok_livepatch_complete": "Live patches cover everything, so no reboot is due.",
        "ok_livepatch_incomplete": "Live patches cover a part only.",
        "ok": "The update can be applied but has no live patch.",
    },
)
NETWORK_DEFAULT_LOCKING_MODE = Enum(
    "network_default_locking_mode",
    "Traffic rule for interfaces that leave it to their network.",
    {"unlocked": "All traffic passes.", "disabled": "No traffic passes."},
)
NETWORK_OPERATIONS = Enum(
    "network_operations", "Operations on a network.", {"attaching": "A PIF or VIF is being attached to it."}
)
NETWORK_PURPOSE = Enum(
    "network_purpose",
    "Special use of a network.",
    {"nbd": "Disks may be reached over NBD with TLS.", "insecure_nbd": "Disks may be reached over NBD unencrypted."},
)
ON_BOOT = Enum(
    "on_boot",
    "What becomes of a disk's contents when its VM starts.",
    {"reset": "They go back to their former state.", "persist": "They are kept."},
)
ON_CRASH_BEHAVIOUR = Enum(
    "on_crash_behaviour",
    "What to do with a VM that has crashed.",
    {
        "destroy": "Leave it halted.",
        "coredump_and_destroy": "Save a core dump, then leave it halted.",
        "restart": "Start it again.",
        "coredump_and_restart": "Save a core dump, then start it again.",
        "preserve": "Keep it in memory for inspection.",
        "rename_restart": "Keep the crashed one under another name and start afresh; refused at VM start.",
    },
)
ON_NORMAL_EXIT = Enum(
    "on_normal_exit",
    "What to do when a guest shuts itself down or reboots.",
    {"destroy": "Leave the VM halted.", "restart": "Start the VM again."},
)
PGPU_DOM0_ACCESS = Enum(
    "pgpu_dom0_access",
    "Whether the control domain may use a graphics card.",
    {
        "enabled": "It may.",
        "disable_on_reboot": "It may until the next reboot.",
        "disabled": "It may not.",
        "enable_on_reboot": "It may again from the next reboot.",
    },
)
PIF_IGMP_STATUS = Enum(
    "pif_igmp_status",
    "State of IGMP snooping on an interface's bridge.",
    {"enabled": "On.", "disabled": "Off.", "unknown": "Not known, as for VLAN interfaces."},
)
POOL_ALLOWED_OPERATIONS = Enum(
    "pool_allowed_operations",
    "Operations on the pool.",
    {"ha_enable": "High availability is switched on.", "ha_disable": "High availability is switched off."},
)
PRIMARY_ADDRESS_TYPE = Enum(
    "primary_address_type",
    "Address family by which a host is managed.",
    {"IPv4": "By its IPv4 address.", "IPv6": "By its IPv6 address."},
)
PVS_PROXY_STATUS = Enum(
    "pvs_proxy_status",
    "What a provisioning proxy is doing.",
    {
        "stopped": "Not running.",
        "initialised": "Set up, but nothing cached yet.",
        "caching": "Caching the VM's disk.",
        "incompatible_write_cache_mode": "Not caching: the VM's write cache mode does not allow it.",
        "incompatible_protocol_version": "Not caching: the provisioning server speaks an unknown protocol version.",
    },
)
SDN_CONTROLLER_PROTOCOL = Enum(
    "sdn_controller_protocol",
    "How switches and their controller get in touch.",
    {"ssl": "Each host connects to the controller.", "pssl": "Each host waits for the controller to connect."},
)
STORAGE_OPERATIONS = Enum(
    "storage_operations",
    "Operations on a storage repository.",
    {
        "scan": "Look for changes among its disks.",
        "destroy": "Delete it with its contents.",
        "forget": "Drop its record, keeping the contents.",
        "plug": "Attach it to a host.",
        "unplug": "Detach it from a host.",
        "update": "Refresh its properties.",
        "vdi_create": "Create a disk.",
        "vdi_introduce": "Register an existing disk.",
        "vdi_destroy": "Delete a disk.",
        "vdi_resize": "Change a disk's size.",
        "vdi_clone": "Clone a disk.",
        "vdi_snapshot": "Snapshot a disk.",
        "vdi_mirror": "Mirror a disk for live migration.",
        "vdi_enable_cbt": "Start tracking a disk's changed blocks.",
        "vdi_disable_cbt": "Stop tracking a disk's changed blocks.",
        "vdi_data_destroy": "Delete a snapshot's data but keep its change record.",
        "vdi_list_changed_blocks": "Compare two disks by their changed blocks.",
        "vdi_set_on_boot": "Choose what VM start does to a disk.",
        "pbd_create": "Add a host's connection to it.",
        "pbd_destroy": "Remove a host's connection to it.",
    },
)
TASK_ALLOWED_OPERATIONS = Enum(
    "task_allowed_operations", "Operations on a task.", {"cancel": "Stop the work.", "destroy": "Remove the task."}
)
TASK_STATUS_TYPE = Enum(
    "task_status_type",
    "State of a task.",
    {
        "pending": "Under way.",
        "success": "Ended well.",
        "failure": "Ended with an error.",
        "cancelling": "Being stopped; never set by the server itself.",
        "cancelled": "Stopped on request.",
    },
)
TRISTATE_TYPE = Enum(
    "tristate_type", "A yes or no that may be left open.", {"yes": "Yes.", "no": "No.", "unspecified": "Not known."}
)
UPDATE_AFTER_APPLY_GUIDANCE = Enum(
    "update_after_apply_guidance",
    "What remains to be done after an update has been applied.",
    {
        "restartHVM": "Restart the HVM guests.",
        "restartPV": "Restart the paravirtualised guests.",
        "restartHost": "Reboot the host.",
        "restartXAPI": "Restart the management agent on the host.",
    },
)
VBD_MODE = Enum("vbd_mode", "Access that a VM has to a disk.", {"RO": "Reading only.", "RW": "Reading and writing."})
VBD_OPERATIONS = Enum(
    "vbd_operations",
    "Operations on a VM's disk drive.",
    {
        "attach": "Connect it as the VM starts or resumes.",
        "eject": "Take the disc out.",
        "insert": "Put a disc in.",
        "plug": "Hot-plug it into the running VM.",
        "unplug": "Hot-unplug it from the running VM.",
        "unplug_force": "Unplug it without the guest's consent.",
        "pause": "Hold back its input and output.",
        "unpause": "Let its input and output go on.",
    },
)
VBD_TYPE = Enum(
    "vbd_type",
    "What the guest sees as the drive.",
    {"CD": "CD or DVD drive.", "Disk": "Hard disk.", "Floppy": "Floppy disk drive."},
)
VDI_OPERATIONS = Enum(
    "vdi_operations",
    "Operations on a virtual disk.",
    {
        "clone": "Make a fast copy sharing data.",
        "copy": "Make a full copy.",
        "resize": "Change its size while unused.",
        "resize_online": "Change its size while in use.",
        "snapshot": "Record its present state.",
        "mirror": "Mirror it for live migration.",
        "destroy": "Delete it.",
        "forget": "Drop its record, keeping the data.",
        "update": "Refresh its properties from the storage.",
        "force_unlock": "Break a lock held on it.",
        "generate_config": "Produce a standalone recipe for attaching it.",
        "enable_cbt": "Start tracking changed blocks.",
        "disable_cbt": "Stop tracking changed blocks.",
        "data_destroy": "Delete a snapshot's data but keep its change record.",
        "list_changed_blocks": "Compare it with another disk by changed blocks.",
        "set_on_boot": "Choose what VM start does to it.",
        "blocked": "Held back from all other use for a while.",
    },
)
VDI_TYPE = Enum(
    "vdi_type",
    "What a virtual disk is for.",
    {
        "system": "Disk with a guest's operating system.",
        "user": "Disk with a guest's data.",
        "ephemeral": "Disk whose contents need not be kept.",
        "suspend": "Memory image of a suspended VM.",
        "crashdump": "Core dump of a crashed VM.",
        "ha_statefile": "Heartbeat file of high availability.",
        "metadata": "Copy of the pool database for disaster recovery.",
        "redo_log": "Log of database changes for high availability.",
        "rrd": "Saved performance statistics.",
        "pvs_cache": "Cache of provisioning proxies.",
        "cbt_metadata": "Record of changed blocks only, the data being gone.",
    },
)
VGPU_TYPE_IMPLEMENTATION = Enum(
    "vgpu_type_implementation",
    "Technique behind a virtual GPU type.",
    {
        "passthrough": "The whole card goes to one VM.",
        "nvidia": "Card shared by NVIDIA's vGPU software.",
        "gvt_g": "Integrated graphics shared by Intel GVT-g.",
        "mxgpu": "One SR-IOV function of an AMD card.",
    },
)
VIF_IPV4_CONFIGURATION_MODE = Enum(
    "vif_ipv4_configuration_mode",
    "How the guest is told to set its IPv4 address.",
    {"None": "The server leaves it to the guest.", "Static": "The guest takes the address in the record."},
)
VIF_IPV6_CONFIGURATION_MODE = Enum(
    "vif_ipv6_configuration_mode",
    "How the guest is told to set its IPv6 address.",
    {"None": "The server leaves it to the guest.", "Static": "The guest takes the address in the record."},
)
VIF_LOCKING_MODE = Enum(
    "vif_locking_mode",
    "Traffic that a virtual interface lets through.",
    {
        "network_default": "As its network says.",
        "locked": "Only from its own MAC and allowed addresses.",
        "unlocked": "All.",
        "disabled": "None.",
    },
)
VIF_OPERATIONS = Enum(
    "vif_operations",
    "Operations on a virtual network interface.",
    {
        "attach": "Connect it as the VM starts.",
        "plug": "Hot-plug it into the running VM.",
        "unplug": "Hot-unplug it from the running VM.",
    },
)
VM_APPLIANCE_OPERATION = Enum(
    "vm_appliance_operation",
    "Operations on an appliance.",
    {
        "start": "Start its VMs in order.",
        "clean_shutdown": "Ask its guests to shut down.",
        "hard_shutdown": "Switch its VMs off.",
        "shutdown": "Ask the guests to shut down, then switch off any that fail to.",
    },
)
VM_OPERATIONS = Enum(
    "vm_operations",
    "Operations on a VM.",
    {
        "snapshot": "Record its disks.",
        "clone": "Make a fast copy sharing data.",
        "copy": "Make a full copy.",
        "create_template": "Make a template from it.",
        "revert": "Go back to a snapshot.",
        "checkpoint": "Record its disks and memory.",
        "snapshot_with_quiesce": "Record its disks after the guest has flushed them.",
        "provision": "Turn a fresh copy of a template into a VM with disks.",
        "start": "Start it.",
        "start_on": "Start it on a given host.",
        "pause": "Stop its processors, keeping memory.",
        "unpause": "Let its processors run again.",
        "clean_shutdown": "Ask the guest to shut down.",
        "clean_reboot": "Ask the guest to reboot.",
        "hard_shutdown": "Switch it off.",
        "power_state_reset": "Record it as halted without touching the domain.",
        "hard_reboot": "Reset it.",
        "suspend": "Save its memory to disk and stop it.",
        "csvm": "Copy it while suspended.",
        "resume": "Bring it back from suspension.",
        "resume_on": "Bring it back from suspension on a given host.",
        "pool_migrate": "Move it live to another host of the pool.",
        "migrate_send": "Move it, disks included, perhaps to another pool.",
        "get_boot_record": "Read the settings of its present run.",
        "send_sysrq": "Send it a system request key; not implemented.",
        "send_trigger": "Send it a hardware trigger; not implemented.",
        "query_services": "Ask which services a system domain offers.",
        "shutdown": "Ask the guest to shut down, then switch it off.",
        "call_plugin": "Run a plugin's function on it.",
        "changing_memory_live": "Set its memory target while running.",
        "awaiting_memory_live": "Wait until its memory target is reached.",
        "changing_dynamic_range": "Set its dynamic memory range.",
        "changing_static_range": "Set its static memory range.",
        "changing_memory_limits": "Set all its memory limits together.",
        "changing_shadow_memory": "Set its shadow memory while halted.",
        "changing_shadow_memory_live": "Set its shadow memory while running.",
        "changing_VCPUs": "Set its virtual processors while halted.",
        "changing_VCPUs_live": "Set its virtual processors while running.",
        "assert_operation_valid": "Check whether an operation would be allowed.",
        "data_source_op": "Read or record one of its statistics.",
        "update_allowed_operations": "Recompute its allowed operations.",
        "make_into_template": "Turn it into a template.",
        "import": "Read it in from a file.",
        "export": "Write it out to a file.",
        "metadata_export": "Write out its settings without disks.",
        "reverting": "Being set back to a snapshot.",
        "destroy": "Delete its record.",
    },
)
VM_POWER_STATE = Enum(
    "vm_power_state",
    "Power state of a VM.",
    {
        "Halted": "Off.",
        "Paused": "In memory, but not running.",
        "Running": "On.",
        "Suspended": "Saved to disk, to be resumed.",
    },
)
VMPP_ARCHIVE_FREQUENCY = Enum(
    "vmpp_archive_frequency",
    "How often a protection policy archived backups (obsolete).",
    {
        "never": "Not at all.",
        "always_after_backup": "After each backup.",
        "daily": "Once a day.",
        "weekly": "Once a week.",
    },
)
VMPP_ARCHIVE_TARGET_TYPE = Enum(
    "vmpp_archive_target_type",
    "Where a protection policy put its archives (obsolete).",
    {"none": "Nowhere.", "cifs": "On a Windows share.", "nfs": "On an NFS server."},
)
VMPP_BACKUP_FREQUENCY = Enum(
    "vmpp_backup_frequency",
    "How often a protection policy made backups (obsolete).",
    {"hourly": "Every hour.", "daily": "Once a day.", "weekly": "On chosen days of the week."},
)
VMPP_BACKUP_TYPE = Enum(
    "vmpp_backup_type",
    "What a protection policy saved (obsolete).",
    {"snapshot": "Disks only.", "checkpoint": "Disks and memory."},
)
VMSS_FREQUENCY = Enum(
    "vmss_frequency",
    "How often a snapshot schedule runs.",
    {"hourly": "Every hour.", "daily": "Once a day.", "weekly": "On chosen days of the week."},
)
VMSS_TYPE = Enum(
    "vmss_type",
    "What a snapshot schedule takes.",
    {
        "snapshot": "Disks only.",
        "checkpoint": "Disks and memory.",
        "snapshot_with_quiesce": "Disks, after the guest has flushed them.",
    },
)
VUSB_OPERATIONS = Enum(
    "vusb_operations",
    "Operations on a virtual USB device.",
    {
        "attach": "Connect it as the VM starts.",
        "plug": "Connect it to the running VM; no call does so.",
        "unplug": "Hot-unplug it from the running VM.",
    },
)

ENUMS: tuple[Enum, ...] = (
    AFTER_APPLY_GUIDANCE,
    ALLOCATION_ALGORITHM,
    BOND_MODE,
    CLS,
    CONSOLE_PROTOCOL,
    DOMAIN_TYPE,
    EVENT_OPERATION,
    HELLO_RETURN,
    HOST_ALLOWED_OPERATIONS,
    HOST_DISPLAY,
    IP_CONFIGURATION_MODE,
    IPV6_CONFIGURATION_MODE,
    LIVEPATCH_STATUS,
    NETWORK_DEFAULT_LOCKING_MODE,
    NETWORK_OPERATIONS,
    NETWORK_PURPOSE,
    ON_BOOT,
    ON_CRASH_BEHAVIOUR,
    ON_NORMAL_EXIT,
    PGPU_DOM0_ACCESS,
    PIF_IGMP_STATUS,
    POOL_ALLOWED_OPERATIONS,
    PRIMARY_ADDRESS_TYPE,
    PVS_PROXY_STATUS,
    SDN_CONTROLLER_PROTOCOL,
    STORAGE_OPERATIONS,
    TASK_ALLOWED_OPERATIONS,
    TASK_STATUS_TYPE,
    TRISTATE_TYPE,
    UPDATE_AFTER_APPLY_GUIDANCE,
    VBD_MODE,
    VBD_OPERATIONS,
    VBD_TYPE,
    VDI_OPERATIONS,
    VDI_TYPE,
    VGPU_TYPE_IMPLEMENTATION,
    VIF_IPV4_CONFIGURATION_MODE,
    VIF_IPV6_CONFIGURATION_MODE,
    VIF_LOCKING_MODE,
    VIF_OPERATIONS,
    VM_APPLIANCE_OPERATION,
    VM_OPERATIONS,
    VM_POWER_STATE,
    VMPP_ARCHIVE_FREQUENCY,
    VMPP_ARCHIVE_TARGET_TYPE,
    VMPP_BACKUP_FREQUENCY,
    VMPP_BACKUP_TYPE,
    VMSS_FREQUENCY,
    VMSS_TYPE,
    VUSB_OPERATIONS,
)
