"""PVS_cache_storage: disk space on one host in which the proxies of a Citrix Provisioning site keep their cache."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, NULL_REF, STRING, Ref


class PVSCacheStorage(ApiClass):
    """Disk space on one host in which the proxies of a Citrix Provisioning site keep their cache."""

    FACTS = ClassFacts(
        "PVS_cache_storage", released="published ely", constructor_destructor=True, create_roles=POOL_OPERATOR
    )
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the cache storage.", released="published ely")
    host = Field(
        Ref("host"), RO_CONSTRUCTOR, "Host whose proxies use this cache.", default=NULL_REF, released="published ely"
    )
    SR = Field(
        Ref("SR"),
        RO_CONSTRUCTOR,
        "Storage repository in which the cache disk is made.",
        default=NULL_REF,
        released="published ely",
    )
    site = Field(
        Ref("PVS_site"),
        RO_CONSTRUCTOR,
        "Provisioning site whose data is cached.",
        default=NULL_REF,
        released="published ely",
    )
    size = Field(
        INT,
        RO_CONSTRUCTOR,
        "Size of the cache disk in bytes; 20 GiB unless told otherwise.",
        default=21474836480,
        released="published ely",
    )
    VDI = Field(
        Ref("VDI"),
        RO_RUNTIME,
        "Disk that holds the cache; remade when a proxy finds it missing.",
        default=NULL_REF,
        released="published ely",
    )
