"""Passwords in the configuration of storage, kept as secrets: every record that names one has its own copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction

SUFFIX = "password_secret"
"""How keys end whose values are uuids of secrets."""


def with_own_secrets(tx: Transaction, config: Mapping[str, str]) -> dict[str, str]:
    """A configuration that names copies of the secrets. Raises UUID_INVALID ["secret", uuid]."""
    return {key: _copied(tx, value) if key.endswith(SUFFIX) else value for key, value in config.items()}


def delete_secrets(tx: Transaction, *configs: Mapping[str, str]) -> None:
    """Delete the secrets that configurations name; those that are gone already do not matter."""
    for uuid in _named(configs):
        try:
            tx.delete(tx.by_uuid(Secret, uuid))
        except ApiError:
            continue


def _copied(tx: Transaction, uuid: str) -> str:
    secret = tx.by_uuid(Secret, uuid)
    return tx.create(Secret, value=secret.value, other_config=secret.other_config).uuid


def _named(configs: Iterable[Mapping[str, str]]) -> list[str]:
    return [value for config in configs for key, value in config.items() if key.endswith(SUFFIX)]
