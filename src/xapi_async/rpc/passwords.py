"""Root's password and the secret of the pool: kept as documents, the password only as an argon2id hash."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.documents import Documents
from xapi_async.rpc.settings import AccessSettings

T = TypeVar("T")

ROOT = "root"
LONGEST = 1024
"""Characters of a password: more would only serve to keep the server busy."""

_ACCOUNTS = "accounts"
_POOL_SECRET = "pool-secret"  # noqa: S105  (the name of a document)


class Passwords:
    """Checks and changes passwords, one at a time and in a thread: hashing is slow on purpose.

    Use :meth:`open` to make one.
    """

    def __init__(self, documents: Documents, settings: AccessSettings) -> None:
        self._documents = documents
        self._hasher = PasswordHasher(time_cost=settings.hash_passes, memory_cost=settings.hash_memory_kib)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        # What was verified last, under a key that dies with the process: clients that log in for every
        # call then cost one hash, not thousands. Never written anywhere.
        self._key = secrets.token_bytes(32)
        self._verified: bytes | None = None
        self._hash = ""
        self._pool_secret = ""

    @staticmethod
    async def open(documents: Documents, settings: AccessSettings) -> tuple[Passwords, str | None]:
        """The passwords kept in ``documents``; at the first start they are made.

        Gives also root's password, where the settings name none and it had to be made: to be shown to
        the administrator once, as it is kept nowhere.
        """
        passwords = Passwords(documents, settings)
        made: str | None = None
        accounts, pool_secret = await documents.get(_ACCOUNTS), await documents.get(_POOL_SECRET)
        if accounts is not None:
            passwords._hash = accounts[ROOT]
        else:
            initial = settings.password or secrets.token_urlsafe(18)
            made = None if settings.password else initial
            await passwords.change(initial)
        if pool_secret is not None:
            passwords._pool_secret = pool_secret["secret"]
        else:
            await passwords.set_pool_secret(secrets.token_hex(32))
        return passwords, made

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def verify(self, name: str, password: str) -> bool:
        """Whether this is the password of a local account; there is one, root."""
        if len(password) > LONGEST:
            return False
        mark = self._mark(password)
        if name == ROOT and self._verified is not None and hmac.compare_digest(mark, self._verified):
            return True
        kept = self._hash
        # An unknown name is hashed all the same, so that answers take as long for it.
        matches = await self._slowly(lambda: self._matches(kept, password))
        if not matches or name != ROOT:
            return False
        if kept == self._hash:  # not changed meanwhile
            self._verified = mark
        return True

    async def change(self, password: str) -> None:
        """Give root another password; it counts when this returns. Raises CHANGE_PASSWORD_REJECTED [text]."""
        if not password:
            raise ApiError("CHANGE_PASSWORD_REJECTED", "the password is empty")
        if len(password) > LONGEST:
            raise ApiError("CHANGE_PASSWORD_REJECTED", f"the password has more than {LONGEST} characters")
        new_hash = await self._slowly(lambda: self._hasher.hash(password))
        await self._documents.put(_ACCOUNTS, {ROOT: new_hash})
        self._hash, self._verified = new_hash, None

    @property
    def root_hash(self) -> str:
        """The hash of root's password, as other hosts of the pool get it."""
        return self._hash

    @property
    def pool_secret(self) -> str:
        """What the hosts of the pool know each other by."""
        return self._pool_secret

    async def set_pool_secret(self, value: str) -> None:
        """Give the pool another secret."""
        await self._documents.put(_POOL_SECRET, {"secret": value})
        self._pool_secret = value

    def is_pool_secret(self, value: str) -> bool:
        """Whether this is the pool's secret."""
        return hmac.compare_digest(value.encode(), self.pool_secret.encode())

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    def _mark(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode(errors="surrogatepass"), "sha256")

    async def _slowly(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
