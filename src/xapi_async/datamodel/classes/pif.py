"""PIF: a network interface of a host: a physical card, bond, VLAN or tunnel end."""

from __future__ import annotations

from xapi_async.datamodel.enums import (
    IP_CONFIGURATION_MODE,
    IPV6_CONFIGURATION_MODE,
    PIF_IGMP_STATUS,
    PRIMARY_ADDRESS_TYPE,
)
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, NULL_REF, STRING, STRING_MAP, STRING_SET, Ref, Set


class PIF(ApiClass):
    """A network interface of a host: a physical card, bond, VLAN or tunnel end."""

    FACTS = ClassFacts("PIF")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this interface.")
    device = Field(STRING, RO_CONSTRUCTOR, "Device name on the host, such as eth0, bond0 or tunnel0.")
    network = Field(Ref("network"), RO_CONSTRUCTOR, "Network this interface connects its host to.")
    host = Field(Ref("host"), RO_CONSTRUCTOR, "Host this interface belongs to.")
    MAC = Field(
        STRING, RO_CONSTRUCTOR, "Hardware address, six hexadecimal pairs; a fixed placeholder for VLAN interfaces."
    )
    MTU = Field(INT, RO_CONSTRUCTOR, "Largest packet size in bytes; -1 if not known before first plugging.")
    VLAN = Field(INT, RO_CONSTRUCTOR, "VLAN tag of the interface, or -1 if it carries untagged traffic.")
    device_name = Field(
        STRING, RW, "Device name used by the host's kernel (internal).", setter_roles=POOL_OPERATOR, internal=True
    )
    metrics = Field(
        Ref("PIF_metrics"),
        RO_RUNTIME,
        "Link state and hardware details; VLANs and tunnels share those of the interface below.",
    )
    physical = Field(
        BOOL, RO_RUNTIME, "True if the interface is a real network card.", default=False, released="published miami"
    )
    currently_attached = Field(
        BOOL, RO_RUNTIME, "True while the interface is up on its host.", default=True, released="published miami"
    )
    ip_configuration_mode = Field(
        IP_CONFIGURATION_MODE,
        RO_RUNTIME,
        "How the IPv4 address is obtained: None, DHCP or Static.",
        default="None",
        released="published miami",
    )
    IP = Field(
        STRING,
        RO_RUNTIME,
        "IPv4 address of the host on this interface; empty if it has none.",
        default="",
        released="published miami",
    )
    netmask = Field(
        STRING,
        RO_RUNTIME,
        "IPv4 network mask belonging to the address; empty if unset.",
        default="",
        released="published miami",
    )
    gateway = Field(
        STRING,
        RO_RUNTIME,
        "IPv4 default gateway reached through this interface; empty if unset.",
        default="",
        released="published miami",
    )
    DNS = Field(
        STRING,
        RO_RUNTIME,
        "DNS server addresses, separated by commas without spaces; empty if unset.",
        default="",
        released="published miami",
    )
    bond_slave_of = Field(
        Ref("Bond"),
        RO_RUNTIME,
        "Bond that has this interface as a member; NULL if not bonded.",
        default=NULL_REF,
        released="published miami",
    )
    bond_master_of = Field(
        Set(Ref("Bond")),
        RO_RUNTIME,
        "Bond that this interface represents; empty unless it is a bond interface.",
        released="published miami",
    )
    VLAN_master_of = Field(
        Ref("VLAN"),
        RO_RUNTIME,
        "VLAN whose untagged side this interface is; NULL unless it is a VLAN interface.",
        default=NULL_REF,
        released="published miami",
    )
    VLAN_slave_of = Field(
        Set(Ref("VLAN")), RO_RUNTIME, "VLANs that run over this interface.", released="published miami"
    )
    management = Field(
        BOOL,
        RO_RUNTIME,
        "True if the host is managed through this interface.",
        default=False,
        released="published miami",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions, some of them tuning the interface.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )
    disallow_unplug = Field(
        BOOL,
        RW,
        "True to refuse unplugging, for example for an interface leading to storage.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published orlando",
    )
    tunnel_access_PIF_of = Field(
        Set(Ref("tunnel")),
        RO_RUNTIME,
        "Tunnel that this interface gives access to; empty unless it is a tunnel end.",
        released="published cowley",
    )
    tunnel_transport_PIF_of = Field(
        Set(Ref("tunnel")),
        RO_RUNTIME,
        "Tunnels whose traffic travels over this interface.",
        released="published cowley",
    )
    ipv6_configuration_mode = Field(
        IPV6_CONFIGURATION_MODE,
        RO_RUNTIME,
        "How IPv6 addresses are obtained: None, DHCP, Static or Autoconf.",
        default="None",
        released="prototyped tampa",
    )
    IPv6 = Field(
        STRING_SET,
        RO_RUNTIME,
        "IPv6 addresses of the host on this interface, each with prefix length.",
        default=(),
        released="prototyped tampa",
    )
    ipv6_gateway = Field(
        STRING,
        RO_RUNTIME,
        "IPv6 default gateway reached through this interface; empty if unset.",
        default="",
        released="prototyped tampa",
    )
    primary_address_type = Field(
        PRIMARY_ADDRESS_TYPE,
        RO_RUNTIME,
        "Address family, IPv4 or IPv6, used for management on this interface.",
        default="IPv4",
        released="prototyped tampa",
    )
    managed = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True if the server configures the interface; false if it is left alone.",
        default=True,
        released="published vgpu-productisation",
    )
    properties = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Low-level settings of the interface, such as gro switched on or off.",
        default={},
        released="published creedence",
    )
    capabilities = Field(
        STRING_SET,
        RO_RUNTIME,
        "Special abilities of the network card, read from the hardware.",
        default=(),
        released="published dundee",
    )
    igmp_snooping_status = Field(
        PIF_IGMP_STATUS,
        RO_RUNTIME,
        "Whether IGMP snooping is active on the interface's bridge, if known.",
        default="unknown",
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "create_VLAN",
            "Deprecated; create a VLAN interface on a host's device and return it; use VLAN.create instead.",
            (
                Param("device", STRING),
                Param("network", Ref("network")),
                Param("host", Ref("host")),
                Param("VLAN", INT),
            ),
            result=Ref("PIF"),
            roles=POOL_OPERATOR,
            errors=("VLAN_TAG_INVALID",),
            released="published rio, deprecated miami",
        ),
        Message(
            "destroy",
            "Deprecated; delete a VLAN interface along with its VLAN; use VLAN.destroy instead.",
            (Param("self", Ref("PIF")),),
            roles=POOL_OPERATOR,
            errors=("PIF_IS_PHYSICAL",),
            released="published rio, deprecated miami",
        ),
        Message(
            "reconfigure_ip",
            "Change the IPv4 settings of an interface, applying them at once if it is up.",
            (
                Param("self", Ref("PIF")),
                Param("mode", IP_CONFIGURATION_MODE),
                Param("IP", STRING),
                Param("netmask", STRING),
                Param("gateway", STRING),
                Param("DNS", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "reconfigure_ipv6",
            "Change the IPv6 settings of an interface, applying them at once if it is up.",
            (
                Param("self", Ref("PIF")),
                Param("mode", IPV6_CONFIGURATION_MODE),
                Param("IPv6", STRING),
                Param("gateway", STRING),
                Param("DNS", STRING),
            ),
            roles=POOL_OPERATOR,
            released="prototyped tampa",
        ),
        Message(
            "set_primary_address_type",
            "Choose IPv4 or IPv6 for management; refused on the present management interface.",
            (
                Param("self", Ref("PIF")),
                Param("primary_address_type", PRIMARY_ADDRESS_TYPE),
            ),
            roles=POOL_OPERATOR,
            released="prototyped tampa",
        ),
        Message(
            "scan",
            "Look for network cards on a host and create a PIF, with a network, for each new one.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "introduce",
            "Create a PIF for one network card of a host, identified by device and MAC address.",
            (
                Param("host", Ref("host")),
                Param("MAC", STRING),
                Param("device", STRING),
                Param("managed", BOOL, True),
            ),
            result=Ref("PIF"),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "forget",
            "Take an interface down and delete its record; a later scan would find it again.",
            (Param("self", Ref("PIF")),),
            roles=POOL_OPERATOR,
            errors=("PIF_TUNNEL_STILL_EXISTS",),
            released="published miami",
        ),
        Message(
            "unplug",
            "Take an interface down on its host; no running VM may be using its network.",
            (Param("self", Ref("PIF")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "plug",
            "Bring an interface up on its host, with its address; harmless if already up.",
            (Param("self", Ref("PIF")),),
            roles=POOL_OPERATOR,
            errors=("TRANSPORT_PIF_NOT_CONFIGURED",),
            released="published miami",
        ),
        Message(
            "pool_introduce",
            "Create an interface record with all its values given; for use between pool members.",
            (
                Param("device", STRING),
                Param("network", Ref("network")),
                Param("host", Ref("host")),
                Param("MAC", STRING),
                Param("MTU", INT),
                Param("VLAN", INT),
                Param("physical", BOOL),
                Param("ip_configuration_mode", IP_CONFIGURATION_MODE),
                Param("IP", STRING),
                Param("netmask", STRING),
                Param("gateway", STRING),
                Param("DNS", STRING),
                Param("bond_slave_of", Ref("Bond")),
                Param("VLAN_master_of", Ref("VLAN")),
                Param("management", BOOL),
                Param("other_config", STRING_MAP),
                Param("disallow_unplug", BOOL, False),
                Param("ipv6_configuration_mode", IPV6_CONFIGURATION_MODE, "None"),
                Param("IPv6", STRING_SET, ()),
                Param("ipv6_gateway", STRING, ""),
                Param("primary_address_type", PRIMARY_ADDRESS_TYPE, "IPv4"),
                Param("managed", BOOL, True),
                Param("properties", STRING_MAP, {}),
            ),
            result=Ref("PIF"),
            roles=POOL_OPERATOR,
            documented=False,
        ),
        Message(
            "db_introduce",
            "Create an interface record with the given values, without any check or change on the host.",
            (
                Param("device", STRING),
                Param("network", Ref("network")),
                Param("host", Ref("host")),
                Param("MAC", STRING),
                Param("MTU", INT),
                Param("VLAN", INT),
                Param("physical", BOOL),
                Param("ip_configuration_mode", IP_CONFIGURATION_MODE),
                Param("IP", STRING),
                Param("netmask", STRING),
                Param("gateway", STRING),
                Param("DNS", STRING),
                Param("bond_slave_of", Ref("Bond")),
                Param("VLAN_master_of", Ref("VLAN")),
                Param("management", BOOL),
                Param("other_config", STRING_MAP),
                Param("disallow_unplug", BOOL, False),
                Param("ipv6_configuration_mode", IPV6_CONFIGURATION_MODE, "None"),
                Param("IPv6", STRING_SET, ()),
                Param("ipv6_gateway", STRING, ""),
                Param("primary_address_type", PRIMARY_ADDRESS_TYPE, "IPv4"),
                Param("managed", BOOL, True),
                Param("properties", STRING_MAP, {}),
            ),
            result=Ref("PIF"),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "db_forget",
            "Delete an interface record without any check or change on the host.",
            (Param("self", Ref("PIF")),),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "set_property",
            "Set a low-level property, such as gro, of a physical interface or a bond.",
            (
                Param("self", Ref("PIF")),
                Param("name", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published creedence",
        ),
    )
