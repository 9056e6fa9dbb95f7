"""Which networking records are not kept without others."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.operations.networking.vif import delete_vif
from xapi_async.operations.orphans import Deleters, Needs, collector

NEEDS: Needs = {
    VIF: {"VM": VM, "network": Network},
    PVSProxy: {"site": PVSSite, "VIF": VIF},
    PVSServer: {"site": PVSSite},
    PVSCacheStorage: {"site": PVSSite, "host": Host},
}

DELETERS: Deleters = {VIF: delete_vif}

collect_orphans = collector(NEEDS, DELETERS)
