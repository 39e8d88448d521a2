"""How long answers may take and be, and how much is shown at once; what operators set stands in the chat policy."""

from datetime import timedelta

# Nobody waits longer for an engine to take up a question.
QUEUE_LIMIT = timedelta(minutes=2)
# Answers that a program may ask for at once.
MAX_ANSWERS = 8
# What one answer may take and be at most, whatever upstream does.
MAX_ANSWER_SECONDS = 600
MAX_ANSWER_CHARS = 200_000
# What a channel may take unless operators say otherwise: answers at once in each engine, to connect, to the first word
# or thought, between two lines, and in all.
MAX_RUNNING = 80
CONNECT_MS = 5_000
FIRST_WORD_MS = 120_000
SILENCE_MS = 60_000
TOTAL_MS = 600_000
# Longer than a generation can wait and run together, so that only a bug leaves a hold past it.
HOLD_FOR = timedelta(minutes=30)
# Who cannot pay for so much of an answer by the token is refused; below the model's own limit, all of it.
LEAST_OUTPUT_TOKENS = 100
# What a short question comes to: whoever can pay for it and the least of an answer is offered the model.
SHORT_QUESTION_TOKENS = 50

# In which questions are counted against the operators' limit.
FREQUENCY_WINDOW = timedelta(minutes=1)
# Free answers of a day for who is white-listed: many, and still a number.
FREE_PER_DAY_WHEN_SPARED = 1_000
# No operator's typing error shuts out a continent: the shortest prefixes of a network that is held back.
SHORTEST_PREFIX = {4: 8, 6: 19}

# Above the operators' largest sensible limit of a message; the exact one is a rule with its own refusal.
MAX_BODY_CHARS = 200_000

LISTED_CONVERSATIONS = 100
SHOWN_MESSAGES = 500
# The newest ones of a branch, in a file that somebody takes away.
EXPORTED_MESSAGES = 10_000
MAX_SEARCH_HITS = 30
MAX_SEARCH_CHARS = 100
# Of a message that was found, in characters around the words.
SNIPPET_BEFORE, SNIPPET_AFTER = 30, 90
# Streams that one member may have open: a few devices with a few tabs each, and their programs.
STREAMS_PER_MEMBER = 24
