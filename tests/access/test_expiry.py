"""How sessions end by themselves."""

from __future__ import annotations

import pytest

from tests.access.conftest import House
from xapi_async.datamodel.classes import Session, Subject, Task


def _sessions(house: House) -> set[str]:
    return {session.ref for session in house.store.all(Session)}


async def test_unused_sessions_end_after_a_day(house: House) -> None:
    old = await house.log_in()
    house.clock.time += 86000
    young = await house.log_in()
    house.clock.time += 500
    await house.expiry.expire()
    assert _sessions(house) == {young}
    assert old not in _sessions(house)


@pytest.mark.parametrize(("status", "stays"), [("pending", True), ("cancelling", True), ("success", False)])
async def test_sessions_with_work_going_on_stay(house: House, status: str, stays: bool) -> None:
    parent = await house.log_in()
    async with house.store.transaction() as tx:
        tx.create(Task, session=parent, status=status)
        # A session made by another one lives as long as that one's work.
    child = await house.log_in()
    async with house.store.transaction() as tx:
        tx.set(tx.get(Session, child), parent=parent)
    house.clock.time += 90000
    await house.expiry.expire()
    assert _sessions(house) == ({parent, child} if stays else set())


async def test_beyond_the_limit_the_least_recently_used_goes(house: House) -> None:
    sessions = []
    for _ in range(401):
        sessions.append(await house.log_in())
        house.clock.time += 1
    house.sessions.caller(sessions[0])
    for _ in range(499):
        await house.log_in(originator="tool")
    await house.expiry.expire()
    left = _sessions(house)
    assert len(left) == 400 + 499
    assert sessions[1] not in left
    assert sessions[0] in left


async def test_users_and_originators_have_limits_of_their_own(house: House) -> None:
    for _ in range(501):
        await house.log_in(originator="tool")
    await house.user("ann", "read-only")
    for _ in range(500):
        await house.log_in("ann", "secret")
    for _ in range(401):
        await house.call("slave_login", "OpaqueRef:host", house.passwords.pool_secret)
    await house.expiry.expire()
    left = list(house.store.all(Session))
    assert sum(session.originator == "tool" for session in left) == 500
    assert sum(session.auth_user_sid == "sid-ann" for session in left) == 500
    assert sum(session.pool for session in left) == 400


async def test_users_are_checked_anew(house: House) -> None:
    ann = await house.user("ann", "pool-admin")
    root = await house.log_in()
    before = house.store.get(Session, ann).validation_time
    house.clock.time += 1700
    house.directory.flags["ann"] = {"subject-account-disabled": "true"}
    await house.expiry.revalidate()
    assert house.store.get(Session, ann).validation_time == before  # not yet due
    house.clock.time += 800
    house.directory.is_down = True
    await house.expiry.revalidate()
    assert ann in _sessions(house)  # a directory that is down ends nobody's session
    house.directory.is_down = False
    await house.expiry.revalidate()
    assert _sessions(house) == {root}


async def test_a_new_check_follows_the_subjects(house: House) -> None:
    ann = await house.user("ann", "pool-admin")
    house.directory.memberships["ann"] = ("sid-staff",)
    staff = await house.add_subject("sid-staff", "read-only")
    async with house.store.transaction() as tx:
        tx.delete(tx.by_uuid(Subject, house.store.get(Subject, house.store.get(Session, ann).subject).uuid))
    house.clock.time += 2500
    await house.expiry.revalidate()
    assert house.store.get(Session, ann).subject == staff
    assert house.sessions.caller(ann).may("vm.create")  # permissions stay as they were at login
    async with house.store.transaction() as tx:
        tx.delete(tx.get(Subject, staff))
    house.clock.time += 2500
    await house.expiry.revalidate()
    assert _sessions(house) == set()


async def test_without_a_directory_its_users_go(house: House) -> None:
    await house.user("ann", "pool-admin")
    root = await house.log_in()
    await house.external.disable(house.host)
    await house.expiry.revalidate()
    assert _sessions(house) == {root}


async def test_what_is_known_of_subjects_is_refreshed(house: House) -> None:
    await house.user("ann", "pool-admin")
    await house.add_subject("sid-unknown", "read-only")
    await house.expiry.refresh_subjects()
    by_sid = {subject.subject_identifier: subject.other_config for subject in house.store.all(Subject)}
    assert by_sid["sid-ann"]["subject-name"] == "DOMAIN\\ann"
    assert by_sid["sid-unknown"] == {}
