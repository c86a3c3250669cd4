"""Numbers and names of vertebrae, as the Spinal Cord Toolbox numbers them: 1 for C1, 8 for T1, 20 for L1, 25 for S1."""

from __future__ import annotations

OBLONGATA, C1, C2, T1, L1, L5, S1 = 0, 1, 2, 8, 20, 24, 25

REGIONS = ((C1, "C"), (T1, "T"), (L1, "L"), (S1, "S"))
"""Number of the first vertebra of each region, and the region's letter."""

OBLONGATA_NAME = "oblongata"


def vertebra_name(number: int) -> str:
    """Return the name of a vertebra, such as ``T12``; 0 is what lies above C1."""
    if number == OBLONGATA:
        return OBLONGATA_NAME
    first, letter = max(region for region in REGIONS if region[0] <= number)
    return f"{letter}{number - first + 1}"


NUMBERS = {vertebra_name(number): number for number in range(OBLONGATA, S1 + 1)}
"""Numbers by name, from top to bottom."""
