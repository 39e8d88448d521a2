"""What a prompt of the library may be, and how many there are. What programs send instead of messages: prompts.py."""

import re

from apps.chat import errors
from apps.chat.rules.titles import title_from
from apps.kernel.characters import show_something

MAX_PROMPT_TITLE = 60
MAX_PROMPT_TEXT = 4_000
MAX_CATEGORY = 24
PROMPTS_PER_MEMBER = 50
# Of the operators', in their order: what is listed, and what an empty chat shows of them and of the member's own.
LISTED_STARTERS = 60
SHOWN_STARTERS = 8
SHOWN_OWN_PROMPTS = 4

# Neither text nor a line's end.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def check_prompt(*, title: str, text: str) -> tuple[str, str]:
    """Title and text as they are kept: without space around them, a title on one line, lines ended by "\\n".

    Without a title that can be seen it is called by the beginning of its text. Raises PromptNotValid.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not show_something(text) or len(text) > MAX_PROMPT_TEXT or _CONTROL.search(text):
        raise errors.PromptNotValid(field="text")
    title = " ".join(title.split())
    title = title if show_something(title) else title_from(text)
    if len(title) > MAX_PROMPT_TITLE or _CONTROL.search(title):
        raise errors.PromptNotValid(field="title")
    return title, text
