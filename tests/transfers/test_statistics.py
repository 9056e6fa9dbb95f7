"""Statistics of hosts and guests: how they are consolidated, and how they are read."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.client import until
from tests.live import running
from tests.support import FakeClock, memory_services
from tests.transfers.conftest import Site
from xapi_async.datamodel.classes import VM
from xapi_async.hypervisor.driver import DomainConfig
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.transfer.statistics.archives import Archive, Recording
from xapi_async.transfer.statistics.recorder import Recorder
from xapi_async.transfer.statistics.settings import StatisticsSettings
from xapi_async.transfer.statistics.updates import Question, Source, Table


def _values(archive: Archive) -> list[tuple[int, list[float]]]:
    return [(row.time, list(row.values)) for row in archive.rows]


def test_rows_are_averages_least_and_greatest_values_of_their_steps() -> None:
    recording = Recording(0, extremes=True)
    for time in range(5, 125, 5):
        recording.record(time, {"load": (float(time), 0.0, 1.0)})
    finest, minutes = recording.archives[:2]
    assert _values(finest)[:2] == [(5, [5.0]), (10, [10.0])]
    assert _values(minutes) == [(60, [32.5]), (120, [92.5])]
    least, greatest = (next(one for one in recording.archives if one.cf == cf) for cf in ("MIN", "MAX"))
    assert _values(least) == [(60, [5.0]), (120, [65.0])]
    assert _values(greatest) == [(60, [60.0]), (120, [120.0])]


def test_a_value_holds_until_the_next_but_not_for_ever() -> None:
    recording = Recording(0)
    recording.record(300, {"load": (1.0, 0.0, 1.0)})
    assert [values for _, values in _values(recording.archives[1])] == [[1.0]] * 5
    recording.record(605, {"load": (1.0, 0.0, 1.0)})
    assert all(math.isnan(values[0]) for _, values in _values(recording.archives[1])[5:])


def test_a_row_is_unknown_where_more_than_half_of_it_is() -> None:
    archive = Archive("AVERAGE", 10, 4, 0.5)
    for start, value in ((0, math.nan), (5, math.nan), (10, 4.0), (15, 6.0), (20, math.nan), (25, math.nan), (30, math.nan), (35, 1.0)):  # fmt: skip  # noqa: E501
        archive.record(start, start + 5, [value])
    (_, [first]), (_, [second]) = _values(archive)
    assert first == 5.0
    assert math.isnan(second)


def test_archives_are_bounded_however_long_the_time_between() -> None:
    recording = Recording(0)
    recording.record(5, {"load": (1.0, 0.0, 1.0)})
    recording.record(10_000_000_000, {"load": (1.0, 0.0, 1.0)})
    assert [len(archive.rows) for archive in recording.archives] == [120, 120, 168, 366]


def test_a_figure_that_comes_later_is_unknown_before() -> None:
    recording = Recording(0)
    recording.record(5, {"a": (1.0, 0.0, 1.0)})
    recording.record(10, {"a": (2.0, 0.0, 1.0), "b": (3.0, 0.0, 1.0)})
    recording.record(15, {"b": (4.0, 0.0, 1.0)})
    table = Table(Question(0), 15, [Source("vm", "u", recording)])
    assert table.legend == ["AVERAGE:vm:u:a", "AVERAGE:vm:u:b"]
    rows = [(time, list(table.values(time))) for time in table.times]
    assert rows == [(15, ["NaN", "4.0000"]), (10, ["2.0000", "3.0000"]), (5, ["1.0000", "NaN"])]


@pytest.mark.parametrize(
    ("start", "interval", "step"),
    [(99_900, 0, 5), (99_900, 60, 60), (99_000, 0, 60), (50_000, 0, 3600), (-10_000_000, 0, 86400), (0, 10**9, 86400)],
)
def test_the_finest_archive_that_goes_back_far_enough_answers(start: int, interval: int, step: int) -> None:
    assert Table(Question(start, interval), 100_000, []).step == step


async def test_as_many_guests_are_recorded_as_there_is_room_for() -> None:
    clock = FakeClock()
    hypervisor = SimulatedHypervisor(clock)
    async with memory_services(clock=clock, hypervisor=hypervisor) as services:
        for number in range(5):
            async with services.store.transaction() as tx:
                tx.create(VM, uuid=f"vm-{number}")
            await hypervisor.start(DomainConfig(f"vm-{number}", "host", "guest", True, 1, 1 << 30, 1 << 30))
        recorder = Recorder(services, StatisticsSettings(guests=3))
        clock.time += 5
        await recorder.record()
        assert [uuid for uuid, _ in recorder.running()] == ["vm-0", "vm-1", "vm-2"]
        assert recorder.guest("vm-4") is not None
        assert recorder.guest("vm-1") is not None
        assert [uuid for uuid, _ in recorder.running()] == ["vm-2", "vm-4", "vm-1"]
        assert recorder.guest("nobody") is None
        await hypervisor.destroy("vm-2")
        assert recorder.guest("vm-2") is not None, "what was recorded stays with a halted VM"
        async with services.store.transaction() as tx:
            tx.delete(tx.by_uuid(VM, "vm-2"))
        clock.time += 5
        await recorder.record()
        assert recorder.guest("vm-2") is None
        assert {uuid for uuid, _ in recorder.running()} == {"vm-4", "vm-1", "vm-0"}


# Over HTTP


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server where five seconds are soon over, with a VM that runs."""
    with (
        running(tmp_path_factory.mktemp("statistics"), environment={"XAPI_SERVER_SPEED": "100"}) as server,
        server.session() as session,
    ):
        yield Site(server, session)


@pytest.fixture(scope="module")
def guest(fast: Site) -> str:
    """The uuid of a VM that runs."""
    api = fast.api
    template = api.VM.get_by_name_label("Other install media")[0]
    vm = api.VM.clone(template, "measured")
    api.VM.provision(vm)
    api.VM.start(vm, False, False)
    return str(api.VM.get_uuid(vm))


def _updates(site: Site, **query: str) -> Any:
    answer = site.ask("GET", "/rrd_updates", **query)
    assert answer.status == 200
    return ElementTree.fromstring(answer.body)


def test_the_newest_rows_come_first(fast: Site, guest: str) -> None:
    def enough() -> Any:
        found = _updates(fast, start="-60", vm_uuid=guest)
        return found if len(found.findall("data/row")) >= 4 and found.findall("meta/legend/entry") else None

    table = until(enough)
    legend = [entry.text for entry in table.findall("meta/legend/entry")]
    assert f"AVERAGE:vm:{guest}:cpu0" in legend
    assert f"AVERAGE:vm:{guest}:memory" in legend
    times = [int(row.findtext("t")) for row in table.findall("data/row")]
    assert times == sorted(times, reverse=True)
    assert {before - after for before, after in itertools.pairwise(times)} == {5}
    meta = {name: int(table.findtext(f"meta/{name}")) for name in ("start", "step", "end", "rows", "columns")}
    assert meta == {"start": times[-1], "step": 5, "end": times[0], "rows": len(times), "columns": len(legend)}
    newest = [value.text for value in table.find("data/row").findall("v")]
    assert len(newest) == len(legend)
    memory = newest[legend.index(f"AVERAGE:vm:{guest}:memory")]
    assert re.fullmatch(r"\d+\.\d{4}", memory)


def test_there_is_no_white_space_and_headers_for_pages_of_other_sites(fast: Site) -> None:
    answer = fast.ask("GET", "/rrd_updates", start="-60", host="true", vm_uuid="none")
    assert re.search(rb">\s+<", answer.body) is None
    assert answer.body.startswith(b"<xport><meta><start>")
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "X-Requested-With"
    assert b"AVERAGE:host:" in answer.body
    assert b":vm:" not in answer.body


def test_the_looser_json(fast: Site, guest: str) -> None:
    answer = fast.ask("GET", "/rrd_updates", start="-60", json="true", vm_uuid=guest)
    assert answer.body.startswith(b"{meta: {start:")
    assert "content-type" not in answer.headers
    assert re.search(rb"data:\[\{t:\d+,values:\[", answer.body)


def test_a_whole_recording(fast: Site, guest: str) -> None:
    until(lambda: fast.ask("GET", "/vm_rrd", uuid=guest).body.count(b"<row>") > 3)
    answer = fast.ask("GET", "/vm_rrd", uuid=guest)
    assert answer.headers["content-type"] == "text/xml"
    root = ElementTree.fromstring(answer.body)
    assert [child.tag for child in root][:3] == ["version", "step", "lastupdate"]
    assert (root.findtext("version"), root.findtext("step")) == ("0003", "5")
    names = [one.findtext("name") for one in root.findall("ds")]
    assert {"cpu0", "memory"} <= set(names)
    shapes = [(one.findtext("cf"), one.findtext("pdp_per_row")) for one in root.findall("rra")]
    assert shapes == [("AVERAGE", steps) for steps in ("1", "12", "720", "17280")]
    assert all(len(row) == len(names) for row in root.findall("rra/database/row"))
    host = fast.ask("GET", "/host_rrd")
    assert host.headers["access-control-allow-origin"] == "*"
    names = [one.findtext("name") for one in ElementTree.fromstring(host.body).findall("ds")]
    assert {"cpu0", "memory_total_kib", "memory_free_kib", "pool_session_count"} <= set(names)
    assert fast.ask("GET", "/host_rrd", json="true").body.startswith(b'{version:"0003",step:5,lastupdate:')


def test_questions_without_an_answer(site: Site) -> None:
    assert site.ask("GET", "/rrd_updates").status == 400
    assert site.ask("GET", "/rrd_updates", start="soon").status == 400
    assert site.ask("GET", "/vm_rrd", uuid="nobody").status == 404
    assert site.ask("GET", "/sr_rrd").status == 400
    for path in ("/rrd_updates", "/vm_rrd", "/host_rrd", "/sr_rrd"):
        assert site.plain("GET", path, start="0").status == 401
    assert _updates(site, start="4000000000").findtext("meta/rows") == "0"
