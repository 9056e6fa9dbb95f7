"""JSON-RPC, versions 1.0 and 2.0: calls in, answers out."""

from xapi_async.wire.jsonrpc.decode import JsonCall, decode_call
from xapi_async.wire.jsonrpc.encode import JsonEncoder

__all__ = ["JsonCall", "JsonEncoder", "decode_call"]
