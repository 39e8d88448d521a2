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
