"""session: a login to the API; its reference goes along with every call and must be kept secret."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, SUPERUSER
from xapi_async.datamodel.types import BOOL, DATETIME, NEVER, NULL_REF, STRING, STRING_MAP, STRING_SET, Ref, Set


class Session(ApiClass):
    """A login to the API; its reference goes along with every call and must be kept secret."""

    FACTS = ClassFacts("session", persist=False, events=False, get_all=False, has_async=False)
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the session, of no use for calling.")
    this_host = Field(Ref("host"), RO_RUNTIME, "Host that the session belongs to, as a rule the pool's master.")
    this_user = Field(Ref("user"), RO_RUNTIME, "Obsolete, always NULL; see auth_user_sid and auth_user_name.")
    last_active = Field(DATETIME, RO_RUNTIME, "Time of the latest call made with this session.")
    pool = Field(BOOL, RO_RUNTIME, "True when another host of the pool holds the session, not a client.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_ADMIN,
        released="published miami",
    )
    is_local_superuser = Field(
        BOOL,
        RO_RUNTIME,
        "True when every call is permitted, as after logging in as root.",
        default=False,
        released="published george",
    )
    subject = Field(
        Ref("subject"),
        RO_RUNTIME,
        "User or group of the pool through which the login was granted; NULL for root.",
        default=NULL_REF,
        released="published george",
    )
    validation_time = Field(
        DATETIME,
        RO_RUNTIME,
        "When the user was last checked with the external directory.",
        default=NEVER,
        released="published george",
    )
    auth_user_sid = Field(
        STRING,
        RO_RUNTIME,
        "Identifier of the user in the external directory; empty for root.",
        default="",
        released="published george",
    )
    auth_user_name = Field(
        STRING, RO_RUNTIME, "Name of the user who logged in.", default="", released="published midnight-ride"
    )
    rbac_permissions = Field(
        STRING_SET,
        RO_CONSTRUCTOR,
        "Names of the permissions held, fixed at login; empty for a superuser.",
        default=(),
        released="published midnight-ride",
    )
    tasks = Field(
        Set(Ref("task")), RO_RUNTIME, "Tasks that were started with this session.", released="published midnight-ride"
    )
    parent = Field(
        Ref("session"),
        RO_CONSTRUCTOR,
        "Session with which this one was made, or NULL.",
        default=NULL_REF,
        released="published midnight-ride",
    )
    originator = Field(
        STRING,
        RO_RUNTIME,
        "Label that the client gave itself when logging in.",
        default="",
        released="published clearwater",
    )

    MESSAGES = (
        Message(
            "login_with_password",
            "Log in with a user name and password, and return the session for further calls.",
            (
                Param("uname", STRING),
                Param("pwd", STRING),
                Param("version", STRING, "1.1"),
                Param("originator", STRING, ""),
            ),
            result=Ref("session"),
            errors=(
                "SESSION_AUTHENTICATION_FAILED",
                "HOST_IS_SLAVE",
            ),
            has_async=False,
            secret=True,
            takes_session=False,
        ),
        Message(
            "logout", "End the caller's session; its tasks go on, and its blocked event calls fail.", has_async=False
        ),
        Message(
            "change_password",
            "Set a new password for root on all hosts; the old one is not checked.",
            (
                Param("old_pwd", STRING),
                Param("new_pwd", STRING),
            ),
            roles=SUPERUSER,
            has_async=False,
        ),
        Message(
            "slave_login",
            "Log a host of the pool in with the pool secret; for hosts among themselves.",
            (
                Param("host", Ref("host")),
                Param("psecret", STRING),
            ),
            result=Ref("session"),
            roles=POOL_ADMIN,
            has_async=False,
            documented=False,
            secret=True,
            takes_session=False,
        ),
        Message(
            "slave_local_login",
            "Open a session valid on this host only, given the pool secret; for emergencies.",
            (Param("psecret", STRING),),
            result=Ref("session"),
            roles=POOL_ADMIN,
            has_async=False,
            documented=False,
            secret=True,
            takes_session=False,
            released="published miami",
        ),
        Message(
            "slave_local_login_with_password",
            "Log in to this host only, by its own accounts, even when the master is away.",
            (
                Param("uname", STRING),
                Param("pwd", STRING),
            ),
            result=Ref("session"),
            roles=POOL_ADMIN,
            has_async=False,
            secret=True,
            takes_session=False,
            released="published miami",
        ),
        Message(
            "create_from_db_file",
            "Open a read-only session on a database dump that lies on the server's disk.",
            (Param("filename", STRING),),
            result=Ref("session"),
            roles=SUPERUSER,
            has_async=False,
            released="published dundee",
        ),
        Message(
            "local_logout",
            "End a session that was valid on this host only; does nothing for ordinary ones.",
            roles=POOL_ADMIN,
            has_async=False,
            released="published miami",
        ),
        Message(
            "get_all_subject_identifiers",
            "List, without repeats, the directory identifiers of all users logged in but superusers.",
            result=STRING_SET,
            has_async=False,
            released="published george",
        ),
        Message(
            "logout_subject_identifier",
            "End all sessions of one directory user or group, except the caller's own and superusers'.",
            (Param("subject_identifier", STRING),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published george",
        ),
    )
