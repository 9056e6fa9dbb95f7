"""What an entry of a directory says about an account, in the words of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xapi_async.rpc.authentication.ldap_settings import LdapSettings


@dataclass(frozen=True)
class Entry:
    """An entry: its distinguished name, and the raw values of its attributes by lower-case name."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def raw(self, name: str) -> bytes:
        """The first value of an attribute; empty where there is none."""
        values = self.attributes.get(name.lower(), ())
        return values[0] if values else b""

    def first(self, name: str) -> str:
        """The first value of an attribute as text."""
        return self.raw(name).decode(errors="replace")

    def number(self, name: str) -> int:
        """The first value of an attribute as a number; 0 where it is none."""
        try:
            return int(self.raw(name))
        except ValueError:
            return 0


def sid_of(entry: Entry, attribute: str) -> str:
    """The identifier of an entry."""
    value = entry.raw(attribute)
    return sid_text(value) if attribute.lower() == "objectsid" else value.decode(errors="replace")


def sid_text(value: bytes) -> str:
    """A binary SID as ``S-1-5-21-…``: revision, count, authority in big, the rest in little endian."""
    if value.startswith(b"S-") or len(value) < 8:
        return value.decode(errors="replace")
    numbers = [int.from_bytes(value[at : at + 4], "little") for at in range(8, 8 + 4 * value[1], 4)]
    return "-".join(map(str, ("S", value[0], int.from_bytes(value[2:8], "big"), *numbers)))


def information(entry: Entry, settings: LdapSettings, now: float) -> dict[str, str]:
    """What clients are told of a user or group. now: seconds since 1970."""
    is_group = bool({value.lower() for value in entry.attributes.get("objectclass", ())} & _GROUP_CLASSES)
    told = {
        "subject-name": entry.first(settings.name_attribute) or entry.first("cn"),
        "subject-sid": sid_of(entry, settings.sid_attribute),
        "subject-is-group": _truth(is_group),
    }
    for name, attributes in _TEXTS.items():
        text = next((entry.first(attribute) for attribute in attributes if entry.raw(attribute)), "")
        if text:
            told[name] = text
    flags = {flag: _truth(not is_group and holds(entry, now)) for flag, holds in _FLAGS.items()}
    return told | flags


_GROUP_CLASSES = {b"group", b"groupofnames", b"groupofuniquenames", b"posixgroup"}

_TEXTS = {
    "subject-upn": ("userPrincipalName", "mail"),
    "subject-displayname": ("displayName", "cn"),
    "subject-gecos": ("gecos", "description"),
    "subject-uid": ("uidNumber",),
    "subject-gid": ("gidNumber", "primaryGroupID"),
    "subject-homedir": ("homeDirectory",),
    "subject-shell": ("loginShell",),
}

ATTRIBUTES = (
    "objectClass",
    "cn",
    *dict.fromkeys(attribute for attributes in _TEXTS.values() for attribute in attributes if attribute != "cn"),
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "lockoutTime",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "shadowExpire",
    "shadowLastChange",
    "shadowMax",
)
"""What is asked of every entry, beside its identifier and its name."""

# Active Directory

_DISABLED, _LOCKED, _PASSWORD_EXPIRED = 0x2, 0x10, 0x800000
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)


def _filetime(seconds: float) -> int:
    """Seconds since 1970 in the 100 ns since 1601 that Active Directory counts."""
    return int((seconds + 11_644_473_600) * 10_000_000)


def _is_disabled(entry: Entry, now: float) -> bool:
    return bool(entry.number("userAccountControl") & _DISABLED) or entry.first("nsAccountLock").lower() == "true"


def _is_expired(entry: Entry, now: float) -> bool:
    end, days = entry.number("accountExpires"), entry.number("shadowExpire")
    return (end not in _NEVER and end <= _filetime(now)) or 0 < days <= now // 86400


def _is_locked(entry: Entry, now: float) -> bool:
    computed = entry.number("msDS-User-Account-Control-Computed") & _LOCKED
    return bool(computed or entry.raw("pwdAccountLockedTime")) or entry.number("lockoutTime") > 0


def _is_password_expired(entry: Entry, now: float) -> bool:
    computed = entry.number("msDS-User-Account-Control-Computed") & _PASSWORD_EXPIRED
    changed, longest = entry.number("shadowLastChange"), entry.number("shadowMax")
    return bool(computed) or (changed > 0 and longest > 0 and changed + longest < now // 86400)


_FLAGS: dict[str, Callable[[Entry, float], bool]] = {
    "subject-account-disabled": _is_disabled,
    "subject-account-expired": _is_expired,
    "subject-account-locked": _is_locked,
    "subject-password-expired": _is_password_expired,
}


def _truth(value: bool) -> str:
    return "true" if value else "false"
