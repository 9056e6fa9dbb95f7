"""How objects are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Durability = Literal["full", "normal", "none"]


@dataclass(frozen=True)
class StoreSettings:
    """How the database keeps objects. Raises ValueError for numbers that make no sense."""

    durability: Durability = field(
        default="full",
        metadata={
            "doc": "What an answered call survives: full: a loss of power; normal: a crash of the server, while a loss "
            "of power may take back the last calls; none: as normal, but a loss of power may damage the database."
        },
    )
    checkpoint_transactions: int = field(
        default=20_000,
        metadata={"doc": "Transactions in the journal before they are folded into the objects in the background."},
    )
    checkpoint_bytes: int = field(
        default=16_000_000, metadata={"doc": "Bytes in the journal before they are folded, however few transactions."}
    )

    def __post_init__(self) -> None:
        if self.checkpoint_transactions < 1 or self.checkpoint_bytes < 1:
            raise ValueError("checkpoint_transactions and checkpoint_bytes must be at least 1")
