"""vdi_nbd_server_info: one way to reach a disk image over the network block device protocol."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.types import INT, STRING


class VdiNbdServerInfo(ApiClass):
    """One way to reach a disk image over the network block device protocol."""

    FACTS = ClassFacts(
        "vdi_nbd_server_info",
        released="published inverness",
        in_database=False,
        persist=False,
        events=False,
        get_all=False,
    )
    exportname = Field(
        STRING,
        RO_RUNTIME,
        "Export name to request from the server; it contains a session reference, so keep it private.",
        released="published inverness",
    )
    address = Field(
        STRING, RO_RUNTIME, "IPv4 or IPv6 address at which the server listens.", released="published inverness"
    )
    port = Field(
        INT, RO_RUNTIME, "TCP port on which the server listens, normally 10809.", released="published inverness"
    )
    cert = Field(STRING, RO_RUNTIME, "TLS certificate of the server, in PEM form.", released="published inverness")
    subject = Field(
        STRING,
        RO_RUNTIME,
        "Host name to verify against the certificate when connecting with TLS.",
        released="published inverness",
    )
