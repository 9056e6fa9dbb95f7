"""PVS_site: a Citrix Provisioning site: servers with the same content, and the pool's proxies and caches for them."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import STRING, Ref, Set


class PVSSite(ApiClass):
    """A Citrix Provisioning site: servers with the same content, and the pool's proxies and caches for them."""

    FACTS = ClassFacts("PVS_site", released="published ely")
    uuid = Field(
        STRING,
        RO_RUNTIME,
        "Unique identifier of the record, not of the site itself; see PVS_uuid.",
        released="published ely",
    )
    name_label = Field(
        STRING,
        RW,
        "Name of the site, for people to read.",
        default="",
        setter_roles=POOL_OPERATOR,
        released="published ely",
    )
    name_description = Field(
        STRING,
        RW,
        "Longer text about the site, for people to read.",
        default="",
        setter_roles=POOL_OPERATOR,
        released="published ely",
    )
    PVS_uuid = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Identifier that the provisioning software gives the site; not checked to be unique.",
        default="",
        released="published ely",
    )
    cache_storage = Field(
        Set(Ref("PVS_cache_storage")),
        RO_RUNTIME,
        "Cache storages of the site, one for each host that has any.",
        default=(),
        foreign_key=False,
        released="published ely",
    )
    servers = Field(Set(Ref("PVS_server")), RO_RUNTIME, "Provisioning servers of the site.", released="published ely")
    proxies = Field(
        Set(Ref("PVS_proxy")), RO_RUNTIME, "Proxies of VMs that stream from this site.", released="published ely"
    )

    MESSAGES = (
        Message(
            "introduce",
            "Tell the pool of a provisioning site, without servers or caches as yet, and return its record.",
            (
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("PVS_uuid", STRING),
            ),
            result=Ref("PVS_site"),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "forget",
            "Delete the record of a site that has neither servers nor running proxies, and its cache storages.",
            (Param("self", Ref("PVS_site")),),
            roles=POOL_OPERATOR,
            errors=(
                "PVS_SITE_CONTAINS_RUNNING_PROXIES",
                "PVS_SITE_CONTAINS_SERVERS",
            ),
            released="published ely",
        ),
        Message(
            "set_PVS_uuid",
            "Change the identifier of the site in the provisioning software; no proxy may be running.",
            (
                Param("self", Ref("PVS_site")),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
    )
