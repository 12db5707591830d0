"""How a blob is divided for its transfer.

Source: ``ollama-store-registry-cli`` contract, 2.7.
"""

from __future__ import annotations

_PARTS = 16
_SMALLEST = 100_000_000
_LARGEST = 1_000_000_000


def part_size(total: int) -> int:
    """Bytes of each part but the last of a blob of ``total`` bytes."""
    return min(max(total // _PARTS, _SMALLEST), _LARGEST)
