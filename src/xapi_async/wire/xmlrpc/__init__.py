"""XML-RPC: calls in, answers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xapi_async.datamodel.types import ApiType
from xapi_async.wire.kept import Kept
from xapi_async.wire.xmlrpc.decode import decode_call
from xapi_async.wire.xmlrpc.encode import XmlEncoder

__all__ = ["XmlEncoder", "decode_call", "value_encoder"]


def value_encoder() -> Callable[[ApiType[Any], Any], str]:
    """The function that writes a value as the compact ``<value>…</value>`` in which tasks show their results."""
    return XmlEncoder(Kept(budget=0)).value
