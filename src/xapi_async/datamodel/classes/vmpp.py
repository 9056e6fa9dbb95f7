"""VMPP: a virtual machine protection policy; removed, and superseded by VMSS snapshot schedules."""

from __future__ import annotations

from xapi_async.datamodel.enums import (
    VMPP_ARCHIVE_FREQUENCY,
    VMPP_ARCHIVE_TARGET_TYPE,
    VMPP_BACKUP_FREQUENCY,
    VMPP_BACKUP_TYPE,
)
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, SUPERUSER, VM_POWER_ADMIN
from xapi_async.datamodel.types import BOOL, DATETIME, INT, NEVER, STRING, STRING_MAP, STRING_SET, Ref, Set


class VMPP(ApiClass):
    """A virtual machine protection policy; removed, and superseded by VMSS snapshot schedules."""

    FACTS = ClassFacts(
        "VMPP", released="published cowley, removed clearwater", constructor_destructor=True, create_roles=POOL_OPERATOR
    )
    uuid = Field(
        STRING,
        RO_RUNTIME,
        "Permanent identifier of the removed protection policy.",
        released="published cowley, removed clearwater",
    )
    name_label = Field(STRING, RW, "Display name of the protection policy.", default="", setter_roles=POOL_OPERATOR)
    name_description = Field(
        STRING, RW, "Free text saying what the protection policy is for.", default="", setter_roles=POOL_OPERATOR
    )
    is_policy_enabled = Field(
        BOOL,
        RW,
        "Removed; told whether the policy ran on its schedule.",
        default=True,
        setter_roles=POOL_OPERATOR,
        released="published cowley, removed clearwater",
    )
    backup_type = Field(
        VMPP_BACKUP_TYPE,
        RW,
        "Removed; told whether backups were disk snapshots or checkpoints with memory.",
        default="snapshot",
        setter_roles=POOL_OPERATOR,
        released="published cowley, removed clearwater",
    )
    backup_retention_value = Field(
        INT,
        RO_CONSTRUCTOR,
        "Removed; greatest number of backups kept for each VM.",
        default=7,
        released="published cowley, removed clearwater",
    )
    backup_frequency = Field(
        VMPP_BACKUP_FREQUENCY,
        RO_CONSTRUCTOR,
        "Removed; told whether backups ran hourly, daily or weekly.",
        default="daily",
        released="published cowley, removed clearwater",
    )
    backup_schedule = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Removed; held the minute, hour and weekdays at which backups ran.",
        default={},
        released="published cowley, removed clearwater",
    )
    is_backup_running = Field(
        BOOL,
        RO_RUNTIME,
        "Removed; told whether a backup was under way.",
        released="published cowley, removed clearwater",
    )
    backup_last_run_time = Field(
        DATETIME,
        RO_RUNTIME,
        "Removed; time at which the latest backup ran.",
        default=NEVER,
        released="published cowley, removed clearwater",
    )
    archive_target_type = Field(
        VMPP_ARCHIVE_TARGET_TYPE,
        RO_CONSTRUCTOR,
        "Removed; kind of file share that received archives, if any.",
        default="none",
        released="published cowley, removed clearwater",
    )
    archive_target_config = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Removed; location and login details of the archive share.",
        default={},
        released="published cowley, removed clearwater",
    )
    archive_frequency = Field(
        VMPP_ARCHIVE_FREQUENCY,
        RO_CONSTRUCTOR,
        "Removed; told how often backups were exported to the archive share.",
        default="never",
        released="published cowley, removed clearwater",
    )
    archive_schedule = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Removed; held the minute, hour and weekdays at which archiving ran.",
        default={},
        released="published cowley, removed clearwater",
    )
    is_archive_running = Field(
        BOOL,
        RO_RUNTIME,
        "Removed; told whether archiving was under way.",
        released="published cowley, removed clearwater",
    )
    archive_last_run_time = Field(
        DATETIME,
        RO_RUNTIME,
        "Removed; time at which archiving last ran.",
        default=NEVER,
        released="published cowley, removed clearwater",
    )
    VMs = Field(
        Set(Ref("VM")),
        RO_RUNTIME,
        "Removed; VMs that the policy protected.",
        released="published cowley, removed clearwater",
    )
    is_alarm_enabled = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "Removed; told whether alarms were sent by e-mail.",
        default=False,
        released="published cowley, removed clearwater",
    )
    alarm_config = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Removed; e-mail address and mail server for alarms.",
        default={},
        released="published cowley, removed clearwater",
    )
    recent_alerts = Field(
        STRING_SET,
        RO_RUNTIME,
        "Removed; latest alerts that the policy had raised.",
        default=(),
        released="published cowley, removed clearwater",
    )

    MESSAGES = (
        Message(
            "protect_now",
            "Removed; it used to back up every VM of the policy straight away.",
            (Param("vmpp", Ref("VMPP")),),
            result=STRING,
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "archive_now",
            "Removed; it used to export one snapshot to the archive share straight away.",
            (Param("snapshot", Ref("VM")),),
            result=STRING,
            roles=VM_POWER_ADMIN,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "create_alert",
            "Removed; it used to store an alert about a run of the policy.",
            (
                Param("vmpp", Ref("VMPP")),
                Param("name", STRING),
                Param("priority", INT),
                Param("body", STRING),
                Param("data", STRING),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "get_alerts",
            "Removed; it used to return the policy's alerts of the last given hours.",
            (
                Param("vmpp", Ref("VMPP")),
                Param("hours_from_now", INT),
            ),
            result=STRING_SET,
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_backup_retention_value",
            "Removed; it used to set how many backups were kept for each VM.",
            (
                Param("self", Ref("VMPP")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_is_backup_running",
            "Removed; it used to record whether a backup was under way.",
            (
                Param("self", Ref("VMPP")),
                Param("value", BOOL),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_is_archive_running",
            "Removed; it used to record whether archiving was under way.",
            (
                Param("self", Ref("VMPP")),
                Param("value", BOOL),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_backup_frequency",
            "Removed; it used to choose hourly, daily or weekly backups.",
            (
                Param("self", Ref("VMPP")),
                Param("value", VMPP_BACKUP_FREQUENCY),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_backup_schedule",
            "Removed; it used to replace the times at which backups ran.",
            (
                Param("self", Ref("VMPP")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_archive_frequency",
            "Removed; it used to choose how often backups were archived.",
            (
                Param("self", Ref("VMPP")),
                Param("value", VMPP_ARCHIVE_FREQUENCY),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_archive_schedule",
            "Removed; it used to replace the times at which archiving ran.",
            (
                Param("self", Ref("VMPP")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_archive_target_type",
            "Removed; it used to choose the kind of share that received archives.",
            (
                Param("self", Ref("VMPP")),
                Param("value", VMPP_ARCHIVE_TARGET_TYPE),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_archive_target_config",
            "Removed; it used to replace the location and login of the archive share.",
            (
                Param("self", Ref("VMPP")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_is_alarm_enabled",
            "Removed; it used to switch alarm e-mails on or off.",
            (
                Param("self", Ref("VMPP")),
                Param("value", BOOL),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_alarm_config",
            "Removed; it used to replace the mail settings for alarms.",
            (
                Param("self", Ref("VMPP")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "add_to_backup_schedule",
            "Removed; it used to add one entry to the backup times.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "add_to_archive_target_config",
            "Removed; it used to add one entry to the archive share's settings.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "add_to_archive_schedule",
            "Removed; it used to add one entry to the archiving times.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "add_to_alarm_config",
            "Removed; it used to add one entry to the alarm mail settings.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "remove_from_backup_schedule",
            "Removed; it used to delete one entry from the backup times.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "remove_from_archive_target_config",
            "Removed; it used to delete one entry from the archive share's settings.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "remove_from_archive_schedule",
            "Removed; it used to delete one entry from the archiving times.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "remove_from_alarm_config",
            "Removed; it used to delete one entry from the alarm mail settings.",
            (
                Param("self", Ref("VMPP")),
                Param("key", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_backup_last_run_time",
            "Removed; it used to record when the latest backup ran.",
            (
                Param("self", Ref("VMPP")),
                Param("value", DATETIME),
            ),
            roles=SUPERUSER,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
        Message(
            "set_archive_last_run_time",
            "Removed; it used to record when archiving last ran.",
            (
                Param("self", Ref("VMPP")),
                Param("value", DATETIME),
            ),
            roles=SUPERUSER,
            has_async=False,
            removed=True,
            released="published cowley, removed clearwater",
        ),
    )
