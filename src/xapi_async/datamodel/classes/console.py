"""console: a graphical or text console through which a virtual machine can be operated."""

from __future__ import annotations

from xapi_async.datamodel.enums import CONSOLE_PROTOCOL
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import INT, STRING, STRING_MAP, Ref


class Console(ApiClass):
    """A graphical or text console through which a virtual machine can be operated."""

    FACTS = ClassFacts("console", constructor_destructor=True, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this console.")
    protocol = Field(CONSOLE_PROTOCOL, RO_RUNTIME, "Console protocol: rfb for graphics (VNC) or vt100 for text.")
    location = Field(STRING, RO_RUNTIME, "URL to connect to, on the VM's host; empty without a host address.")
    VM = Field(Ref("VM"), RO_RUNTIME, "Virtual machine that the console belongs to.")
    other_config = Field(STRING_MAP, RW, "Key and value pairs for clients' own use.", setter_roles=VM_ADMIN)
    port = Field(
        INT, RW, "Port on the host where the console is served, or -1; internal.", setter_roles=VM_ADMIN, internal=True
    )
