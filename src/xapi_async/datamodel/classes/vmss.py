"""VMSS: a schedule by which the server regularly takes snapshots of its member virtual machines."""

from __future__ import annotations

from xapi_async.datamodel.enums import VMSS_FREQUENCY, VMSS_TYPE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, SUPERUSER
from xapi_async.datamodel.types import BOOL, DATETIME, INT, NEVER, STRING, STRING_MAP, Ref, Set


class VMSS(ApiClass):
    """A schedule by which the server regularly takes snapshots of its member virtual machines."""

    FACTS = ClassFacts("VMSS", released="published falcon", constructor_destructor=True, create_roles=POOL_OPERATOR)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this snapshot schedule.")
    name_label = Field(STRING, RW, "Display name of the snapshot schedule.", default="", setter_roles=POOL_OPERATOR)
    name_description = Field(
        STRING, RW, "Free text saying what the schedule is for.", default="", setter_roles=POOL_OPERATOR
    )
    enabled = Field(
        BOOL,
        RW,
        "Whether snapshots are taken automatically at the scheduled times.",
        default=True,
        setter_roles=POOL_OPERATOR,
    )
    type = Field(VMSS_TYPE, RO_CONSTRUCTOR, "Kind of snapshot taken: plain, quiesced, or checkpoint with memory.")
    retained_snapshots = Field(
        INT, RO_CONSTRUCTOR, "Number of scheduled snapshots kept for each VM, 1 to 10.", default=7
    )
    frequency = Field(VMSS_FREQUENCY, RO_CONSTRUCTOR, "Whether the schedule runs hourly, daily or weekly.")
    schedule = Field(
        STRING_MAP, RO_CONSTRUCTOR, "Run times under the keys min, hour and days, in server local time.", default={}
    )
    last_run_time = Field(DATETIME, RO_RUNTIME, "When the schedule last ran; start of 1970 if never.", default=NEVER)
    VMs = Field(Set(Ref("VM")), RO_RUNTIME, "Virtual machines covered by this schedule.")

    MESSAGES = (
        Message(
            "snapshot_now",
            "Take snapshots of all member VMs straight away, even if the schedule is disabled.",
            (Param("vmss", Ref("VMSS")),),
            result=STRING,
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_retained_snapshots",
            "Set how many scheduled snapshots to keep for each VM, from 1 to 10.",
            (
                Param("self", Ref("VMSS")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_frequency",
            "Choose hourly, daily or weekly runs, adjusting the schedule's keys to suit.",
            (
                Param("self", Ref("VMSS")),
                Param("value", VMSS_FREQUENCY),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_schedule",
            "Update the run times with the given keys, keeping those not mentioned.",
            (
                Param("self", Ref("VMSS")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "add_to_schedule",
            "Add one key, min, hour or days, to the run times.",
            (
                Param("self", Ref("VMSS")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "remove_from_schedule",
            "Delete one key from the run times.",
            (
                Param("self", Ref("VMSS")),
                Param("key", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_last_run_time",
            "Record the time at which the schedule last ran.",
            (
                Param("self", Ref("VMSS")),
                Param("value", DATETIME),
            ),
            roles=SUPERUSER,
            has_async=False,
            released="published falcon",
        ),
        Message(
            "set_type",
            "Choose the kind of snapshot that the schedule takes.",
            (
                Param("self", Ref("VMSS")),
                Param("value", VMSS_TYPE),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published falcon",
        ),
    )
