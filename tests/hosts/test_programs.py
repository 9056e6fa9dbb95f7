"""Programs that an administrator puts on a host, and that clients run: plugins and extensions."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from tests.copies.lab import Lab
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.program_settings import ProgramSettings

PLUGIN = """#!{python}
import os, sys, xmlrpc.client
(session, args), fn = xmlrpc.client.loads(sys.argv[1])
def answer(value):
    print(xmlrpc.client.dumps((value,), methodresponse=True))
if fn == "main":
    answer({{"Status": "Success", "Value": session + " " + args["who"]}})
elif fn == "environment":
    answer({{"Status": "Success", "Value": " ".join(sorted(os.environ))}})
elif fn == "refuse":
    answer({{"Status": "Failure", "ErrorDescription": ["MY_ERROR", "one", "two"]}})
elif fn == "fault":
    print(xmlrpc.client.dumps(xmlrpc.client.Fault(7, "no such function"), methodresponse=True))
elif fn == "odd":
    answer(17)
elif fn == "garbage":
    print("not XML")
elif fn == "fail":
    print("half"); sys.stderr.write("trouble"); sys.exit(3)
elif fn == "die":
    os.kill(os.getpid(), 9)
elif fn == "hang":
    import time; time.sleep(1000)
elif fn == "chatter":
    while True:
        print("x" * 10000)
"""

EXTENSION = """#!{python}
import json, sys
assert sys.argv[1:] == ["--jsonrpc"]
call = json.load(sys.stdin)
answers = {{
    "value": {{"result": {{"Status": "Success", "Value": {{"got": call["params"], "by": call["method"]}}}}}},
    "plain": {{"result": "as it is"}},
    "refuse": {{"result": {{"Status": "Failure", "ErrorDescription": ["MY_ERROR", "one"]}}}},
    "error": {{"error": ["MY_ERROR", "two"]}},
    "odd": {{"result": {{"Status": "Failure", "ErrorDescription": ["MY_ERROR", 2]}}}},
}}
print(json.dumps(answers[call["params"][0]]))
"""


def put(folder: Path, name: str, text: str, *, executable: bool = True) -> None:
    import sys

    file = folder / name
    file.write_text(text.format(python=sys.executable))
    if executable:
        file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def programs(pool: Lab, tmp_path: Path) -> Path:
    for folder, name, text in (("plugins", "greeter", PLUGIN), ("extensions", "my.extension", EXTENSION)):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder, name, text)
    pool.services.programs = ProgramSettings(str(tmp_path / "plugins"), str(tmp_path / "extensions"))
    return tmp_path


async def plugin(pool: Lab, fn: str, name: str = "greeter", **args: str) -> str:
    value: str = await pool.call("host.call_plugin", pool.slave, name, fn, args)
    return value


async def failure(pool: Lab, fn: str) -> list[str]:
    return await pool.refused("host.call_plugin", pool.slave, "greeter", fn, {})


async def test_nothing_is_offered_unless_set(pool: Lab) -> None:
    error = await pool.refused("host.call_plugin", pool.slave, "greeter", "main", {})
    assert error == ["XENAPI_MISSING_PLUGIN", "greeter"]
    assert not await pool.call("host.has_extension", pool.slave, "my.extension")
    error = await pool.refused("host.call_extension", pool.slave, '{"method": "my.extension", "params": []}')
    assert error == ["MESSAGE_METHOD_UNKNOWN", "my.extension"]


async def test_a_plugin_gets_session_and_arguments(pool: Lab, programs: Path) -> None:
    from tests.support import Superuser

    assert await plugin(pool, "main", who="<world & all>") == f"{Superuser.session} <world & all>"


async def test_a_plugin_does_not_see_the_servers_settings(
    pool: Lab, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAPI_ROOT_PASSWORD", "secret")
    assert "XAPI_" not in await plugin(pool, "environment")


@pytest.mark.parametrize("name", ["", "absent", "../plugins/greeter", "/bin/true", ".hidden", "plain", "folder"])
async def test_what_is_no_plugin(pool: Lab, programs: Path, name: str) -> None:
    put(programs / "plugins", ".hidden", PLUGIN)
    put(programs / "plugins", "plain", PLUGIN, executable=False)
    (programs / "plugins" / "folder").mkdir()
    error = await pool.refused("host.call_plugin", pool.slave, name, "main", {})
    assert error == ["XENAPI_MISSING_PLUGIN", name]


async def test_how_plugins_fail(pool: Lab, programs: Path) -> None:
    assert await failure(pool, "refuse") == ["MY_ERROR", "one", "two"]
    assert await failure(pool, "fail") == ["XENAPI_PLUGIN_FAILURE", "non-zero exit", "half\n", "trouble"]
    assert await failure(pool, "die") == ["XENAPI_PLUGIN_FAILURE", "signal: SIGKILL", "", ""]
    assert await failure(pool, "fault") == ["XENAPI_PLUGIN_FAILURE", "fault", "7", "no such function"]
    garbage = await failure(pool, "garbage")
    assert garbage[:3] == ["XENAPI_PLUGIN_FAILURE", "failed to parse plugin output", "not XML\n"]
    odd = await failure(pool, "odd")
    assert odd[:2] == ["XENAPI_PLUGIN_FAILURE", "unexpected XMLRPC result"]
    assert "17" in odd[2]


async def test_a_file_that_cannot_be_run(pool: Lab, programs: Path) -> None:
    put(programs / "plugins", "broken", "#!/nowhere/at/all\n")
    error = await pool.refused("host.call_plugin", pool.slave, "broken", "main", {})
    assert error[0] == "XENAPI_PLUGIN_FAILURE"
    assert error[1].startswith("it could not be started")


async def test_a_plugin_may_not_take_for_ever_or_write_too_much(pool: Lab, programs: Path) -> None:
    folder = str(programs / "plugins")
    pool.services.programs = ProgramSettings(folder, longest_seconds=0.5)
    assert (await failure(pool, "hang"))[1] == "it took longer than 0.5 seconds"
    pool.services.programs = ProgramSettings(folder, most_output_bytes=50_000)
    assert (await failure(pool, "chatter"))[1] == "it wrote more than 50000 bytes"


async def test_a_plugin_ends_with_its_call(pool: Lab, programs: Path) -> None:
    call = asyncio.ensure_future(plugin(pool, "hang"))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 5)


# Extensions


async def extension(pool: Lab, kind: str) -> str:
    call = json.dumps({"method": "my.extension", "params": [kind]})
    value: str = await pool.call("host.call_extension", pool.slave, call)
    return value


async def test_extensions(pool: Lab, programs: Path) -> None:
    assert await pool.call("host.has_extension", pool.slave, "my.extension")
    assert not await pool.call("host.has_extension", pool.slave, "another")
    assert json.loads(await extension(pool, "value")) == {"got": ["value"], "by": "my.extension"}
    assert json.loads(await extension(pool, "plain")) == "as it is"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("refuse", ["MY_ERROR", "one"]),
        ("error", ["MY_ERROR", "two"]),
        ("odd", ["EXTENSION_PROTOCOL_FAILURE", '["MY_ERROR",2]']),
    ],
)
async def test_how_extensions_fail(pool: Lab, programs: Path, kind: str, error: list[str]) -> None:
    with pytest.raises(ApiError) as caught:
        await extension(pool, kind)
    assert caught.value.description == error


async def test_an_extension_that_crashes(pool: Lab, programs: Path) -> None:
    error = await pool.refused("host.call_extension", pool.slave, '{"method": "my.extension", "params": ["none"]}')
    assert error[:3] == ["INTERNAL_ERROR", "my.extension", "non-zero exit"]


async def test_a_call_that_is_none(pool: Lab, programs: Path) -> None:
    for text in ("", "[]", '{"method": 1}', "{"):
        assert (await pool.refused("host.call_extension", pool.slave, text))[0] == "INTERNAL_ERROR"
