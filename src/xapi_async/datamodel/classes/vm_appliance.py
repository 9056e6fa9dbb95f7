"""VM_appliance: a group of virtual machines that are started, stopped and recovered together."""

from __future__ import annotations

from xapi_async.datamodel.enums import VM_APPLIANCE_OPERATION
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, STRING, Map, Ref, Set


class VMAppliance(ApiClass):
    """A group of virtual machines that are started, stopped and recovered together."""

    FACTS = ClassFacts(
        "VM_appliance", released="published boston", constructor_destructor=True, create_roles=POOL_OPERATOR
    )
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this appliance.")
    name_label = Field(STRING, RW, "Display name of the appliance.", default="", setter_roles=POOL_OPERATOR)
    name_description = Field(
        STRING, RW, "Free text saying what the appliance is for.", default="", setter_roles=POOL_OPERATOR
    )
    allowed_operations = Field(
        Set(VM_APPLIANCE_OPERATION),
        RO_RUNTIME,
        "Operations that the server would accept for this appliance at the moment.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, VM_APPLIANCE_OPERATION),
        RO_RUNTIME,
        "Operations now under way on the appliance, keyed by task reference.",
        default={},
        persist=False,
    )
    VMs = Field(Set(Ref("VM")), RO_RUNTIME, "Virtual machines that are members of the appliance.")

    MESSAGES = (
        Message(
            "start",
            "Start all member VMs, lowest order first, optionally leaving them paused.",
            (
                Param("self", Ref("VM_appliance")),
                Param("paused", BOOL),
            ),
            roles=POOL_OPERATOR,
            errors=("OPERATION_PARTIALLY_FAILED",),
            released="published boston",
        ),
        Message(
            "clean_shutdown",
            "Ask all member guests to shut down, highest order first.",
            (Param("self", Ref("VM_appliance")),),
            roles=POOL_OPERATOR,
            errors=("OPERATION_PARTIALLY_FAILED",),
            released="published boston",
        ),
        Message(
            "hard_shutdown",
            "Power off all member VMs immediately, highest order first.",
            (Param("self", Ref("VM_appliance")),),
            roles=POOL_OPERATOR,
            errors=("OPERATION_PARTIALLY_FAILED",),
            released="published boston",
        ),
        Message(
            "shutdown",
            "Stop all member VMs, powering off those that fail to shut down cleanly.",
            (Param("self", Ref("VM_appliance")),),
            roles=POOL_OPERATOR,
            errors=("OPERATION_PARTIALLY_FAILED",),
            released="published boston",
        ),
        Message(
            "assert_can_be_recovered",
            "Raise an error if the target pool lacks storage that any member needs.",
            (
                Param("self", Ref("VM_appliance")),
                Param("session_to", Ref("session")),
            ),
            errors=("VM_REQUIRES_SR",),
            released="published boston",
        ),
        Message(
            "get_SRs_required_for_recovery",
            "List the SRs that must be attached in the target pool before recovery.",
            (
                Param("self", Ref("VM_appliance")),
                Param("session_to", Ref("session")),
            ),
            result=Set(Ref("SR")),
            released="published creedence",
        ),
        Message(
            "recover",
            "Rebuild the appliance and its VMs in the pool of the target session.",
            (
                Param("self", Ref("VM_appliance")),
                Param("session_to", Ref("session")),
                Param("force", BOOL),
            ),
            errors=("VM_REQUIRES_SR",),
            released="published boston",
        ),
    )
