"""The numbers and structures of the NBD protocol, as far as they are used here. All are big-endian."""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

GREETING = struct.pack(">8s8s", b"NBDMAGIC", b"IHAVEOPT")
OPTION_MAGIC = 0x49484156454F5054
OPTION_REPLY_MAGIC = 0x0003E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_REPLY_MAGIC = 0x67446698
STRUCTURED_REPLY_MAGIC = 0x668E33EF

OPTION = struct.Struct(">QII")  # magic, option, length of its data
OPTION_REPLY = struct.Struct(">QIII")  # magic, option, kind, length of its data
REQUEST = struct.Struct(">IHHQQI")  # magic, flags, command, cookie, offset, length
SIMPLE_REPLY = struct.Struct(">IIQ")  # magic, error, cookie
CHUNK = struct.Struct(">IHHQI")  # magic, flags, kind, cookie, length of its data
EXPORT_INFO = struct.Struct(">HQH")  # information type 0, size, flags
BLOCK_SIZE_INFO = struct.Struct(">HIII")  # information type 3; smallest, preferred, largest
PADDING = bytes(124)


class Handshake(IntFlag):
    """Flags of both sides before options."""

    FIXED_NEWSTYLE = 1
    NO_ZEROES = 2


class Option(IntEnum):
    """What a client may ask before it chooses an export."""

    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    STARTTLS = 5
    INFO = 6
    GO = 7
    STRUCTURED_REPLY = 8
    LIST_META_CONTEXT = 9
    SET_META_CONTEXT = 10


class Answer(IntEnum):
    """What a server says to an option."""

    ACK = 1
    INFO = 3
    META_CONTEXT = 4
    UNSUPPORTED = 0x80000001
    POLICY = 0x80000002
    INVALID = 0x80000003
    TLS_REQUIRED = 0x80000005
    UNKNOWN = 0x80000006


class Transmission(IntFlag):
    """Flags of an export."""

    HAS_FLAGS = 1
    READ_ONLY = 2
    SEND_FLUSH = 4
    SEND_DF = 128
    CAN_MULTI_CONN = 256


class Command(IntEnum):
    """What a client asks of an export."""

    READ = 0
    WRITE = 1
    DISC = 2
    FLUSH = 3
    BLOCK_STATUS = 7


class ChunkKind(IntEnum):
    """What a part of a structured reply holds."""

    NONE = 0
    OFFSET_DATA = 1
    BLOCK_STATUS = 5
    ERROR = 0x8001


DONE = 1
"""Flag of the last chunk of a reply."""

REQ_ONE = 8
"""Flag of a request for one extent only."""

HOLE_OF_ZEROS = 3
"""Status of an extent, in the context ``base:allocation``, that holds nothing."""
