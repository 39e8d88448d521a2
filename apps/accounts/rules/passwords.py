"""The operators' passwords, and how often anybody may be wrong about them."""

from datetime import timedelta

# Of operators only failures count: of one network, and of one user name there. Above fifty of a name from everywhere,
# a network may be wrong about it twice: who sits elsewhere and knows the password comes in whatever strangers try.
WRONG_PASSWORDS_PER_NETWORK = 20
WRONG_PASSWORDS_PER_NAME = 10
WRONG_PASSWORDS_PER_NAME_EVERYWHERE = 50
WRONG_PASSWORDS_PER_NAME_IN_FLOOD = 2
WRONG_PASSWORDS_WINDOW = timedelta(minutes=5)
