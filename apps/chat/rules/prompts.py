"""What a program may say to /v1/completions, OpenAI's older shape: texts to go on from, asked as a user's question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.chat import errors
from apps.chat.rules.bodies import said_in, shown
from apps.chat.rules.completions import Completion, check_ignored, flag, what_is_asked, whole_number
from apps.chat.rules.limits import MAX_ANSWERS

# As long as an answer is where nobody says how long.
_USUAL_TOKENS = 16
# Of each token, how many others are told here.
MOST_LOGPROBS = 5
_SHADES = {
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "logit_bias",
}  # fmt: skip
_CARRIED = {"model", "n", "max_tokens", "stream", "stream_options", *_SHADES}
_READ = {"prompt", "echo", "suffix", "best_of", "logprobs"}


@dataclass(frozen=True, kw_only=True)
class Continuation(Completion):
    """What is asked: an answer, or several, to each of the prompts; `echo` says whether it begins with its prompt."""

    prompts: tuple[str, ...] = field(repr=False)
    echo: bool


def read_prompts(body: Any) -> Continuation:
    """The body of a request.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered, TokensNotTaken.
    """
    said = said_in(body)
    for name, value in said.items():
        if not check_ignored(name, value) and name not in _CARRIED and name not in _READ:
            raise errors.ParameterUnknown(param=shown(name))
    carried = {name: said[name] for name in _CARRIED if name in said}
    asked = what_is_asked({"max_tokens": _USUAL_TOKENS, **carried, **_logprobs(said)})
    prompts = _prompts(said)
    if len(prompts) * asked["answers"] > MAX_ANSWERS:
        raise errors.ParameterNotValid(param="prompt" if len(prompts) > MAX_ANSWERS else "n")
    _check_the_rest(said, answers=asked["answers"])
    requests = tuple([{"role": "user", "parts": [{"type": "text", "text": prompt}]}] for prompt in prompts)
    return Continuation(requests=requests, prompts=prompts, echo=flag(said, "echo"), **asked)


def _prompts(said: Mapping[str, Any]) -> tuple[str, ...]:
    if "prompt" not in said:
        raise errors.ParameterMissing(param="prompt")
    prompt = said["prompt"]
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts:
        raise errors.ParameterNotValid(param="prompt")
    if any(isinstance(each, int | list) and not isinstance(each, bool) for each in prompts):
        raise errors.TokensNotTaken(param="prompt")
    if not all(isinstance(each, str) for each in prompts):
        raise errors.ParameterNotValid(param="prompt")
    return tuple(prompts)


def _logprobs(said: Mapping[str, Any]) -> dict[str, Any]:
    """How many others each token could have been: here a number, of the answer's own tokens only."""
    number = said.get("logprobs")
    if number is None:
        return {}
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MOST_LOGPROBS:
        raise errors.ParameterNotValid(param="logprobs")
    if said.get("echo"):
        raise errors.ParameterNotOffered(param="logprobs")
    return {"logprobs": True, "top_logprobs": number}


def _check_the_rest(said: Mapping[str, Any], *, answers: int) -> None:
    """What would make it another answer."""
    if not isinstance(said.get("suffix", ""), str):
        raise errors.ParameterNotValid(param="suffix")
    if said.get("suffix"):
        raise errors.ParameterNotOffered(param="suffix")
    if "best_of" in said and whole_number(said, "best_of", most=20) != answers:
        raise errors.ParameterNotOffered(param="best_of")
