"""Users of a real LDAP server, and what entries of Active Directory say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.access import slapd
from tests.access.conftest import House
from tests.support import FakeClock
from xapi_async.datamodel.classes import Host, Session
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations import auth
from xapi_async.operations.directory import DirectoryError, RefusedError, UnknownError, is_suspended
from xapi_async.rpc.authentication.accounts import Entry, information, sid_text
from xapi_async.rpc.authentication.external import External
from xapi_async.rpc.authentication.ldap import LdapDirectory
from xapi_async.rpc.authentication.ldap_settings import LdapSettings, configured

needs_slapd = pytest.mark.skipif(bool(slapd.missing()), reason=slapd.missing() or "slapd is there")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slapd.running(tmp_path_factory.mktemp("slapd")) as found:
        yield found


@pytest.fixture
def directory(config: dict[str, str]) -> LdapDirectory:
    return LdapDirectory(configured(LdapSettings(), "example.org", config), FakeClock())


@needs_slapd
async def test_a_user_is_verified_over_tls(directory: LdapDirectory) -> None:
    sid = await directory.verify("ann", "ann's password")
    assert sid == await directory.find_sid("EXAMPLE\\ann") == await directory.find_sid("ann@example.org")
    told = await directory.information(sid)
    assert told["subject-name"] == "ann"
    assert told["subject-displayname"] == "Ann Example"
    assert told["subject-is-group"] == "false"
    assert not is_suspended(told)


@needs_slapd
@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("nobody", "ann's password"),
        ("*", "ann's password"),
        ("ann)(uid=*", "x"),
        ("", ""),
    ],
)
async def test_others_are_refused(directory: LdapDirectory, name: str, password: str) -> None:
    with pytest.raises(RefusedError):
        await directory.verify(name, password)


@needs_slapd
async def test_an_expired_account_is_suspended(directory: LdapDirectory) -> None:
    told = await directory.information(await directory.verify("old", "old password"))
    assert told["subject-account-expired"] == "true"
    assert is_suspended(told)


@needs_slapd
async def test_groups_are_followed_upwards_and_in_circles(directory: LdapDirectory) -> None:
    sids = {name: await directory.find_sid(name) for name in ("ann", "staff", "all", "crew", "old")}
    assert set(await directory.groups(sids["ann"])) == {sids["staff"], sids["all"], sids["crew"]}
    assert set(await directory.groups(sids["all"])) == {sids["crew"]}
    assert await directory.groups(sids["old"]) == ()
    assert (await directory.information(sids["staff"]))["subject-is-group"] == "true"


@needs_slapd
async def test_unknown_sids(directory: LdapDirectory) -> None:
    for ask in (directory.information, directory.groups, directory.find_sid):
        with pytest.raises(UnknownError):
            await ask("no-such-one")


@needs_slapd
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"bind_password": "wrong"}, "WRONG_CREDENTIALS"),
        ({"uri": "ldap://127.0.0.1:1"}, "UNAVAILABLE"),
        ({"ca_file": ""}, None),
        ({"base_dn": "dc=elsewhere"}, ""),
    ],
)
async def test_what_goes_wrong_is_told_apart(config: dict[str, str], change: dict[str, str], kind: str | None) -> None:
    settings = replace(configured(LdapSettings(), "example.org", config), **change)
    with pytest.raises(DirectoryError) as failure:
        await LdapDirectory(settings, FakeClock()).probe()
    assert kind is None or failure.value.kind == kind


@needs_slapd
async def test_the_next_server_is_tried(config: dict[str, str]) -> None:
    settings = configured(LdapSettings(), "example.org", config)
    await LdapDirectory(replace(settings, uri=f"ldap://127.0.0.1:1 {settings.uri}"), FakeClock()).probe()


@needs_slapd
async def test_logging_in_by_a_nested_group(house: House, config: dict[str, str]) -> None:
    made = {"AD": lambda service, said: LdapDirectory(configured(LdapSettings(), service, said), house.clock)}
    house.external._factories = made  # the one thing that differs from the other tests' house
    await house.external.enable(house.host, config, "example.org", "AD")
    shown = house.store.get(Host, house.host).external_auth_configuration
    assert slapd.ADMIN_PASSWORD not in str(shown)
    messages = auth.handlers(house.external)
    crew = await messages["auth.get_subject_identifier"](house.context(), "crew")
    await house.add_subject(crew, "vm-admin")
    session = await house.log_in("ann", "ann's password")
    ann = house.store.get(Session, session).auth_user_sid
    assert crew in await messages["auth.get_group_membership"](house.context(), ann)
    assert house.sessions.caller(session).may("vm.create")
    again = await External.open(house.store, house.clock, house.documents, made)  # as after a restart
    assert (await again.current().information(ann))["subject-name"] == "ann"


async def test_questions_without_a_directory(house: House) -> None:
    messages = auth.handlers(house.external)
    for name in ("get_subject_identifier", "get_subject_information_from_identifier", "get_group_membership"):
        with pytest.raises(ApiError) as failure:
            await messages[f"auth.{name}"](house.context(), "ann")
        assert failure.value.description == ["AUTH_IS_DISABLED"]
    await house.enable_directory()
    with pytest.raises(ApiError) as failure:
        await messages["auth.get_subject_identifier"](house.context(), "nobody")
    assert failure.value.description == ["SUBJECT_CANNOT_BE_RESOLVED"]
    house.directory.is_down = True
    with pytest.raises(ApiError) as failure:
        await messages["auth.get_subject_identifier"](house.context(), "nobody")
    assert failure.value.code == "AUTH_SERVICE_ERROR"


def test_a_binary_sid_as_text() -> None:
    binary = bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100")
    assert sid_text(binary) == "S-1-5-21-2127521184-1604012920-1887927527-72713"


@pytest.mark.parametrize(
    ("attribute", "value", "flag"),
    [
        ("userAccountControl", b"514", "subject-account-disabled"),
        ("accountExpires", b"131000000000000000", "subject-account-expired"),
        ("lockoutTime", b"131000000000000000", "subject-account-locked"),
        ("msDS-User-Account-Control-Computed", b"16", "subject-account-locked"),
        ("msDS-User-Account-Control-Computed", b"8388608", "subject-password-expired"),
        ("userAccountControl", b"512", None),
        ("accountExpires", b"9223372036854775807", None),
        ("accountExpires", b"0", None),
    ],
)
def test_flags_of_active_directory(attribute: str, value: bytes, flag: str | None) -> None:
    entry = Entry("cn=ann", {attribute.lower(): (value,), "samaccountname": (b"ann",)})
    told = information(entry, LdapSettings(), now=1_519_218_309.0)
    raised = [name for name, text in told.items() if text == "true"]
    assert raised == ([] if flag is None else [flag])
    assert is_suspended(told) == (flag is not None)
