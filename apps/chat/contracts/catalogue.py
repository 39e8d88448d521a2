"""What models are, and what they can."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ModelKind(TextChoices):
    """What a model makes of a question: an answer, pictures, or the numbers of a text. Only the first can be asked."""

    TEXT = "text", _("Text")
    IMAGE = "image", _("Images")
    EMBEDDING = "embedding", _("Embeddings")


class Capability(TextChoices):
    """What some models of texts can beside writing."""

    VISION = "vision", _("sees images")
    REASONING = "reasoning", _("thinks before it answers")
    TOOLS = "tools", _("uses tools")
    SEARCH = "search", _("searches the web")


class Tokenizer(TextChoices):
    """How a model cuts texts into tokens, where that is known; the values are the names of its tables."""

    BY_CODE = "by_code", _("As its code says")
    ESTIMATE = "estimate", _("Not known: estimated")
    O200K = "o200k_base", _("o200k (GPT-4o and later)")
    CL100K = "cl100k_base", _("cl100k (GPT-4, GPT-3.5)")
    HARMONY = "o200k_harmony", _("harmony (gpt-oss)")
    QWEN = "qwen3.5", _("Qwen 3.5")
