"""The errors of the API: their codes, their parameters in wire order, and when they are answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorFacts:
    """An error code. params: the names of its parameters, in the order they travel."""

    params: tuple[str, ...]
    doc: str


class ApiError(Exception):
    """A failure that a client sees: one of the API's codes and its parameters, as text."""

    def __init__(self, code: str, *params: object) -> None:
        self.code = code
        self.params = tuple(str(param) for param in params)
        super().__init__(code, *self.params)

    @property
    def description(self) -> list[str]:
        """The ``ErrorDescription`` of the wire: the code, then the parameters."""
        return [self.code, *self.params]


ERRORS: dict[str, ErrorFacts] = {
    "ACTIVATION_WHILE_NOT_FREE": ErrorFacts(
        (),
        "Declared for asking for a free licence on a host that already has a paid one; keep the present licence or release it first.",
    ),
    "ADDRESS_VIOLATES_LOCKING_CONSTRAINT": ErrorFacts(
        ("address",),
        "The address to be given to the guest is not among those its locked interface may use; add it to the allowed addresses first.",
    ),
    "AUTH_ALREADY_ENABLED": ErrorFacts(
        (
            "current auth_type",
            "current service_name",
        ),
        "The host already uses an external directory; disable external authentication first.",
    ),
    "AUTH_DISABLE_FAILED": ErrorFacts(
        ("message",),
        "The directory could not be left cleanly, though the host has stopped using it; read the message and tidy up in the directory.",
    ),
    "AUTH_DISABLE_FAILED_PERMISSION_DENIED": ErrorFacts(
        ("message",),
        "The directory account given may not remove the host; use one that may, or delete the machine account by hand.",
    ),
    "AUTH_DISABLE_FAILED_WRONG_CREDENTIALS": ErrorFacts(
        ("message",),
        "The directory refused the name or password given for leaving it; correct them, or delete the machine account by hand.",
    ),
    "AUTH_ENABLE_FAILED": ErrorFacts(
        ("message",), "The host could not join the directory; read the message, correct the settings and try again."
    ),
    "AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED": ErrorFacts(
        ("message",),
        "The directory's domain could not be found in DNS; check the domain name and the host's DNS servers.",
    ),
    "AUTH_ENABLE_FAILED_INVALID_ACCOUNT": ErrorFacts(
        ("message",), "The account given for joining the directory is not acceptable; give a valid one."
    ),
    "AUTH_ENABLE_FAILED_INVALID_OU": ErrorFacts(
        ("message",),
        "The organisational unit named for the machine account does not exist; correct or leave out the unit.",
    ),
    "AUTH_ENABLE_FAILED_PERMISSION_DENIED": ErrorFacts(
        ("message",), "The account given may not add machines to the directory; use one that may."
    ),
    "AUTH_ENABLE_FAILED_UNAVAILABLE": ErrorFacts(
        ("message",), "The directory did not answer; check the network and the directory's servers, then try again."
    ),
    "AUTH_ENABLE_FAILED_WRONG_CREDENTIALS": ErrorFacts(
        ("message",), "The directory refused the name or password given for joining; correct them."
    ),
    "AUTH_IS_DISABLED": ErrorFacts(
        (), "A question to the external directory was asked while none is in use; enable external authentication first."
    ),
    "AUTH_SERVICE_ERROR": ErrorFacts(
        ("message",),
        "The external directory failed to answer a question; read the message and check the directory service.",
    ),
    "AUTH_UNKNOWN_TYPE": ErrorFacts(
        ("type",), "There is no external authentication of that type; use AD, or PAM for the host's own accounts."
    ),
    "BACKUP_SCRIPT_FAILED": ErrorFacts(
        ("log",), "Making the backup of the host failed; read the log given and free disk space if that is short."
    ),
    "BALLOONING_TIMEOUT_BEFORE_MIGRATION": ErrorFacts(
        ("vm",),
        "The guest did not give up memory in time for its migration; try again or lower its dynamic maximum first.",
    ),
    "BOOTLOADER_FAILED": ErrorFacts(
        (
            "vm",
            "msg",
        ),
        "The boot loader could not start the paravirtualised guest; check its boot settings and the contents of its disk.",
    ),
    "BRIDGE_NAME_EXISTS": ErrorFacts(
        ("bridge",), "Another network already uses this bridge name; choose another or leave it out."
    ),
    "BRIDGE_NOT_AVAILABLE": ErrorFacts(
        ("bridge",), "The bridge of an unmanaged network does not exist on the host; set the bridge up there first."
    ),
    "CANNOT_ADD_TUNNEL_TO_BOND_SLAVE": ErrorFacts(
        ("PIF",), "A tunnel cannot run over a member of a bond; use the bond's own interface."
    ),
    "CANNOT_ADD_VLAN_TO_BOND_SLAVE": ErrorFacts(
        ("PIF",), "A VLAN cannot be put on a member of a bond; use the bond's own interface."
    ),
    "CANNOT_CHANGE_PIF_PROPERTIES": ErrorFacts(
        ("PIF",),
        "Properties can be changed on bonds and on unbonded physical interfaces only; change the underlying interface instead.",
    ),
    "CANNOT_CONTACT_HOST": ErrorFacts(
        ("host",),
        "The connection to a host of the pool failed or broke; check the host and its network, then try again.",
    ),
    "CANNOT_CREATE_STATE_FILE": ErrorFacts(
        (),
        "No storage repository is fit for the heartbeat file of high availability; attach suitable shared storage to all hosts.",
    ),
    "CANNOT_DESTROY_DISASTER_RECOVERY_TASK": ErrorFacts(
        ("reason",),
        "The storage brought in for disaster recovery could not be released; see the reason, stop what uses it and try again.",
    ),
    "CANNOT_DESTROY_SYSTEM_NETWORK": ErrorFacts(
        ("network",), "The network is one the server needs for itself; leave it."
    ),
    "CANNOT_ENABLE_REDO_LOG": ErrorFacts(
        ("reason",),
        "The redo log could not be set up on the storage repository; see the reason and check that all hosts reach it.",
    ),
    "CANNOT_EVACUATE_HOST": ErrorFacts(
        ("errors",), "Some VMs cannot be moved off the host; settle the listed errors or shut those VMs down."
    ),
    "CANNOT_FETCH_PATCH": ErrorFacts(
        ("uuid",), "The file of a patch could not be fetched from the master; upload the patch again."
    ),
    "CANNOT_FIND_OEM_BACKUP_PARTITION": ErrorFacts(
        (), "Declared for embedded editions that lack a backup partition; not to be expected here."
    ),
    "CANNOT_FIND_PATCH": ErrorFacts((), "The file of the patch is no longer on the server; upload it again."),
    "CANNOT_FIND_STATE_PARTITION": ErrorFacts(
        (), "Declared for embedded editions that lack a partition for their state; not to be expected here."
    ),
    "CANNOT_FIND_UPDATE": ErrorFacts((), "The disk holding the update is gone; upload or introduce the update again."),
    "CANNOT_PLUG_BOND_SLAVE": ErrorFacts(
        ("PIF",), "A member of a bond cannot be brought up on its own; plug the bond's interface instead."
    ),
    "CANNOT_PLUG_VIF": ErrorFacts(
        ("VIF",), "The network interface could not be plugged into the VM; check its network on that host."
    ),
    "CANNOT_RESET_CONTROL_DOMAIN": ErrorFacts(
        ("vm",), "The power state of a control domain cannot be reset; choose a guest."
    ),
    "CERTIFICATE_ALREADY_EXISTS": ErrorFacts(
        ("name",), "A certificate of this name is installed; use another name or remove the old one first."
    ),
    "CERTIFICATE_CORRUPT": ErrorFacts(
        ("name",), "The certificate could not be removed or read; look at the file on the host."
    ),
    "CERTIFICATE_DOES_NOT_EXIST": ErrorFacts(
        ("name",), "No certificate of this name is installed; list the installed ones."
    ),
    "CERTIFICATE_LIBRARY_CORRUPT": ErrorFacts(
        (), "The host's certificates could not be read or written; check the disk of the host."
    ),
    "CERTIFICATE_NAME_INVALID": ErrorFacts(
        ("name",),
        "The name must end in .pem, not start with a dot, and hold only letters, digits and . _ -; choose another.",
    ),
    "CHANGE_PASSWORD_REJECTED": ErrorFacts(
        ("msg",), "The system would not accept the new password; read the message and choose another."
    ),
    "CLUSTERED_SR_DEGRADED": ErrorFacts(
        ("sr",),
        "A clustered storage repository is short of hosts or being checked, so this host must stay up; wait until it is healthy.",
    ),
    "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS": ErrorFacts(
        (
            "device",
            "mac",
        ),
        "The host has no network card with this device name and MAC address; correct one of them or scan for cards.",
    ),
    "COULD_NOT_IMPORT_DATABASE": ErrorFacts(
        ("reason",), "The pool database found on the disk could not be read; see the reason and try another copy."
    ),
    "COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE": ErrorFacts(
        (), "The setting was stored but did not take effect on every host; check the hosts and set it again."
    ),
    "CPU_FEATURE_MASKING_NOT_SUPPORTED": ErrorFacts(
        ("details",), "The processors of the host cannot hide features; do without masking."
    ),
    "CRL_ALREADY_EXISTS": ErrorFacts(
        ("name",), "A revocation list of this name is installed; use another name or remove the old one first."
    ),
    "CRL_CORRUPT": ErrorFacts(
        ("name",), "The revocation list could not be removed or read; look at the file on the host."
    ),
    "CRL_DOES_NOT_EXIST": ErrorFacts(
        ("name",), "No revocation list of this name is installed; list the installed ones."
    ),
    "CRL_NAME_INVALID": ErrorFacts(
        ("name",),
        "The name must end in .pem, not start with a dot, and hold only letters, digits and . _ -; choose another.",
    ),
    "DB_UNIQUENESS_CONSTRAINT_VIOLATION": ErrorFacts(
        (
            "table",
            "field",
            "value",
        ),
        "Declared for storing a second object with an identifier in use, for which INTERNAL_ERROR is sent instead; choose another identifier.",
    ),
    "DEFAULT_SR_NOT_FOUND": ErrorFacts(
        ("sr",), "The pool's default storage repository is unset or gone; set it, or name a repository in the call."
    ),
    "DEVICE_ALREADY_ATTACHED": ErrorFacts(("device",), "The device is plugged in already; nothing is left to do."),
    "DEVICE_ALREADY_DETACHED": ErrorFacts(("device",), "The device is not plugged in; nothing is left to do."),
    "DEVICE_ALREADY_EXISTS": ErrorFacts(
        ("device",), "The VM already has a device at this position; choose a free one."
    ),
    "DEVICE_ATTACH_TIMEOUT": ErrorFacts(
        (
            "type",
            "ref",
        ),
        "The guest did not take the device in time; check the guest and try again.",
    ),
    "DEVICE_DETACH_REJECTED": ErrorFacts(
        (
            "type",
            "ref",
            "msg",
        ),
        "The guest refuses to let go of the device; stop its use inside the guest and try again.",
    ),
    "DEVICE_DETACH_TIMEOUT": ErrorFacts(
        (
            "type",
            "ref",
        ),
        "The guest did not let go of the device in time; stop its use inside the guest and try again.",
    ),
    "DEVICE_NOT_ATTACHED": ErrorFacts(
        ("VBD",), "The drive is not attached to the VM; attach it before this operation."
    ),
    "DISK_VBD_MUST_BE_READWRITE_FOR_HVM": ErrorFacts(
        ("vbd",), "HVM guests cannot have read-only hard disks; make the drive read-write or a CD."
    ),
    "DOMAIN_BUILDER_ERROR": ErrorFacts(
        (
            "function",
            "code",
            "message",
        ),
        "The hypervisor could not build the VM's domain; read the message and check memory and boot settings.",
    ),
    "DOMAIN_EXISTS": ErrorFacts(
        (
            "vm",
            "domid",
        ),
        "The VM still has a running domain, so its power state cannot simply be reset; shut it down instead.",
    ),
    "DUPLICATE_MAC_SEED": ErrorFacts(
        ("seed",), "A VM of the pool already has the MAC seed of the one coming in; remove one or import it as a copy."
    ),
    "DUPLICATE_PIF_DEVICE_NAME": ErrorFacts(
        ("device",), "The host already has an interface of this device name; use another name or forget the old one."
    ),
    "DUPLICATE_VM": ErrorFacts(
        ("vm",), "A VM here clashes with the one being restored; delete it or import as a copy."
    ),
    "EVENTS_LOST": ErrorFacts(
        (), "Events were dropped before the client fetched them; read all objects again and go on."
    ),
    "EVENT_FROM_TOKEN_PARSE_FAILURE": ErrorFacts(
        ("token",), "The token is not one the server gave; pass the last token received, or an empty one to start over."
    ),
    "EVENT_SUBSCRIPTION_PARSE_FAILURE": ErrorFacts(
        ("subscription",),
        "Declared for a malformed class in an event subscription but never sent; write *, a class, or class/reference.",
    ),
    "FAILED_TO_START_EMULATOR": ErrorFacts(
        (
            "vm",
            "name",
            "msg",
        ),
        "A helper program of the VM, such as its device model, did not start; see the message and the host's log.",
    ),
    "FEATURE_REQUIRES_HVM": ErrorFacts(
        ("details",), "The VM uses a feature for HVM guests only; make it an HVM guest or take the feature away."
    ),
    "FEATURE_RESTRICTED": ErrorFacts(
        (), "The pool's licence does not cover this feature; install a licence that does."
    ),
    "FIELD_TYPE_ERROR": ErrorFacts(
        ("field",),
        "Declared for a field of the wrong type, for which INTERNAL_ERROR is sent instead; send the type the field asks for.",
    ),
    "GPU_GROUP_CONTAINS_NO_PGPUS": ErrorFacts(
        ("gpu_group",), "The GPU group has no card to run on; add a card or choose another group."
    ),
    "GPU_GROUP_CONTAINS_PGPU": ErrorFacts(
        ("pgpus",), "The GPU group still has cards; move them to another group first."
    ),
    "GPU_GROUP_CONTAINS_VGPU": ErrorFacts(
        ("vgpus",), "The GPU group still has virtual GPUs attached to VMs; shut those VMs down first."
    ),
    "HANDLE_INVALID": ErrorFacts(
        (
            "class",
            "handle",
        ),
        "The reference belongs to no object of that class; look the object up again.",
    ),
    "HA_ABORT_NEW_MASTER": ErrorFacts(
        ("reason",), "The election of a new master was called off; see the reason and try again in ten minutes."
    ),
    "HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE": ErrorFacts(
        (), "The management interface cannot be bonded or unbonded under high availability; disable that first."
    ),
    "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED": ErrorFacts(
        ("network",),
        "A protected VM needs a network that not every host has; connect all hosts or lower the VM's protection.",
    ),
    "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED": ErrorFacts(
        ("SR",), "A protected VM needs storage that is not shared by all hosts; move its disks or lower its protection."
    ),
    "HA_DISABLE_IN_PROGRESS": ErrorFacts((), "High availability is being switched off; wait until that has ended."),
    "HA_ENABLE_IN_PROGRESS": ErrorFacts((), "High availability is being switched on; wait until that has ended."),
    "HA_FAILED_TO_FORM_LIVESET": ErrorFacts(
        (),
        "The hosts could not agree on who is alive, so high availability stays off; check network and heartbeat storage.",
    ),
    "HA_HEARTBEAT_DAEMON_STARTUP_FAILED": ErrorFacts(
        (), "The heartbeat daemon of a host did not start; look in that host's log."
    ),
    "HA_HOST_CANNOT_ACCESS_STATEFILE": ErrorFacts(
        (), "A host cannot reach the heartbeat file; check its path to that storage."
    ),
    "HA_HOST_CANNOT_SEE_PEERS": ErrorFacts(
        (
            "host",
            "all",
            "subset",
        ),
        "A host cannot see all the others over the network; check the management network.",
    ),
    "HA_HOST_IS_ARMED": ErrorFacts(
        ("host",), "The host would fence itself if this went on; disarm high availability on it first."
    ),
    "HA_IS_ENABLED": ErrorFacts((), "This is refused while high availability is on; disable it first."),
    "HA_LOST_STATEFILE": ErrorFacts(
        (),
        "The host has lost the heartbeat file, so leaving the pool cleanly is impossible now; restore its storage first.",
    ),
    "HA_NOT_ENABLED": ErrorFacts((), "High availability is not on; enable it first if this is what you need."),
    "HA_NOT_INSTALLED": ErrorFacts(("host",), "The host lacks the software for high availability; install it there."),
    "HA_NO_PLAN": ErrorFacts(
        (),
        "No way was found to restart all protected VMs after the failures asked for; ask for fewer or free resources.",
    ),
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN": ErrorFacts(
        (),
        "Protected VMs could then no longer all be restarted after failures; free resources or tolerate fewer failures.",
    ),
    "HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED": ErrorFacts(
        (), "The pool has high availability on but this host has not joined in; let it join or rejoin the pool."
    ),
    "HA_SHOULD_BE_FENCED": ErrorFacts(
        ("host",), "By the rules of high availability the host ought to have fenced itself; reboot it."
    ),
    "HA_TOO_FEW_HOSTS": ErrorFacts((), "The pool has too few hosts for high availability; add hosts."),
    "HOSTS_NOT_COMPATIBLE": ErrorFacts((), "The two hosts run different product versions; bring them to the same one."),
    "HOSTS_NOT_HOMOGENEOUS": ErrorFacts(
        ("reason",),
        "The joining host differs in build, processors or updates; see the reason and level the difference.",
    ),
    "HOST_BROKEN": ErrorFacts(
        (), "The host is in an unusable state after a failed change to its pool; look in its log and recover it."
    ),
    "HOST_CANNOT_ATTACH_NETWORK": ErrorFacts(
        (
            "host",
            "network",
        ),
        "The network cannot be brought up on the host; check that the host has a usable interface on it.",
    ),
    "HOST_CANNOT_DESTROY_SELF": ErrorFacts(
        ("host",), "A host cannot delete its own record; send the call for another host."
    ),
    "HOST_CANNOT_READ_METRICS": ErrorFacts((), "The host's performance figures could not be read; try again later."),
    "HOST_CD_DRIVE_EMPTY": ErrorFacts((), "There is no disc in the host's drive; insert one."),
    "HOST_DISABLED": ErrorFacts(("host",), "The host takes no new VMs; enable it or choose another."),
    "HOST_DISABLED_UNTIL_REBOOT": ErrorFacts(
        ("host",), "A shutdown or reboot has begun, so the host cannot be enabled; wait until it is back."
    ),
    "HOST_EVACUATE_IN_PROGRESS": ErrorFacts(
        ("host",), "VMs are being moved off the host; wait or choose another host."
    ),
    "HOST_HAS_NO_MANAGEMENT_IP": ErrorFacts(
        (), "The host has no management address; configure its management interface."
    ),
    "HOST_HAS_RESIDENT_VMS": ErrorFacts(
        ("host",), "VMs are still recorded as running on the host; shut them down or reset their power state first."
    ),
    "HOST_IN_EMERGENCY_MODE": ErrorFacts(
        (),
        "The host has lost its master and answers emergency calls only; restore the master or make this host master.",
    ),
    "HOST_IN_USE": ErrorFacts(
        (
            "host",
            "type",
            "ref",
        ),
        "A guest or drive still uses the host; shut it down or detach it first.",
    ),
    "HOST_IS_LIVE": ErrorFacts(("host",), "The host is up, while this needs one that is down; shut it down first."),
    "HOST_IS_SLAVE": ErrorFacts(
        ("Master IP address",), "The host called is not the master; log in at the address given."
    ),
    "HOST_ITS_OWN_SLAVE": ErrorFacts(
        (), "The host is set up as a slave of itself; correct the master address in its pool settings."
    ),
    "HOST_MASTER_CANNOT_TALK_BACK": ErrorFacts(
        ("ip",), "The master cannot connect to the host at this address; check the network and firewall between them."
    ),
    "HOST_NAME_INVALID": ErrorFacts(
        ("reason",), "The host name is empty, too long or has characters not allowed; choose another."
    ),
    "HOST_NOT_DISABLED": ErrorFacts((), "The host still takes new VMs; disable it first."),
    "HOST_NOT_ENOUGH_FREE_MEMORY": ErrorFacts(
        (
            "needed",
            "available",
        ),
        "The host lacks memory for the VM, figures in bytes; free some or choose another host.",
    ),
    "HOST_NOT_LIVE": ErrorFacts((), "The host is not up; start it or choose another."),
    "HOST_OFFLINE": ErrorFacts(("host",), "The host that should do the work is not up; start it and try again."),
    "HOST_POWER_ON_MODE_DISABLED": ErrorFacts(
        (), "The host has no way of being switched on from afar; set its power-on mode first."
    ),
    "HOST_STILL_BOOTING": ErrorFacts((), "The host's management agent is still starting; try again in a little while."),
    "HOST_UNKNOWN_TO_MASTER": ErrorFacts(
        ("host",), "The master no longer has the host in its pool; reset the host or join it again."
    ),
    "ILLEGAL_VBD_DEVICE": ErrorFacts(
        (
            "vbd",
            "device",
        ),
        "The position cannot be turned into a device of the guest; choose one of the allowed positions.",
    ),
    "IMPORT_ERROR": ErrorFacts(("msg",), "The import failed; read the message and check the file."),
    "IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND": ErrorFacts(
        (), "Disks the file tells of are missing here; bring their storage in first, or force the import."
    ),
    "IMPORT_ERROR_CANNOT_HANDLE_CHUNKED": ErrorFacts(
        (), "The upload was sent in chunks, which is not understood here; send it with a length."
    ),
    "IMPORT_ERROR_FAILED_TO_FIND_OBJECT": ErrorFacts(
        ("id",),
        "An object needed by the import exists neither in the file nor here; export again or create the object.",
    ),
    "IMPORT_ERROR_PREMATURE_EOF": ErrorFacts((), "The data ended too soon; send the whole file again."),
    "IMPORT_ERROR_SOME_CHECKSUMS_FAILED": ErrorFacts(
        (), "Checksums in the file do not match its contents; transfer or export it again."
    ),
    "IMPORT_ERROR_UNEXPECTED_FILE": ErrorFacts(
        (
            "filename_expected",
            "filename_found",
        ),
        "The archive does not begin as an exported VM does; check that it is the right file.",
    ),
    "IMPORT_INCOMPATIBLE_VERSION": ErrorFacts(
        (), "The file was made by a version that cannot be read here; import it on a newer server."
    ),
    "INCOMPATIBLE_CLUSTER_STACK_ACTIVE": ErrorFacts(
        ("cluster_stack",),
        "High availability runs on a cluster stack that this storage cannot work with; disable it before plugging.",
    ),
    "INCOMPATIBLE_PIF_PROPERTIES": ErrorFacts(
        (), "The interfaces to be bonded have different properties; make them equal first."
    ),
    "INCOMPATIBLE_STATEFILE_SR": ErrorFacts(
        ("SR type",), "Storage of this type cannot hold the heartbeat file; choose another repository."
    ),
    "INTERFACE_HAS_NO_IP": ErrorFacts(
        ("interface",), "The interface has got no address as yet; check its DHCP server or set one."
    ),
    "INTERNAL_ERROR": ErrorFacts(
        ("message",),
        "Something unforeseen went wrong or a parameter has the wrong type; read the message and the server's log.",
    ),
    "INVALID_CIDR_ADDRESS_SPECIFIED": ErrorFacts(
        ("parameter",), "The named field needs an address with a prefix length, such as 192.0.2.1/24; correct it."
    ),
    "INVALID_DEVICE": ErrorFacts(
        ("device",), "The device position is not one this kind of device may have; choose an allowed one."
    ),
    "INVALID_EDITION": ErrorFacts(("edition",), "There is no edition of this name; see which editions are on offer."),
    "INVALID_FEATURE_STRING": ErrorFacts(
        ("details",), "The processor feature mask is malformed; write it as the host reports it."
    ),
    "INVALID_IP_ADDRESS_SPECIFIED": ErrorFacts(
        ("parameter",), "The named field does not hold a proper IP address; correct it."
    ),
    "INVALID_PATCH": ErrorFacts((), "The uploaded file is not a valid patch; check the file and upload it again."),
    "INVALID_PATCH_WITH_LOG": ErrorFacts(
        ("log",), "The uploaded file is not a valid patch, as the log explains; check the file and upload it again."
    ),
    "INVALID_UPDATE": ErrorFacts(
        ("info",), "The disk does not hold a properly signed update; see the text and upload the right file."
    ),
    "INVALID_VALUE": ErrorFacts(
        (
            "field",
            "value",
        ),
        "The value is not acceptable for the named field; send another.",
    ),
    "IS_TUNNEL_ACCESS_PIF": ErrorFacts(
        ("PIF",),
        "The interface is the inner end of a tunnel, on which nothing can be stacked; use the physical interface.",
    ),
    "JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS": ErrorFacts(
        (), "The joining host has slaves of its own; eject them first."
    ),
    "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS": ErrorFacts(
        (), "The joining host has shared storage; forget that before joining."
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS": ErrorFacts(
        (), "The joining host has running or suspended VMs; shut them down first."
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_VMS": ErrorFacts(
        (), "The joining host has running VMs; shut them down or suspend them first."
    ),
    "JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS": ErrorFacts(
        (), "Something is going on with VMs of the joining host; wait until it has ended."
    ),
    "JOINING_HOST_CONNECTION_FAILED": ErrorFacts(
        (), "The master of the pool to be joined could not be reached; check its address and the network."
    ),
    "JOINING_HOST_SERVICE_FAILED": ErrorFacts(
        (), "What answered at the master's address is not a working server; check the address and that server."
    ),
    "LICENCE_RESTRICTION": ErrorFacts(
        ("feature",), "The licence does not cover the named feature; install one that does."
    ),
    "LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL": ErrorFacts(
        (), "A host in a pool cannot go back to a free licence; take it out of the pool first."
    ),
    "LICENSE_CHECKOUT_ERROR": ErrorFacts(
        ("reason",), "The licence server gave no licence for the edition; see the reason and check that server."
    ),
    "LICENSE_DOES_NOT_SUPPORT_POOLING": ErrorFacts(
        (), "The host's licence does not allow pools; install one that does."
    ),
    "LICENSE_DOES_NOT_SUPPORT_XHA": ErrorFacts(
        (), "The pool's licence does not include high availability; install one that does."
    ),
    "LICENSE_EXPIRED": ErrorFacts((), "The licence has run out, so no VM can be started; renew it."),
    "LICENSE_FILE_DEPRECATED": ErrorFacts(
        (), "Licence files of this old kind are no longer accepted; use a licence server."
    ),
    "LICENSE_HOST_POOL_MISMATCH": ErrorFacts(
        (), "Host and pool have different editions; give the joining host the pool's edition."
    ),
    "LICENSE_PROCESSING_ERROR": ErrorFacts((), "The licence could not be read; check the file and send it in base64."),
    "LOCATION_NOT_UNIQUE": ErrorFacts(
        (
            "SR",
            "location",
        ),
        "The storage repository already has a disk at this location; give another location or use that disk.",
    ),
    "MAC_DOES_NOT_EXIST": ErrorFacts(
        ("MAC",), "The host has no network card of this MAC address; correct it or scan for cards."
    ),
    "MAC_INVALID": ErrorFacts(
        ("MAC",), "The MAC address is malformed; write six pairs of hex digits with colons between."
    ),
    "MAC_STILL_EXISTS": ErrorFacts(
        ("MAC",), "The host still has the network card of this MAC address; take the card out before forgetting it."
    ),
    "MAP_DUPLICATE_KEY": ErrorFacts(
        (
            "type",
            "param_name",
            "uuid",
            "key",
        ),
        "The map already has this key; remove the key before adding it anew.",
    ),
    "MEMORY_CONSTRAINT_VIOLATION": ErrorFacts(
        ("constraint",),
        "The memory limits are not in the order static min, dynamic min, dynamic max, static max; correct them.",
    ),
    "MESSAGE_DEPRECATED": ErrorFacts((), "The call is obsolete and does nothing any more; use its successor."),
    "MESSAGE_METHOD_UNKNOWN": ErrorFacts(("method",), "The server has no such call; check the class and name."),
    "MESSAGE_PARAMETER_COUNT_MISMATCH": ErrorFacts(
        (
            "method",
            "expected",
            "received",
        ),
        "The call was sent with the wrong number of parameters, not counting the session; add or drop some.",
    ),
    "MESSAGE_REMOVED": ErrorFacts((), "The call has been taken out of the API; use its successor if there is one."),
    "MIRROR_FAILED": ErrorFacts(
        ("vdi",), "Mirroring a disk broke during live migration; check network and storage, then migrate again."
    ),
    "MISSING_CONNECTION_DETAILS": ErrorFacts(
        (), "The address or port of the licence server is missing; set them first."
    ),
    "NETWORK_ALREADY_CONNECTED": ErrorFacts(
        (
            "network",
            "connected PIF",
        ),
        "The host already has an interface on this network; use that one or another network.",
    ),
    "NETWORK_CONTAINS_PIF": ErrorFacts(("pifs",), "Hosts still have interfaces on the network; remove those first."),
    "NETWORK_CONTAINS_VIF": ErrorFacts(
        ("vifs",), "VMs are still attached to the network; unplug their interfaces first."
    ),
    "NETWORK_INCOMPATIBLE_PURPOSES": ErrorFacts(
        (
            "new_purpose",
            "conflicting_purpose",
        ),
        "The new purpose clashes with one in use in the pool; remove that one everywhere first.",
    ),
    "NETWORK_UNMANAGED": ErrorFacts(
        ("network",), "The server does not manage this network; do this with the host's own tools."
    ),
    "NOT_ALLOWED_ON_OEM_EDITION": ErrorFacts(
        ("command",), "Declared for commands barred on embedded editions; not to be expected here."
    ),
    "NOT_IMPLEMENTED": ErrorFacts(("function",), "The server declares the call but cannot carry it out; do without."),
    "NOT_IN_EMERGENCY_MODE": ErrorFacts(
        (), "The call works only on a host that has lost its master; use the ordinary call."
    ),
    "NOT_SUPPORTED_DURING_UPGRADE": ErrorFacts(
        (), "This has to wait while hosts of the pool run different versions; finish the upgrade first."
    ),
    "NOT_SYSTEM_DOMAIN": ErrorFacts(
        ("vm",), "The VM is not marked as a system domain, as this call needs; choose one that is."
    ),
    "NO_HOSTS_AVAILABLE": ErrorFacts((), "No enabled host can run the VM; enable hosts or free resources on them."),
    "NO_MORE_REDO_LOGS_ALLOWED": ErrorFacts(
        (), "The most database replicas allowed are in use; stop replication to another repository first."
    ),
    "NVIDIA_TOOLS_ERROR": ErrorFacts(
        ("host",), "The NVIDIA tools are missing or failing on the host; install its vGPU driver."
    ),
    "OBJECT_NOLONGER_EXISTS": ErrorFacts((), "The object was removed meanwhile; look again for what exists."),
    "ONLY_ALLOWED_ON_OEM_EDITION": ErrorFacts(
        ("command",), "Declared for commands of embedded editions; not to be expected here."
    ),
    "OPENVSWITCH_NOT_ACTIVE": ErrorFacts(
        (), "This needs the Open vSwitch network backend; switch the hosts to it and reboot."
    ),
    "OPERATION_BLOCKED": ErrorFacts(
        (
            "ref",
            "code",
        ),
        "The administrator has blocked this operation on the VM, giving the code shown; lift the block first.",
    ),
    "OPERATION_NOT_ALLOWED": ErrorFacts(
        ("reason",), "The operation is not possible in the present state; see the reason."
    ),
    "OPERATION_PARTIALLY_FAILED": ErrorFacts(
        ("operation",), "The operation failed for some VMs of the appliance, those listed; see to each of them."
    ),
    "OTHER_OPERATION_IN_PROGRESS": ErrorFacts(
        (
            "class",
            "object",
        ),
        "Something else is going on with the object; wait until it has ended.",
    ),
    "OUT_OF_SPACE": ErrorFacts(("location",), "The file system named has no room left; free some."),
    "PASSTHROUGH_NOT_ENABLED": ErrorFacts(
        ("PUSB",), "The USB device may not be given to VMs; enable its passthrough first."
    ),
    "PATCH_ALREADY_APPLIED": ErrorFacts(("patch",), "The patch is already on the host; nothing is left to do."),
    "PATCH_ALREADY_EXISTS": ErrorFacts(("uuid",), "The patch has been uploaded before; use the one that is there."),
    "PATCH_APPLY_FAILED": ErrorFacts(("output",), "The patch's own program failed; read its output."),
    "PATCH_APPLY_FAILED_BACKUP_FILES_EXIST": ErrorFacts(
        ("output",), "Backup files of an earlier patch are in the way; remove the named files and apply again."
    ),
    "PATCH_IS_APPLIED": ErrorFacts((), "The patch is in use on some host and cannot be deleted; leave it."),
    "PATCH_PRECHECK_FAILED_ISO_MOUNTED": ErrorFacts(
        ("patch",), "The tools disc is in use by a VM; eject it everywhere first."
    ),
    "PATCH_PRECHECK_FAILED_OUT_OF_SPACE": ErrorFacts(
        (
            "patch",
            "found_space",
            "required_required",
        ),
        "The host lacks disk space for the patch; free some.",
    ),
    "PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING": ErrorFacts(
        (
            "patch",
            "prerequisite_patch_uuid_list",
        ),
        "The patch needs others, which are listed, on the host; apply those first.",
    ),
    "PATCH_PRECHECK_FAILED_UNKNOWN_ERROR": ErrorFacts(
        (
            "patch",
            "info",
        ),
        "The check before patching failed for another reason; read the text given.",
    ),
    "PATCH_PRECHECK_FAILED_VM_RUNNING": ErrorFacts(
        ("patch",), "VMs still run on the host; shut them down or move them away first."
    ),
    "PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD": ErrorFacts(
        (
            "patch",
            "found_build",
            "required_build",
        ),
        "The patch is for another build of the server; get the right patch.",
    ),
    "PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION": ErrorFacts(
        (
            "patch",
            "found_version",
            "required_version",
        ),
        "The patch is for another version of the server; get the right patch.",
    ),
    "PBD_EXISTS": ErrorFacts(
        (
            "sr",
            "host",
            "pbd",
        ),
        "The host already has a connection to this storage repository; use that one.",
    ),
    "PERMISSION_DENIED": ErrorFacts(("message",), "The caller may not do this, whatever its role; use another call."),
    "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU": ErrorFacts(
        (
            "pgpu",
            "vgpu_type",
        ),
        "The card has no room for another virtual GPU of this type; stop one or use another card.",
    ),
    "PGPU_IN_USE_BY_VM": ErrorFacts(("VMs",), "VMs, those listed, are running on the card; shut them down first."),
    "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP": ErrorFacts(
        (
            "type",
            "group_types",
        ),
        "The card is of another kind than the group takes; choose another group.",
    ),
    "PIF_ALREADY_BONDED": ErrorFacts(("PIF",), "The interface belongs to a bond; take the bond apart first."),
    "PIF_BOND_MORE_THAN_ONE_IP": ErrorFacts(
        (), "More than one of the interfaces to be bonded has an IP configuration; remove all but one."
    ),
    "PIF_BOND_NEEDS_MORE_MEMBERS": ErrorFacts((), "The bond was given no interfaces; name its members."),
    "PIF_CANNOT_BOND_CROSS_HOST": ErrorFacts(
        (), "The interfaces to be bonded are in different hosts; choose interfaces of one host."
    ),
    "PIF_CONFIGURATION_ERROR": ErrorFacts(
        (
            "PIF",
            "msg",
        ),
        "The interface could not be configured; read the text and check its settings.",
    ),
    "PIF_DEVICE_NOT_FOUND": ErrorFacts(
        (), "The host has no such network device; scan for devices or correct the name."
    ),
    "PIF_DOES_NOT_ALLOW_UNPLUG": ErrorFacts(
        ("PIF",), "The interface is marked as not to be taken down; clear its disallow_unplug first."
    ),
    "PIF_HAS_NO_NETWORK_CONFIGURATION": ErrorFacts(
        ("PIF",), "The interface has no IPv4 configuration; give it one first."
    ),
    "PIF_HAS_NO_V6_NETWORK_CONFIGURATION": ErrorFacts(
        ("PIF",), "The interface has no IPv6 configuration; give it one first."
    ),
    "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE": ErrorFacts(
        ("PIF",), "The interface's primary address family differs from that in use for management; change it to match."
    ),
    "PIF_IS_MANAGEMENT_INTERFACE": ErrorFacts(
        ("PIF",), "The host is managed through this interface; move management to another first."
    ),
    "PIF_IS_PHYSICAL": ErrorFacts(
        ("PIF",), "This is for VLAN interfaces, but the interface is not one; choose a VLAN interface."
    ),
    "PIF_IS_VLAN": ErrorFacts(
        ("PIF",), "The interface is a VLAN already, on which no other can be put; use the physical interface."
    ),
    "PIF_NOT_PRESENT": ErrorFacts(
        (
            "host",
            "network",
        ),
        "The host has no interface on this network; create one first.",
    ),
    "PIF_TUNNEL_STILL_EXISTS": ErrorFacts(("PIF",), "A tunnel uses the interface; destroy the tunnel first."),
    "PIF_UNMANAGED": ErrorFacts(
        ("PIF",), "The server does not manage this interface; do this with the host's own tools."
    ),
    "PIF_VLAN_EXISTS": ErrorFacts(
        ("PIF",), "That VLAN is already there, or the interface is itself a VLAN; use the existing one or another tag."
    ),
    "PIF_VLAN_STILL_EXISTS": ErrorFacts(("PIF",), "The interface carries VLANs or is one; destroy the VLANs first."),
    "POOL_AUTH_ALREADY_ENABLED": ErrorFacts(
        ("host",),
        "A host of the pool already uses an external directory; disable external authentication in the pool first.",
    ),
    "POOL_AUTH_DISABLE_FAILED": ErrorFacts(
        (
            "host",
            "message",
        ),
        "A host could not leave the directory cleanly; read the message and tidy up in the directory.",
    ),
    "POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The account given for taking the named host out of the directory is not acceptable; give a valid one.",
    ),
    "POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The account given may not take the named host out of the directory; use one that may.",
    ),
    "POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The directory refused the name or password when the named host left it; correct them.",
    ),
    "POOL_AUTH_ENABLE_FAILED": ErrorFacts(
        (
            "host",
            "message",
        ),
        "A host could not join the directory, so the pool stays out of it; read the message and try again.",
    ),
    "POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The named host could not find the directory's domain in DNS; check the domain name and its DNS servers.",
    ),
    "POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME": ErrorFacts(
        (
            "host",
            "message",
        ),
        "Two hosts of the pool have the same host name; rename one before joining the directory.",
    ),
    "POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The account given for joining the named host to the directory is not acceptable; give a valid one.",
    ),
    "POOL_AUTH_ENABLE_FAILED_INVALID_OU": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The organisational unit given does not exist, as the named host found; correct or leave it out.",
    ),
    "POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The account given may not add the named host to the directory; use one that may.",
    ),
    "POOL_AUTH_ENABLE_FAILED_UNAVAILABLE": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The named host could not reach the directory; check its network and the directory's servers.",
    ),
    "POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS": ErrorFacts(
        (
            "host",
            "message",
        ),
        "The directory refused the name or password when the named host joined; correct them.",
    ),
    "POOL_JOINING_EXTERNAL_AUTH_MISMATCH": ErrorFacts(
        (), "Host and pool use different external directories; give the host the pool's, or none if it has none."
    ),
    "POOL_JOINING_HOST_HAS_BONDS": ErrorFacts((), "The joining host has bonds; take them apart first."),
    "POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS": ErrorFacts(
        (), "The joining host has VLANs besides that of management; destroy them first."
    ),
    "POOL_JOINING_HOST_HAS_TUNNELS": ErrorFacts((), "The joining host has tunnels; destroy them first."),
    "POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH": ErrorFacts(
        (
            "local",
            "remote",
        ),
        "The joining host is managed on another VLAN than the pool; change its management VLAN.",
    ),
    "POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC": ErrorFacts(
        (), "The joining host must be managed through a physical interface; move its management there."
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION": ErrorFacts(
        (
            "host_api_version",
            "master_api_version",
        ),
        "The joining host has another API version than the pool; bring both to the same version.",
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA": ErrorFacts(
        (
            "host_db_schema",
            "master_db_schema",
        ),
        "The joining host has another database schema than the pool; bring both to the same version.",
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION": ErrorFacts(
        (), "The joining host has another product version than the pool; bring both to the same one."
    ),
    "POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS": ErrorFacts(
        (), "The joining host has bonds, VLANs or tunnels; destroy them first."
    ),
    "PROVISION_FAILED_OUT_OF_SPACE": ErrorFacts(
        (), "The storage repository lacks room for the new VM's disks; free some or choose another repository."
    ),
    "PROVISION_ONLY_ALLOWED_ON_TEMPLATE": ErrorFacts(
        (), "Only a template, or a VM cloned from one, can be provisioned; clone a template first."
    ),
    "PUSB_VDI_CONFLICT": ErrorFacts(
        (
            "PUSB",
            "VDI",
        ),
        "The USB device is in use as a disk by a VM; detach that disk first.",
    ),
    "PVS_CACHE_STORAGE_ALREADY_PRESENT": ErrorFacts(
        (
            "site",
            "host",
        ),
        "The site already has a cache on this host; use it or destroy it first.",
    ),
    "PVS_CACHE_STORAGE_IS_IN_USE": ErrorFacts(
        ("PVS_cache_storage",), "Running proxies use the cache; shut their VMs down first."
    ),
    "PVS_PROXY_ALREADY_PRESENT": ErrorFacts(
        ("proxies",), "The network interface already has a proxy; use it or destroy it first."
    ),
    "PVS_SERVER_ADDRESS_IN_USE": ErrorFacts(
        ("address",),
        "Another provisioning server is registered with this address; use that one or correct the address.",
    ),
    "PVS_SITE_CONTAINS_RUNNING_PROXIES": ErrorFacts(
        ("proxies",), "The site has running proxies; shut their VMs down first."
    ),
    "PVS_SITE_CONTAINS_SERVERS": ErrorFacts(("servers",), "The site still has servers; forget those first."),
    "RBAC_PERMISSION_DENIED": ErrorFacts(
        (
            "permission",
            "message",
        ),
        "None of the caller's roles includes the permission named; ask for a role that does.",
    ),
    "REDO_LOG_IS_ENABLED": ErrorFacts(
        (), "The pool's redo log is on and needs this interface; disable the redo log first."
    ),
    "RESTORE_INCOMPATIBLE_VERSION": ErrorFacts(
        (), "The database backup is of another version; restore it on a server of the same version."
    ),
    "RESTORE_SCRIPT_FAILED": ErrorFacts(("log",), "Restoring the host's backup failed; read the log given."),
    "RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP": ErrorFacts(
        (), "The backup does not know this host's management interface; move management to one of those listed."
    ),
    "RESTORE_TARGET_MISSING_DEVICE": ErrorFacts(
        ("device",), "The host lacks a network device that the backup has; add the device or restore elsewhere."
    ),
    "ROLE_ALREADY_EXISTS": ErrorFacts((), "The subject already has this role; nothing is left to do."),
    "ROLE_NOT_FOUND": ErrorFacts((), "There is no such role, or the subject does not have it; list the roles."),
    "SESSION_AUTHENTICATION_FAILED": ErrorFacts(
        (), "The name, password or secret was not accepted; correct them and log in again."
    ),
    "SESSION_INVALID": ErrorFacts(("handle",), "The session does not exist or has ended; log in again."),
    "SESSION_NOT_REGISTERED": ErrorFacts(
        ("handle",), "The session has registered for no events; call event.register first."
    ),
    "SLAVE_REQUIRES_MANAGEMENT_INTERFACE": ErrorFacts(
        (), "A slave cannot do without a management interface; move management to another instead."
    ),
    "SM_PLUGIN_COMMUNICATION_FAILURE": ErrorFacts(
        ("sm",), "The storage driver gave no sensible answer; look in the host's storage log."
    ),
    "SR_ATTACH_FAILED": ErrorFacts(
        ("sr",), "The storage repository could not be attached; check its settings and the storage itself."
    ),
    "SR_BACKEND_FAILURE": ErrorFacts(
        (
            "status",
            "stdout",
            "stderr",
        ),
        "The storage driver reported an error; see its text and check the storage.",
    ),
    "SR_DEVICE_IN_USE": ErrorFacts(
        (), "The device behind the storage repository is in use by something else; free it first."
    ),
    "SR_DOES_NOT_SUPPORT_MIGRATION": ErrorFacts(
        ("sr",),
        "Disks cannot be moved live from or to this storage repository; choose another or migrate the VM halted.",
    ),
    "SR_FULL": ErrorFacts(
        (
            "requested",
            "maximum",
        ),
        "The storage repository has less room than was asked for; free some or choose another.",
    ),
    "SR_HAS_MULTIPLE_PBDS": ErrorFacts(
        ("PBD",),
        "Several hosts are connected to the storage repository, which must not be so here; remove all connections but one.",
    ),
    "SR_HAS_NO_PBDS": ErrorFacts(
        ("sr",), "The storage repository is attached to no suitable host; create and plug its PBDs first."
    ),
    "SR_HAS_PBD": ErrorFacts(("sr",), "The storage repository is still attached to a host; unplug its PBDs first."),
    "SR_INDESTRUCTIBLE": ErrorFacts(
        ("sr",),
        "The storage repository is protected against destruction; clear indestructible in its other_config first.",
    ),
    "SR_IS_CACHE_SR": ErrorFacts(
        ("host",), "A host keeps its local cache in this storage repository; disable caching on that host first."
    ),
    "SR_NOT_ATTACHED": ErrorFacts(
        ("sr",), "The storage repository is not attached on the host; plug its PBD there first."
    ),
    "SR_NOT_EMPTY": ErrorFacts((), "The storage repository still holds disks; delete or move them first."),
    "SR_NOT_SHARABLE": ErrorFacts(
        (
            "sr",
            "host",
        ),
        "The storage repository is attached to another host and cannot be shared; unplug it there first.",
    ),
    "SR_OPERATION_NOT_SUPPORTED": ErrorFacts(("sr",), "Storage of this type cannot do this; use another repository."),
    "SR_REQUIRES_UPGRADE": ErrorFacts(("SR",), "The storage repository is of an old format; upgrade it before use."),
    "SR_UNKNOWN_DRIVER": ErrorFacts(
        ("driver",), "There is no storage driver of this type; see the SM records for those there are."
    ),
    "SR_UUID_EXISTS": ErrorFacts(("uuid",), "A storage repository of this uuid exists; use it or forget it first."),
    "SR_VDI_LOCKING_FAILED": ErrorFacts((), "A lock on the storage could not be had in time; try again later."),
    "SSL_VERIFY_ERROR": ErrorFacts(
        ("reason",), "The other side's certificate could not be verified; install the certificate of its authority."
    ),
    "SUBJECT_ALREADY_EXISTS": ErrorFacts((), "The user or group is in the pool already; use the existing subject."),
    "SUBJECT_CANNOT_BE_RESOLVED": ErrorFacts(
        (), "The directory knows no such user or group; correct the name or identifier."
    ),
    "SUSPEND_IMAGE_NOT_ACCESSIBLE": ErrorFacts(
        ("vdi",),
        "The target host cannot reach the saved memory of the suspended VM; make its storage visible there or move that too.",
    ),
    "SYSTEM_STATUS_MUST_USE_TAR_ON_OEM": ErrorFacts(
        (), "Declared for embedded editions, which make status reports as tar only; not to be expected here."
    ),
    "SYSTEM_STATUS_RETRIEVAL_FAILED": ErrorFacts(
        ("reason",), "The status report could not be made; see the reason and check disk space on the host."
    ),
    "TASK_CANCELLED": ErrorFacts(("task",), "The work was stopped on request; start it again if wanted."),
    "TLS_CONNECTION_FAILED": ErrorFacts(
        (
            "address",
            "port",
        ),
        "No encrypted connection to the address was possible; check that it is up and speaks TLS.",
    ),
    "TOO_BUSY": ErrorFacts((), "The server has too much to do at the moment; try again later."),
    "TOO_MANY_PENDING_TASKS": ErrorFacts((), "Too many calls are waiting for their turn; try again later."),
    "TOO_MANY_STORAGE_MIGRATES": ErrorFacts(
        ("number",), "The host already runs as many storage migrations as it may; wait until one has ended."
    ),
    "TOO_MANY_VUSBS": ErrorFacts(("number",), "The VM has as many USB devices as it may; remove one first."),
    "TRANSPORT_PIF_NOT_CONFIGURED": ErrorFacts(
        ("PIF",), "The interface under the tunnel has no IP configuration; give it one first."
    ),
    "UNIMPLEMENTED_IN_SM_BACKEND": ErrorFacts(
        ("message",), "The storage driver cannot do this; use another way or another repository."
    ),
    "UNKNOWN_BOOTLOADER": ErrorFacts(
        (
            "vm",
            "bootloader",
        ),
        "The VM names a boot loader that is not there; correct its PV_bootloader.",
    ),
    "UPDATE_ALREADY_APPLIED": ErrorFacts(("update",), "The update is on the host already; nothing is left to do."),
    "UPDATE_ALREADY_APPLIED_IN_POOL": ErrorFacts(
        ("update",), "All hosts have the update already; nothing is left to do."
    ),
    "UPDATE_ALREADY_EXISTS": ErrorFacts(
        ("uuid",), "The update was introduced before from another disk; use the existing record."
    ),
    "UPDATE_APPLY_FAILED": ErrorFacts(("output",), "Installing the update failed; read its output."),
    "UPDATE_IS_APPLIED": ErrorFacts((), "Some host has the update, so its record cannot be deleted; leave it."),
    "UPDATE_POOL_APPLY_FAILED": ErrorFacts(
        ("hosts",), "The update failed on the hosts listed; look at each and apply it there again."
    ),
    "UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT": ErrorFacts(
        (
            "update",
            "conflict_update",
        ),
        "The host has updates, those listed, that clash with this one; choose a successor that allows them.",
    ),
    "UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED": ErrorFacts(
        ("update",), "The key with which the update is signed is not on the host; install the key first."
    ),
    "UPDATE_PRECHECK_FAILED_OUT_OF_SPACE": ErrorFacts(
        (
            "update",
            "available_space",
            "required_space ",
        ),
        "The host lacks disk space for the update, figures in bytes; free some.",
    ),
    "UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING": ErrorFacts(
        (
            "update",
            "prerequisite_update",
        ),
        "The host lacks the updates listed, which must come first; apply those.",
    ),
    "UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR": ErrorFacts(
        (
            "update",
            "info",
        ),
        "The check before updating failed for another reason; read the text given.",
    ),
    "UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION": ErrorFacts(
        (
            "update",
            "installed_version",
            "required_version ",
        ),
        "The update is for another version of the server; get the right one.",
    ),
    "USB_ALREADY_ATTACHED": ErrorFacts(
        (
            "PUSB",
            "VM",
        ),
        "The USB device is in use by a running VM; unplug it there first.",
    ),
    "USB_GROUP_CONFLICT": ErrorFacts(
        ("USB_group",), "The device of the USB group is already given to a VM; remove it there or choose another."
    ),
    "USB_GROUP_CONTAINS_NO_PUSBS": ErrorFacts(
        ("usb_group",), "The USB group has no device to give; choose a group that has."
    ),
    "USB_GROUP_CONTAINS_PUSB": ErrorFacts(
        ("pusbs",), "The USB group still has its physical device; unplug that from the host first."
    ),
    "USB_GROUP_CONTAINS_VUSB": ErrorFacts(
        ("vusbs",), "A running VM uses the device of the USB group; unplug it there first."
    ),
    "USER_IS_NOT_LOCAL_SUPERUSER": ErrorFacts(("msg",), "Only root and its like may do this; log in as root."),
    "UUID_INVALID": ErrorFacts(
        (
            "type",
            "uuid",
        ),
        "No object of that class has this uuid; check the uuid.",
    ),
    "V6D_FAILURE": ErrorFacts((), "The licensing daemon of the host did not answer; check that it runs."),
    "VALUE_NOT_SUPPORTED": ErrorFacts(
        (
            "field",
            "value",
            "reason",
        ),
        "The field cannot have this value here; see the reason and send another.",
    ),
    "VBD_CDS_MUST_BE_READONLY": ErrorFacts((), "CD drives cannot be writable; create the drive with mode RO."),
    "VBD_IS_EMPTY": ErrorFacts(("vbd",), "The drive has no disc in it; insert one first."),
    "VBD_NOT_EMPTY": ErrorFacts(("vbd",), "The drive has a disc in it; eject that first."),
    "VBD_NOT_REMOVABLE_MEDIA": ErrorFacts(
        ("vbd",), "The drive is not a CD drive, so it cannot be empty or change discs; use a CD drive."
    ),
    "VBD_NOT_UNPLUGGABLE": ErrorFacts(
        ("vbd",), "The drive is marked as not to be unplugged; shut the VM down instead."
    ),
    "VBD_TRAY_LOCKED": ErrorFacts(
        ("vbd",), "The guest has locked the drive's tray; release the disc inside the guest first."
    ),
    "VDI_CBT_ENABLED": ErrorFacts(
        ("vdi",), "Changed blocks of the disk are tracked, which rules this out; disable tracking first."
    ),
    "VDI_CONTAINS_METADATA_OF_THIS_POOL": ErrorFacts(
        (
            "vdi",
            "pool",
        ),
        "The disk holds this very pool's database, so nothing can be recovered from it here; use another pool.",
    ),
    "VDI_COPY_FAILED": ErrorFacts((), "Copying the disk failed; check both storage repositories and try again."),
    "VDI_HAS_RRDS": ErrorFacts(
        ("vdi",), "The disk keeps performance statistics and cannot be deleted alone; leave it to its repository."
    ),
    "VDI_INCOMPATIBLE_TYPE": ErrorFacts(
        (
            "vdi",
            "type",
        ),
        "Disks of this type cannot be used so; choose another disk.",
    ),
    "VDI_IN_USE": ErrorFacts(
        (
            "vdi",
            "operation",
        ),
        "The disk is in use by a VM; detach it there first.",
    ),
    "VDI_IS_A_PHYSICAL_DEVICE": ErrorFacts(
        ("vdi",), "The disk is a device of the host and cannot be deleted; take it out of the host instead."
    ),
    "VDI_IS_NOT_ISO": ErrorFacts(
        (
            "vdi",
            "type",
        ),
        "The disk is not a CD image; choose one from an ISO repository.",
    ),
    "VDI_LOCATION_MISSING": ErrorFacts(
        (
            "sr",
            "location",
        ),
        "The storage repository has no disk at that place; scan it or correct the place.",
    ),
    "VDI_MISSING": ErrorFacts(
        (
            "sr",
            "vdi",
        ),
        "The storage repository no longer has the disk; scan the repository.",
    ),
    "VDI_NEEDS_VM_FOR_MIGRATE": ErrorFacts(
        ("vdi",), "Only disks attached to a VM can be moved live; attach it, or copy it instead."
    ),
    "VDI_NOT_AVAILABLE": ErrorFacts(
        ("vdi",), "The disk cannot be attached on the host; check that its storage repository is plugged there."
    ),
    "VDI_NOT_IN_MAP": ErrorFacts(
        ("vdi",), "The migration was not told where to put this disk; add it to the map of disks."
    ),
    "VDI_NOT_MANAGED": ErrorFacts(
        ("vdi",), "The disk is not managed by the server, so it cannot be used; choose another."
    ),
    "VDI_NOT_SPARSE": ErrorFacts(
        ("vdi",), "The target cannot take differences only, as it needs all zeroes written; copy the whole disk."
    ),
    "VDI_NO_CBT_METADATA": ErrorFacts(
        ("vdi",), "There is no record of changed blocks for the disk; enable tracking before taking snapshots."
    ),
    "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION": ErrorFacts(
        (), "The disk is reset at each start, which rules this out; set its on_boot to persist first."
    ),
    "VDI_READONLY": ErrorFacts(("vdi",), "The disk cannot be written to; attach it read-only or choose another."),
    "VDI_TOO_SMALL": ErrorFacts(
        (
            "vdi",
            "minimum size",
        ),
        "The target disk is too small, sizes being in bytes; make it at least the size given.",
    ),
    "VGPU_DESTINATION_INCOMPATIBLE": ErrorFacts(
        (
            "reason",
            "vgpu",
            "host",
        ),
        "The target host's driver or card does not suit the running virtual GPU; choose another host.",
    ),
    "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE": ErrorFacts(
        (
            "pgpu",
            "type",
            "running_type",
        ),
        "The card is running virtual GPUs of another type; use another card or stop those.",
    ),
    "VGPU_TYPE_NOT_ENABLED": ErrorFacts(
        (
            "type",
            "enabled_types",
        ),
        "The type is not enabled on the card; enable it there first.",
    ),
    "VGPU_TYPE_NOT_SUPPORTED": ErrorFacts(
        (
            "type",
            "supported_types",
        ),
        "The card cannot run this type; choose one of those listed.",
    ),
    "VIF_IN_USE": ErrorFacts(
        (
            "network",
            "VIF",
        ),
        "A VM is using its interface on the network; unplug it first.",
    ),
    "VIF_NOT_IN_MAP": ErrorFacts(
        ("vif",), "The migration was not told which network this interface goes to; add it to the map of interfaces."
    ),
    "VLAN_IN_USE": ErrorFacts(
        (
            "device",
            "vlan",
        ),
        "The host already has this VLAN outside the server's control; remove it there or use another tag.",
    ),
    "VLAN_TAG_INVALID": ErrorFacts(("VLAN",), "The VLAN tag must lie between 0 and 4094; choose another."),
    "VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP": ErrorFacts(
        (),
        "Declared for the removed protection policies, whose archives came oftener than backups; use snapshot schedules.",
    ),
    "VMPP_HAS_VM": ErrorFacts(
        (), "Declared for a removed protection policy that still had VMs; take the VMs out of it."
    ),
    "VMSS_HAS_VM": ErrorFacts((), "The snapshot schedule still has VMs; take them out of it first."),
    "VMS_FAILED_TO_COOPERATE": ErrorFacts(
        (), "The VMs listed did not give up memory when asked; check their guest agents or shut one down."
    ),
    "VM_ASSIGNED_TO_PROTECTION_POLICY": ErrorFacts(
        (
            "vm",
            "vmpp",
        ),
        "The VM belongs to a protection policy; take it out first.",
    ),
    "VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE": ErrorFacts(
        (
            "vm",
            "vmss",
        ),
        "The VM belongs to a snapshot schedule; take it out first.",
    ),
    "VM_ATTACHED_TO_MORE_THAN_ONE_VDI_WITH_TIMEOFFSET_MARKED_AS_RESET_ON_BOOT": ErrorFacts(
        ("vm",), "More than one of the VM's disks to be reset at start carries a clock offset; leave one at most."
    ),
    "VM_BAD_POWER_STATE": ErrorFacts(
        (
            "vm",
            "expected",
            "actual",
        ),
        "The VM is not in a power state that this needs; bring it to an expected one first.",
    ),
    "VM_BIOS_STRINGS_ALREADY_SET": ErrorFacts(
        (), "The VM's BIOS strings can be set only once; make a new VM to have others."
    ),
    "VM_CALL_PLUGIN_RATE_LIMIT": ErrorFacts(
        (
            "VM",
            "interval",
            "wait",
        ),
        "The VM's plugin was called too often; wait the number of seconds given.",
    ),
    "VM_CANNOT_DELETE_DEFAULT_TEMPLATE": ErrorFacts(
        ("vm",), "The templates that come with the server cannot be deleted; leave it."
    ),
    "VM_CHECKPOINT_RESUME_FAILED": ErrorFacts(
        ("vm",), "The VM did not come back after its checkpoint was taken; shut it down by force and start it again."
    ),
    "VM_CHECKPOINT_SUSPEND_FAILED": ErrorFacts(
        ("vm",), "The VM could not be suspended for a checkpoint; check its guest agent and suspend storage."
    ),
    "VM_CRASHED": ErrorFacts(("vm",), "The VM crashed while being worked on; start it again and look into the cause."),
    "VM_DUPLICATE_VBD_DEVICE": ErrorFacts(
        (
            "vm",
            "vbd",
            "device",
        ),
        "Two drives of the VM have the same device; change one of them.",
    ),
    "VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT": ErrorFacts(
        (), "The guest did not answer the request to shut down; install its tools or shut it down by force."
    ),
    "VM_HALTED": ErrorFacts(("vm",), "The VM halted unexpectedly while being worked on; start it again if wanted."),
    "VM_HAS_CHECKPOINT": ErrorFacts(
        ("vm",), "The VM has a checkpoint, which rules this out; delete the checkpoint first."
    ),
    "VM_HAS_NO_SUSPEND_VDI": ErrorFacts(
        ("vm",), "The suspended VM has no saved memory to resume from; reset its power state and start it."
    ),
    "VM_HAS_PCI_ATTACHED": ErrorFacts(
        ("vm",), "The VM has a PCI device of its host, which ties it there; shut it down instead."
    ),
    "VM_HAS_TOO_MANY_SNAPSHOTS": ErrorFacts(
        ("vm",), "The VM has more snapshots than live migration can carry; delete some."
    ),
    "VM_HAS_VGPU": ErrorFacts(("vm",), "The VM has a virtual GPU, which rules this out; shut the VM down instead."),
    "VM_HAS_VUSBS": ErrorFacts(("VM",), "The VM has USB devices, which rule this out; remove them first."),
    "VM_HOST_INCOMPATIBLE_VERSION": ErrorFacts(
        (
            "host",
            "vm",
        ),
        "The host runs an older version than the master, so the VM cannot go there; choose an upgraded host.",
    ),
    "VM_HOST_INCOMPATIBLE_VERSION_MIGRATE": ErrorFacts(
        (
            "host",
            "vm",
        ),
        "The target host runs an older version than the source; migrate to one of at least the same version.",
    ),
    "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION": ErrorFacts(
        (
            "host",
            "host_versions",
            "vm",
            "vm_version",
        ),
        "The host cannot offer the VM's version of virtual hardware; choose a newer host.",
    ),
    "VM_HVM_REQUIRED": ErrorFacts(
        ("vm",),
        "The VM needs hardware virtualisation, which the host lacks; enable it in the host's firmware or choose another.",
    ),
    "VM_INCOMPATIBLE_WITH_THIS_HOST": ErrorFacts(
        (
            "vm",
            "host",
            "reason",
        ),
        "The host's processor lacks features that the VM has been using; choose another host or restart the VM.",
    ),
    "VM_IS_IMMOBILE": ErrorFacts(
        ("VM",), "The VM has a feature in use that stops it moving or being suspended; shut it down instead."
    ),
    "VM_IS_PART_OF_AN_APPLIANCE": ErrorFacts(
        (
            "vm",
            "appliance",
        ),
        "The VM belongs to an appliance; take it out first or act on the appliance.",
    ),
    "VM_IS_PROTECTED": ErrorFacts(("vm",), "High availability protects the VM; lower its restart priority first."),
    "VM_IS_TEMPLATE": ErrorFacts(("vm",), "This cannot be done with a template; clone a VM from it."),
    "VM_IS_USING_NESTED_VIRT": ErrorFacts(
        ("VM",), "The VM is running guests of its own, which rules this out; stop nested virtualisation first."
    ),
    "VM_LACKS_FEATURE": ErrorFacts(("vm",), "The guest does not offer what this needs; install or update its tools."),
    "VM_LACKS_FEATURE_SHUTDOWN": ErrorFacts(
        ("vm",), "The guest cannot be asked to shut down; install its tools or shut it down by force."
    ),
    "VM_LACKS_FEATURE_STATIC_IP_SETTING": ErrorFacts(
        ("vm",), "The guest cannot be told its IP address; update its tools or set the address inside."
    ),
    "VM_LACKS_FEATURE_SUSPEND": ErrorFacts(("vm",), "The guest cannot be suspended; install or update its tools."),
    "VM_LACKS_FEATURE_VCPU_HOTPLUG": ErrorFacts(
        ("vm",), "The guest cannot take processors while running; change their number while it is halted."
    ),
    "VM_MEMORY_SIZE_TOO_LOW": ErrorFacts(("vm",), "The VM has too little memory to start; raise its limits."),
    "VM_MIGRATE_FAILED": ErrorFacts(
        (
            "vm",
            "source",
            "destination",
            "msg",
        ),
        "The migration failed with the reason given; settle that and try again.",
    ),
    "VM_MISSING_PV_DRIVERS": ErrorFacts(("vm",), "The guest has no paravirtual drivers; install its tools."),
    "VM_NOT_RESIDENT_HERE": ErrorFacts(
        (
            "vm",
            "host",
        ),
        "The VM does not run on the host that was asked; ask the host it runs on.",
    ),
    "VM_NO_CRASHDUMP_SR": ErrorFacts(
        ("vm",), "No storage repository is set for crash dumps; set one on the pool or host."
    ),
    "VM_NO_EMPTY_CD_VBD": ErrorFacts(("vm",), "The VM has no empty CD drive; add one or eject a disc."),
    "VM_NO_SUSPEND_SR": ErrorFacts(
        ("vm",), "No storage repository is set for the memory of suspended VMs; set one on the pool, host or VM."
    ),
    "VM_NO_VCPUS": ErrorFacts(("vm",), "The VM has no virtual processor; give it at least one."),
    "VM_OLD_PV_DRIVERS": ErrorFacts(
        (
            "vm",
            "major",
            "minor",
        ),
        "The guest's paravirtual drivers are too old; update its tools.",
    ),
    "VM_PV_DRIVERS_IN_USE": ErrorFacts(
        ("vm",),
        "The guest is still using its paravirtual drivers for this device; release the device inside the guest.",
    ),
    "VM_REBOOTED": ErrorFacts(("vm",), "The VM rebooted unexpectedly while being worked on; try again."),
    "VM_REQUIRES_GPU": ErrorFacts(
        (
            "vm",
            "GPU_group",
        ),
        "No suitable card of the GPU group is free on the host; choose another host or free one.",
    ),
    "VM_REQUIRES_IOMMU": ErrorFacts(
        ("host",),
        "The VM is to have a device passed through, but the host's IOMMU is off; enable that in its firmware.",
    ),
    "VM_REQUIRES_NETWORK": ErrorFacts(
        (
            "vm",
            "network",
        ),
        "The host is not connected to a network that the VM needs; connect it or choose another host.",
    ),
    "VM_REQUIRES_SR": ErrorFacts(
        (
            "vm",
            "sr",
        ),
        "The host does not see a storage repository that the VM needs; plug it there or choose another host.",
    ),
    "VM_REQUIRES_VDI": ErrorFacts(
        (
            "vm",
            "vdi",
        ),
        "A disk that the VM needs is not there; restore the disk or remove its drive.",
    ),
    "VM_REQUIRES_VGPU": ErrorFacts(
        (
            "vm",
            "GPU_group",
            "vGPU_type",
        ),
        "No card of the GPU group on the host has room for this type; choose another host or free one.",
    ),
    "VM_REQUIRES_VUSB": ErrorFacts(
        (
            "vm",
            "USB_group",
        ),
        "The host has no device of the USB group that the VM needs; start it where the device is.",
    ),
    "VM_REVERT_FAILED": ErrorFacts(
        (
            "vm",
            "snapshot",
        ),
        "The VM could not be set back to the snapshot; check its disks' storage and try again.",
    ),
    "VM_SHUTDOWN_TIMEOUT": ErrorFacts(
        (
            "vm",
            "timeout",
        ),
        "The guest took longer than the given seconds to shut down; wait, or shut it down by force.",
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_FAILED": ErrorFacts(
        ("vm",), "The guest could not prepare for the snapshot; see the text or take an ordinary snapshot."
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED": ErrorFacts(
        (
            "vm",
            "error",
        ),
        "The guest cannot flush its disks for a snapshot; install its agent or take an ordinary snapshot.",
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND": ErrorFacts(
        ("vm",), "The guest's agent did not react to the snapshot request; check that it runs."
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT": ErrorFacts(
        ("vm",), "The guest took too long to prepare for the snapshot; try again when it is less busy."
    ),
    "VM_TOO_MANY_VCPUS": ErrorFacts(("vm",), "The VM has more virtual processors than allowed; lower their number."),
    "VM_TO_IMPORT_IS_NOT_NEWER_VERSION": ErrorFacts(
        (
            "vm",
            "existing_version",
            "version_to_import",
        ),
        "The VM here is as new as the one to be imported, or newer; force the import if wanted.",
    ),
    "VM_UNSAFE_BOOT": ErrorFacts(
        ("vm",), "The VM may still be running elsewhere, so starting it is unsafe; make sure that it is down first."
    ),
    "WLB_AUTHENTICATION_FAILED": ErrorFacts(
        (), "The workload balancing server refused the pool's credentials; set them anew."
    ),
    "WLB_CONNECTION_REFUSED": ErrorFacts(
        (), "The workload balancing server refused the connection; check its address and that it runs."
    ),
    "WLB_CONNECTION_RESET": ErrorFacts((), "The workload balancing server broke the connection off; try again."),
    "WLB_DISABLED": ErrorFacts((), "Workload balancing is set up but switched off; enable it in the pool."),
    "WLB_INTERNAL_ERROR": ErrorFacts((), "The workload balancing server had an error of its own; look in its log."),
    "WLB_MALFORMED_REQUEST": ErrorFacts(
        (), "The workload balancing server did not understand the request; check that the versions match."
    ),
    "WLB_MALFORMED_RESPONSE": ErrorFacts(
        (
            "method",
            "reason",
            "response",
        ),
        "The workload balancing server's answer was not understood; check that the versions match.",
    ),
    "WLB_NOT_INITIALIZED": ErrorFacts((), "The pool has no workload balancing server; set one up first."),
    "WLB_TIMEOUT": ErrorFacts(
        ("configured_timeout",),
        "The workload balancing server did not answer within the seconds given; try again or raise the limit.",
    ),
    "WLB_UNKNOWN_HOST": ErrorFacts((), "The name of the workload balancing server is unknown; check it and DNS."),
    "WLB_URL_INVALID": ErrorFacts(
        ("url",), "The address of the workload balancing server must be host:port; correct it."
    ),
    "WLB_XENSERVER_AUTHENTICATION_FAILED": ErrorFacts(
        (), "The workload balancing server could not log in to the pool; give it valid credentials."
    ),
    "WLB_XENSERVER_CONNECTION_REFUSED": ErrorFacts(
        (), "The workload balancing server was refused a connection to the pool; check the network and firewall."
    ),
    "WLB_XENSERVER_MALFORMED_RESPONSE": ErrorFacts(
        (), "The workload balancing server did not understand the pool's answer; check that the versions match."
    ),
    "WLB_XENSERVER_TIMEOUT": ErrorFacts(
        (), "The workload balancing server got no answer from the pool in time; check the network between them."
    ),
    "WLB_XENSERVER_UNKNOWN_HOST": ErrorFacts(
        (), "The workload balancing server cannot find the pool's master by name; check its DNS."
    ),
    "XAPI_HOOK_FAILED": ErrorFacts(
        (
            "hook_name",
            "reason",
            "stdout",
            "exit_code",
        ),
        "A hook script on the host failed and stopped the operation; see its output and mend the script.",
    ),
    "XENAPI_MISSING_PLUGIN": ErrorFacts(
        ("name",), "The host has no plugin of this name; install it or correct the name."
    ),
    "XENAPI_PLUGIN_FAILURE": ErrorFacts(
        (
            "status",
            "stdout",
            "stderr",
        ),
        "The plugin did not run properly; see the status and its output.",
    ),
    "XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "Windows could not add a volume to the VSS snapshot; see the code and the guest's event log.",
    ),
    "XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "Windows failed to take the VSS snapshot; see the code and the guest's event log.",
    ),
    "XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "Windows could not describe the VSS snapshot it took; see the code and the guest's event log.",
    ),
    "XEN_VSS_REQ_ERROR_INIT_FAILED": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "The VSS part of the guest's agent did not start; see the code and reinstall the agent.",
    ),
    "XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "No volume of the Windows guest can be snapshotted by VSS; take an ordinary snapshot.",
    ),
    "XEN_VSS_REQ_ERROR_PREPARING_WRITERS": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "Programs in the Windows guest did not get ready for the VSS snapshot; try again when they are idle.",
    ),
    "XEN_VSS_REQ_ERROR_PROV_NOT_LOADED": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "The guest's VSS provider is not loaded; install it with the guest's tools.",
    ),
    "XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED": ErrorFacts(
        (
            "vm",
            "error_code",
        ),
        "Windows could not begin a VSS snapshot, perhaps as another is going on; try again later.",
    ),
    "XMLRPC_UNMARSHAL_FAILURE": ErrorFacts(
        (
            "expected",
            "received",
        ),
        "The request could not be decoded as the expected type; check how the client encodes it.",
    ),
}
"""Errors of the API reference."""

UNDOCUMENTED_ERRORS: dict[str, str] = {
    "BALLOONING_DISABLED": "Memory cannot be shifted between VMs as ballooning is off; change the VM's memory while it is halted.",
    "CLIENT_ERROR": "The client closed the connection before the transfer was done; start it again.",
    "EXTENSION_PROTOCOL_FAILURE": "An installed extension answered in a way that was not understood; mend the extension.",
    "HOSTS_FAILED_TO_DISABLE_CACHING": "Local caching could not be switched off on the hosts listed; see to each of them.",
    "HOSTS_FAILED_TO_ENABLE_CACHING": "No local storage fit for caching was found on the hosts listed; add some there.",
    "HOST_CANNOT_SEE_SR": "The storage repository is not connected to this host; choose one that is.",
    "NO_LOCAL_STORAGE": "The host has no local storage repository for this purpose; create one.",
    "POOL_": "Not a code by itself but the prefix put before a host's AUTH_ code in pool-wide calls; look that code up.",
    "REQUIRED_PIF_IS_UNPLUGGED": "Interfaces, those listed, that must stay up are down; plug them before enabling high availability.",
    "REVERT_ONLY_ALLOWED_ON_SNAPSHOT": "Only a snapshot can be reverted to; give the snapshot, not the VM.",
    "SR_ATTACHED": "The storage repository is still attached; unplug it first.",
    "SR_NOT_SHARED": "The storage repository is not shared, as this needs; choose a shared one.",
    "SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL": "The disk offered holds other data than the saved memory it is to replace; copy that anew.",
    "VBD_MISSING": "The drive went away while its disk was being moved; check the VM and try again.",
    "VDI_CONTENT_ID_MISSING": "A disk that the file refers to could not be found here; bring in its storage or force the import.",
    "VDI_IO_ERROR": "Reading or writing the disk failed; check the storage.",
    "VDI_IS_SHARABLE": "A disk that several VMs may share cannot be snapshotted; copy it instead.",
    "VM_IS_SNAPSHOT": "This cannot be done with a snapshot; make a VM from it first.",
    "VM_MEMORY_TARGET_WAIT_TIMEOUT": "The VM did not reach its memory target in time; check its balloon driver and wait again.",
    "VM_SNAPSHOT_FAILED": "The snapshot could not be taken; check the storage of the VM's disks.",
}
"""Codes that can be answered though the API reference leaves them out."""
