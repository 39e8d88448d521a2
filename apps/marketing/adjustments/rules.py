"""The time in which adjustments count together; how much they may be is a setting (APPROVAL_*)."""

from datetime import timedelta

# What one operator moves in 24 hours counts together: ten small gifts are one large one. A sum of the rows, not a
# counter of fixed days: at its turn it would let twice as much go.
APPROVAL_WINDOW = timedelta(days=1)
