"""SM: a storage driver installed on the hosts, with its abilities and settings."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, STRING, STRING_MAP, STRING_SET, Map


class SM(ApiClass):
    """A storage driver installed on the hosts, with its abilities and settings."""

    FACTS = ClassFacts("SM")
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this storage driver record.")
    name_label = Field(STRING, RO_RUNTIME, "Display name of the storage driver.", default="")
    name_description = Field(
        STRING, RO_RUNTIME, "Free text saying what kind of storage the driver handles.", default=""
    )
    type = Field(STRING, RO_RUNTIME, "Driver name as used in the type field of a repository.")
    vendor = Field(STRING, RO_RUNTIME, "Company that supplies the storage driver.")
    copyright = Field(STRING, RO_RUNTIME, "Copyright notice of the storage driver.")
    version = Field(STRING, RO_RUNTIME, "Version of the storage driver itself.")
    required_api_version = Field(STRING, RO_RUNTIME, "Version of the storage interface that the driver needs.")
    configuration = Field(
        STRING_MAP, RO_RUNTIME, "Connection settings the driver understands, each with a short explanation."
    )
    capabilities = Field(
        STRING_SET,
        RO_RUNTIME,
        "Names of the driver's features without versions; deprecated, see features.",
        default=(),
        released="deprecated clearwater",
    )
    features = Field(
        Map(STRING, INT),
        RO_RUNTIME,
        "Features that the driver offers, each with its version number.",
        default={},
        released="published clearwater",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients' own use.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )
    driver_filename = Field(
        STRING, RO_RUNTIME, "Path of the driver program on the host.", default="", released="published orlando"
    )
    required_cluster_stack = Field(
        STRING_SET,
        RO_RUNTIME,
        "Cluster stacks of which one must run for this driver; empty means none.",
        default=(),
        released="published dundee",
    )
