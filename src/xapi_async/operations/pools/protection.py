"""What keeps the failover plan whole: checks for whoever is about to change what it rests on.

A change is refused only where there is a plan now and there would be none afterwards.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.pools.planning import RESTART, Answer, Supposing, answer, situation
from xapi_async.operations.vm.features import find_pool


def require_plan_without(reader: Reader, host: str) -> None:
    """Check that a host can be done without. Raises HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN []."""
    require_plan(reader, Supposing(without=frozenset({host})))


def require_plan_with(reader: Reader, vm: VM, host: str) -> None:
    """Check that a VM can come to a host, as it starts, resumes or moves. Raises as :func:`require_plan_without`."""
    if vm.ha_restart_priority == RESTART and not vm.ha_always_run:
        require_plan(reader, Supposing(protecting=frozenset({vm.ref})))
    else:
        require_plan(reader, Supposing(arriving={vm.ref: host}))


def require_plan_protecting(reader: Reader, vm: VM) -> None:
    """Check that a VM can be protected too. Raises as :func:`require_plan_without`."""
    require_plan(reader, Supposing(protecting=frozenset({vm.ref})))


def require_plan_for(reader: Reader, failures: int) -> None:
    """Check that so many hosts can be planned for. Raises as :func:`require_plan_without`."""
    if is_guarded(reader):
        found = situation(reader)
        if _is_whole(reader) and answer(found, failures) is not Answer.ALL:
            raise _broken()


def require_plan(reader: Reader, supposing: Supposing) -> None:
    """Check that a change leaves the plan whole. Raises HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN []."""
    if not is_guarded(reader) or not _is_whole(reader):
        return
    if answer(situation(reader, supposing), _planned(reader)) is not Answer.ALL:
        raise _broken()


def is_guarded(reader: Reader) -> bool:
    """Whether high availability is on and may not be overcommitted."""
    pool = find_pool(reader)
    return pool is not None and pool.ha_enabled and not pool.ha_allow_overcommit


def _is_whole(reader: Reader) -> bool:
    return answer(situation(reader), _planned(reader)) is Answer.ALL


def _planned(reader: Reader) -> int:
    pool = find_pool(reader)
    return pool.ha_plan_exists_for if pool else 0


def _broken() -> ApiError:
    return ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
