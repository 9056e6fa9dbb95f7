"""The static roles, strongest first, and the lists of roles that messages and fields name.

Each role may do all that the next one may, so who may do something is always a prefix of the list.
"""

from __future__ import annotations

from typing import Final

Roles = tuple[str, ...]

ROLES: Final[dict[str, str]] = {
    "pool-admin": "May do everything, the management of users and roles included.",
    "pool-operator": "May manage hosts, storage, networks and pools, but not users.",
    "vm-power-admin": "May manage all virtual machines, wherever they run, and their memory and migration.",
    "vm-admin": "May create, change and destroy virtual machines and templates.",
    "vm-operator": "May start and stop virtual machines, change their media and use their consoles.",
    "read-only": "May log in and read.",
}

SUPERUSER: Final[Roles] = ()
"""Nobody by role: only local superuser sessions and other hosts."""
POOL_ADMIN: Final[Roles] = tuple(ROLES)[:1]
POOL_OPERATOR: Final[Roles] = tuple(ROLES)[:2]
VM_POWER_ADMIN: Final[Roles] = tuple(ROLES)[:3]
VM_ADMIN: Final[Roles] = tuple(ROLES)[:4]
VM_OPERATOR: Final[Roles] = tuple(ROLES)[:5]
READ_ONLY: Final[Roles] = tuple(ROLES)[:6]
"""Every role."""
