"""VTPM: a virtual trusted platform module; a placeholder that cannot be created in this release."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import STRING, Ref


class VTPM(ApiClass):
    """A virtual trusted platform module; a placeholder that cannot be created in this release."""

    FACTS = ClassFacts("VTPM", events=False, constructor_destructor=True, get_all=False, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this virtual TPM.")
    VM = Field(Ref("VM"), RO_CONSTRUCTOR, "Virtual machine that the virtual TPM belongs to.")
    backend = Field(Ref("VM"), RO_CONSTRUCTOR, "Domain in which the back end of the virtual TPM runs.")
