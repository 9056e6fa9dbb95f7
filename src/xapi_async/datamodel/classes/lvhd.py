"""LVHD: calls special to LVM-based storage repositories; the class has no stored objects."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import INT, STRING, Ref


class LVHD(ApiClass):
    """Calls special to LVM-based storage repositories; the class has no stored objects."""

    FACTS = ClassFacts("LVHD", released="published dundee", get_all=False)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier; no object of this class is ever stored.")

    MESSAGES = (
        Message(
            "enable_thin_provisioning",
            "Switch an LVM-based SR to thin provisioning, with initial and growth sizes in bytes.",
            (
                Param("host", Ref("host")),
                Param("SR", Ref("SR")),
                Param("initial_allocation", INT),
                Param("allocation_quantum", INT),
            ),
            result=STRING,
            roles=POOL_ADMIN,
            forwarded_to="host extension LVHD.enable_thin_provisioning",
            released="published dundee",
        ),
    )
