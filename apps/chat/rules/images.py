"""What a program may say to /v1/images/generations, by OpenAI's names, and what images may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.chat import errors
from apps.chat.contracts import ImageQuality, ImageSize, PictureType
from apps.chat.rules.bodies import model_of, said_in, shown
from apps.chat.rules.requests import UNSTORABLE
from apps.kernel.characters import show_something

MAX_IMAGES = 10
# OpenAI's limit; operators' own for messages is a rule of the chain.
MAX_PROMPT_CHARS = 32_000
# What a provider may count for one of them: at OpenAI the largest, in high quality, is 6,240.
MOST_TOKENS_PER_IMAGE = 20_000
# Whatever leaves it to the model is said here as "": what a model makes of its own accord, its provider knows.
AUTO = "auto"
# All that prices know. Which of them a model knows, its provider says.
SIZES, QUALITIES = tuple(ImageSize.values), tuple(ImageQuality.values)
STYLES = ("vivid", "natural")
_FORMATS = {"png": PictureType.PNG, "jpeg": PictureType.JPEG}
_ANSWERS = ("b64_json", "url")
# How an image is to be written; of its own, and not its provider's.
OUTPUT_FORMAT, STYLE = "output_format", "style"

# What they may be without changing anything; any other value is not done here.
_AS_IT_IS: Mapping[str, tuple[Any, ...]] = {
    "background": ("auto", "opaque"),
    "moderation": ("auto",),
    "stream": (False,),
    "partial_images": (0,),
    "output_compression": (100,),
}
_NAMES = {"model", "prompt", "n", "size", "quality", STYLE, "response_format", OUTPUT_FORMAT, "user", *_AS_IT_IS}


@dataclass(frozen=True, kw_only=True)
class ImagesAsked:
    """What is asked. `size` and `quality` are "" where the model shall choose.

    `options` go with the request (STYLE, OUTPUT_FORMAT); `wants_links` says that links are wanted in place of bytes.
    """

    model: str
    prompt: str = field(repr=False)
    number: int
    size: str
    quality: str
    options: Mapping[str, str]
    wants_links: bool


def read_images(body: Any) -> ImagesAsked:
    """The body of a request. What is null is as if it were not there.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered (what is not done here),
    MessageTooLong, ModelNotFound.
    """
    said = said_in(body)
    for name in said:
        if name not in _NAMES:
            raise errors.ParameterUnknown(param=shown(name))
    if not isinstance(said.get("user", ""), str):
        raise errors.ParameterNotValid(param="user")
    model, prompt = model_of(said), _prompt(said)
    number = said.get("n", 1)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_IMAGES:
        raise errors.ParameterNotValid(param="n")
    for name, values in _AS_IT_IS.items():
        # 0 is no False here, nor False 0.
        if name in said and (type(said[name]), said[name]) not in [(type(value), value) for value in values]:
            raise errors.ParameterNotOffered(param=name)
    options = {}
    if (style := _word(said, STYLE, STYLES)) is not None:
        options[STYLE] = style
    if said.get(OUTPUT_FORMAT) == "webp":
        raise errors.ParameterNotOffered(param=OUTPUT_FORMAT)
    if (wanted := _word(said, OUTPUT_FORMAT, tuple(_FORMATS))) is not None:
        options[OUTPUT_FORMAT] = wanted
    return ImagesAsked(
        model=model,
        prompt=prompt,
        number=number,
        size=_choice(said, "size", SIZES),
        quality=_choice(said, "quality", QUALITIES),
        options=options,
        wants_links=_word(said, "response_format", _ANSWERS) == "url",
    )


def written_as(options: Mapping[str, Any]) -> PictureType | None:
    """What images are to be written as; None leaves it to how they came."""
    return _FORMATS.get(options.get(OUTPUT_FORMAT, ""))


def _prompt(said: Mapping[str, Any]) -> str:
    if "prompt" not in said:
        raise errors.ParameterMissing(param="prompt")
    prompt = said["prompt"]
    if not isinstance(prompt, str) or not show_something(prompt) or UNSTORABLE.search(prompt):
        raise errors.ParameterNotValid(param="prompt")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise errors.MessageTooLong(limit=MAX_PROMPT_CHARS, param="prompt")
    return prompt


def _choice(said: Mapping[str, Any], name: str, words: tuple[str, ...]) -> str:
    """One of the words; "" for what leaves it to the model."""
    word = _word(said, name, (AUTO, *words))
    return "" if word is None or word == AUTO else word


def _word(said: Mapping[str, Any], name: str, words: tuple[str, ...]) -> str | None:
    if name not in said:
        return None
    word = said[name]
    if not isinstance(word, str) or word not in words:
        raise errors.ParameterNotValid(param=name)
    return word
