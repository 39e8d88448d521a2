"""The operators' passwords and second factor, and how often anybody may be wrong about them."""

from datetime import datetime, timedelta

# Of operators only failures count: of one network, and of one user name there. Above fifty of a name from everywhere,
# a network may be wrong about it twice: who sits elsewhere and knows the password comes in whatever strangers try.
WRONG_PASSWORDS_PER_NETWORK = 20
WRONG_PASSWORDS_PER_NAME = 10
WRONG_PASSWORDS_PER_NAME_EVERYWHERE = 50
WRONG_PASSWORDS_PER_NAME_IN_FLOOD = 2
WRONG_PASSWORDS_WINDOW = timedelta(minutes=5)

# The operators' second factor. A backup code is ten signs of 22: 44 bits, and every guess is counted.
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
