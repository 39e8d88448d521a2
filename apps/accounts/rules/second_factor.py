"""The operators' second factor, and how often anybody may be wrong about it."""

from datetime import datetime, timedelta

# A backup code is ten signs of 22: 44 bits, and every guess is counted.
BACKUP_CODES = 10
BACKUP_CODE_LENGTH = 10
SECOND_FACTOR_STEP_SECONDS = 30
WRONG_SECOND_FACTORS = 5
WRONG_SECOND_FACTORS_WINDOW = timedelta(minutes=5)


def second_factor_steps(now: datetime) -> range:
    """The steps whose codes an authenticator may show now (RFC 6238, section 5.2), oldest first.

    One to either side of the present: clocks differ, and people type slowly.
    """
    present = int(now.timestamp()) // SECOND_FACTOR_STEP_SECONDS
    return range(present - 1, present + 2)
