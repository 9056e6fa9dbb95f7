"""Settings of a directory that speaks LDAP, and how the API's configuration of a host fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from xapi_async.operations.directory import DirectoryError


@dataclass(frozen=True)
class LdapSettings:
    """Where the directory is and how it is laid out. The defaults fit Active Directory."""

    uri: str = field(
        default="",
        metadata={"doc": "ldap:// or ldaps:// addresses, parted by spaces, tried in order; empty: the domain's name."},
    )
    start_tls: bool = field(default=True, metadata={"doc": "Encrypt ldap:// connections before anything is said."})
    verify_certificate: bool = field(default=True, metadata={"doc": "Refuse servers whose certificate is not valid."})
    ca_file: str = field(default="", metadata={"doc": "Certificates to trust, PEM; empty: the system's."})
    bind_dn: str = field(default="", metadata={"doc": "Name the server itself logs in by; empty: anonymously."})
    bind_password: str = field(default="", metadata={"doc": "Password for that.", "secret": True})
    base_dn: str = field(default="", metadata={"doc": "Where users and groups are; empty: the domain's name."})
    user_filter: str = field(
        default="(&(objectClass=user)(!(objectClass=computer))(|(sAMAccountName={name})(userPrincipalName={full})))",
        metadata={"doc": "Finds a user. {name}: the name without a domain. {full}: the name as typed."},
    )
    group_name_filter: str = field(
        default="(&(objectClass=group)(sAMAccountName={name}))", metadata={"doc": "Finds a group by its name."}
    )
    group_filter: str = field(default="(objectClass=group)", metadata={"doc": "Holds for groups."})
    member_filter: str = field(
        default="(member={dn})",
        metadata={"doc": "Holds for groups with a member. {dn}: the member's DN. {name}: its login name."},
    )
    sid_attribute: str = field(default="objectSid", metadata={"doc": "Identifier that never changes."})
    name_attribute: str = field(default="sAMAccountName", metadata={"doc": "Name to log in by."})
    timeout_seconds: float = field(default=10.0, metadata={"doc": "Seconds to wait for a connection or an answer."})
    page_size: int = field(default=500, metadata={"doc": "Entries asked for at a time."})


def configured(settings: LdapSettings, service_name: str, config: Mapping[str, str]) -> LdapSettings:
    """The settings with what a host's configuration says: a setting by its name, after ``ldap_``.

    ``user`` and ``pass`` are what clients of XenServer send; the server then logs in by these.

    service_name: the domain. Raises DirectoryError where a value is no value of its setting.
    """
    changes: dict[str, object] = {}
    for item in fields(LdapSettings):
        text = config.get(f"ldap_{item.name}")
        if text is not None:
            changes[item.name] = _value(item.name, type(item.default), text)
    if "user" in config:
        changes.setdefault("bind_dn", _bind_name(config["user"], service_name))
    if "pass" in config:
        changes.setdefault("bind_password", config["pass"])
    found = replace(settings, **changes)  # type: ignore[arg-type]
    return replace(
        found,
        uri=found.uri or f"ldap://{service_name}",
        base_dn=found.base_dn or ",".join(f"dc={label}" for label in service_name.split(".")),
    )


def _bind_name(user: str, domain: str) -> str:
    return user if any(mark in user for mark in "@=\\") else f"{user}@{domain}"


def _value(name: str, kind: type, text: str) -> object:
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise DirectoryError(f"ldap_{name} cannot be {text}") from None


_BOOLEANS = {"true": True, "false": False}
