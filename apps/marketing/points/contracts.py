"""The points of members, as their callers know them."""

# The code of the kind, and the ledger asset.
POINTS = "points"
