"""host: functions of programs that an administrator has put on the host: plugins, and extensions of the API."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Mapping
from typing import Any
from xml.parsers.expat import ExpatError

import orjson

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.programs import Ended, find_program, run_program
from xapi_async.operations.hosts.reaching import reach

EXTENSION_FLAG = "--jsonrpc"
"""What tells an extension in which form it is called."""


async def call_plugin(ctx: Context, host: str, plugin: str, fn: str, args: Mapping[str, str]) -> str:
    """host.call_plugin: run a program whose argument is a call, as XML-RPC: ``fn`` with the session and ``args``.

    Raises XENAPI_MISSING_PLUGIN [plugin], what the plugin answers, or XENAPI_PLUGIN_FAILURE.
    """
    if plugin in ctx.services.plugins:
        ctx.store.get(Host, host)  # it need not be up
        return await ctx.services.plugins[plugin](host, fn, args)
    reach(ctx, host)
    settings = ctx.services.programs
    program = find_program(settings.plugins, plugin)
    if program is None:
        raise ApiError("XENAPI_MISSING_PLUGIN", plugin)
    called = xmlrpc.client.dumps((ctx.caller.session, dict(args)), fn)
    async with ctx.task.cancellable():
        ended = await run_program(program, called, settings=settings)
    if ended.problem:
        raise ApiError("XENAPI_PLUGIN_FAILURE", ended.problem, ended.output, ended.errors)
    return _plugin_answer(ended)


def _plugin_answer(ended: Ended) -> str:
    try:
        (answer,), _ = xmlrpc.client.loads(ended.output)
    except xmlrpc.client.Fault as fault:
        raise ApiError("XENAPI_PLUGIN_FAILURE", "fault", fault.faultCode, fault.faultString) from None
    except (ExpatError, xmlrpc.client.ResponseError, ValueError, TypeError, KeyError) as error:
        text = f"{type(error).__name__}: {error}"
        raise ApiError("XENAPI_PLUGIN_FAILURE", "failed to parse plugin output", ended.output, text) from None
    match answer:
        case {"Status": "Success", "Value": str(value)}:
            return value
        case {"Status": "Failure", "ErrorDescription": [str(code), *params]} if _are_texts(params):
            raise ApiError(code, *params)
    raise ApiError("XENAPI_PLUGIN_FAILURE", "unexpected XMLRPC result", ended.output)


# Extensions


async def has_extension(ctx: Context, host: str, name: str) -> bool:
    """host.has_extension."""
    return find_program(ctx.services.programs.extensions, name) is not None


async def call_extension(ctx: Context, host: str, call: str) -> str:
    """host.call_extension: run the program named by a JSON text ``{"method": name, "params": [...]}``; gives JSON.

    The program reads the call as JSON-RPC and writes the answer so. Raises MESSAGE_METHOD_UNKNOWN [name], what
    the extension answers, EXTENSION_PROTOCOL_FAILURE [JSON], or INTERNAL_ERROR where it does not end normally.
    """
    reach(ctx, host)
    settings = ctx.services.programs
    name, params = _parsed(call)
    program = find_program(settings.extensions, name)
    if program is None:
        raise ApiError("MESSAGE_METHOD_UNKNOWN", name)
    given = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}).decode()
    async with ctx.task.cancellable():
        ended = await run_program(program, EXTENSION_FLAG, given=given, settings=settings)
    if ended.problem:
        raise ApiError("INTERNAL_ERROR", str(program.name), ended.problem, ended.output, ended.errors)
    return _extension_answer(ended)


def _parsed(call: str) -> tuple[str, list[Any]]:
    try:
        match orjson.loads(call):
            case {"method": str(name), "params": list(params)}:
                return name, params
    except orjson.JSONDecodeError:
        pass
    raise ApiError("INTERNAL_ERROR", 'a call is JSON of the form {"method": name, "params": [...]}')


def _extension_answer(ended: Ended) -> str:
    """The value of a JSON-RPC answer, as JSON; its envelope is either JSON-RPC's own or that of the API."""
    try:
        answer = orjson.loads(ended.output)
    except orjson.JSONDecodeError:
        raise ApiError("EXTENSION_PROTOCOL_FAILURE", ended.output) from None
    match answer:
        case {"result": {"Status": "Success", "Value": value}}:
            return orjson.dumps(value).decode()
        case {"result": {"Status": "Failure", "ErrorDescription": failure}} | {"error": {"data": failure}}:
            pass
        case {"error": failure} if failure is not None:
            pass
        case {"result": value}:
            return orjson.dumps(value).decode()
        case _:
            failure = answer
    if isinstance(failure, list) and failure and _are_texts(failure):
        raise ApiError(*failure)
    raise ApiError("EXTENSION_PROTOCOL_FAILURE", orjson.dumps(failure).decode())


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


HANDLERS: Handlers = {
    "host.call_plugin": call_plugin,
    "host.call_extension": call_extension,
    "host.has_extension": has_extension,
}
