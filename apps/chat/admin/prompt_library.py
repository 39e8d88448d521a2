"""Prompts that operators offer to whoever begins a conversation."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors, services
from apps.chat.models import Starter
from apps.chat.rules.prompt_library import MAX_PROMPT_TEXT, MAX_PROMPT_TITLE
from apps.kernel.admin import ConfigurationAdmin, ReasonedForm, Task
from apps.kernel.errors import DomainError


class StarterForm(ReasonedForm):
    """A prompt of the library."""

    class Meta:
        model = Starter
        fields = ("code", "title", "text", "category", "language", "is_enabled", "sort")
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 8, "maxlength": MAX_PROMPT_TEXT})}
        help_texts: ClassVar = {
            "code": gettext_lazy("What it is called here. It stays; members do not see it."),
            "text": gettext_lazy(
                "Goes into the box to write in, and is sent by nobody but the member. What stands in double braces, "
                "like {{topic}}, is marked there to be filled in."
            ),
            "category": gettext_lazy("Prompts of one category stand together under its name; empty for no category."),
            "language": gettext_lazy("Whose pages are in another language is not offered it."),
            "is_enabled": gettext_lazy("Switched off, nobody is offered it."),
            "sort": gettext_lazy("The lowest stands first. An empty chat shows the first eight."),
        }


@admin.register(Starter)
class StarterAdmin(ConfigurationAdmin):
    """The operators' prompts; those of members are nobody's to read."""

    task = Task.CHAT
    form = StarterForm
    empty_text = gettext_lazy("An empty chat offers nothing to begin with yet. Add a prompt that members often need.")
    list_display = ("title", "category", "code", "language", "is_enabled", "sort", "updated_at")
    list_filter = ("category", "language", "is_enabled")
    search_fields = ("title", "text", "=code")
    ordering = ("sort", "code")

    def explain(self, refusal: DomainError) -> str:
        """How long it may be."""
        if isinstance(refusal, errors.PromptNotValid):
            return _("At most %(title)s characters in the title and %(text)s in the text, and neither empty.") % {
                "title": MAX_PROMPT_TITLE,
                "text": MAX_PROMPT_TEXT,
            }
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: Starter, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in StarterForm.Meta.fields}
        services.save_starter(**values, **self.said(request, form))
        obj.pk = Starter.objects.get(code=obj.code).pk
