"""PVS_proxy: a cache between one VM's network interface and its Citrix Provisioning servers."""

from __future__ import annotations

from xapi_async.datamodel.enums import PVS_PROXY_STATUS
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, NULL_REF, STRING, Ref


class PVSProxy(ApiClass):
    """A cache between one VM's network interface and its Citrix Provisioning servers."""

    FACTS = ClassFacts("PVS_proxy", released="published ely")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the proxy.", released="published ely")
    site = Field(
        Ref("PVS_site"),
        RO_CONSTRUCTOR,
        "Provisioning site from whose servers the VM streams its disk.",
        default=NULL_REF,
        released="published ely",
    )
    VIF = Field(
        Ref("VIF"),
        RO_CONSTRUCTOR,
        "Network interface whose provisioning traffic goes through the proxy.",
        default=NULL_REF,
        released="published ely",
    )
    currently_attached = Field(
        BOOL,
        RO_RUNTIME,
        "True while the VM's traffic is being redirected through the proxy.",
        default=False,
        released="published ely",
    )
    status = Field(
        PVS_PROXY_STATUS,
        RO_RUNTIME,
        "What the proxy is doing, or why it does not cache.",
        default="stopped",
        released="published ely",
    )

    MESSAGES = (
        Message(
            "create",
            "Put a proxy on a VM's first network interface, starting it at once if that is plugged.",
            (
                Param("site", Ref("PVS_site")),
                Param("VIF", Ref("VIF")),
            ),
            result=Ref("PVS_proxy"),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "destroy",
            "Remove the proxy, stopping it first if it is running.",
            (Param("self", Ref("PVS_proxy")),),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
    )
