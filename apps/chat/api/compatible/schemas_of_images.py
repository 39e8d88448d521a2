"""Images in the description of /v1: how they are asked for, what is answered, and the links to them."""

from apps.chat.api.compatible.schemas import COUNT, TEXT, Schema, closed, list_of, or_null, whole
from apps.chat.rules.images import AUTO, MAX_IMAGES, MAX_PROMPT_CHARS, QUALITIES, SIZES, STYLES

LINK_PARAMETERS = [
    {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in (
        ("picture_id", {"type": "string", "format": "uuid"}),
        ("until", {"type": "integer", "minimum": 0}),
        ("signature", {"type": "string", "pattern": "^[0-9a-f]{64}$"}),
    )
]
PICTURE: Schema = {name: {"schema": {"type": "string", "format": "binary"}} for name in ("image/png", "image/jpeg")}


def parameters() -> dict[str, Schema]:
    """What a request to /v1/images/generations may name beside the model and the prompt; each may be null."""
    return {
        "n": whole(1, MAX_IMAGES),
        "size": {"enum": [AUTO, *SIZES]},
        "quality": {"enum": [AUTO, *QUALITIES]},
        "style": {"enum": list(STYLES)},
        "response_format": {"enum": ["b64_json", "url"]},
        "output_format": {"enum": ["png", "jpeg"]},
        "output_compression": {"const": 100},
        "background": {"enum": [AUTO, "opaque"]},
        "moderation": {"const": AUTO},
        "stream": {"const": False},
        "partial_images": {"const": 0},
        "user": TEXT,
    }


def schemas() -> dict[str, Schema]:
    """Of the request and of the answer, by their names."""
    beside = {name: or_null(schema) for name, schema in parameters().items()}
    prompt = {"type": "string", "minLength": 1, "maxLength": MAX_PROMPT_CHARS}
    image = closed(
        {"b64_json": TEXT, "url": TEXT, "revised_prompt": TEXT}, optional=("b64_json", "url", "revised_prompt")
    )
    parts = closed({"text_tokens": COUNT, "image_tokens": COUNT})
    usage = closed(
        {"input_tokens": COUNT, "input_tokens_details": parts, "output_tokens": COUNT, "total_tokens": COUNT}
    )
    told = {
        "created": COUNT,
        "data": list_of(image, least=1, most=MAX_IMAGES),
        "size": TEXT,
        "output_format": {"enum": ["png", "jpeg"]},
        "background": {"const": "opaque"},
        "quality": {"enum": list(QUALITIES)},
        "usage": usage,
    }
    return {
        "ImagesRequest": closed({"model": TEXT, "prompt": prompt, **beside}, optional=tuple(beside)),
        "Images": closed(told, optional=("quality", "usage")),
    }
