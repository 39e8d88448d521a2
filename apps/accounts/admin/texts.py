"""What the official account says, for operators: a row where it differs from the default, none where it does not."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import services
from apps.accounts.errors import ReplyTextNotValid
from apps.accounts.models import ReplyText
from apps.kernel import clock
from apps.kernel.admin import ConfigurationAdmin, Task, actor, reason_action


@admin.register(ReplyText)
class ReplyTextAdmin(ConfigurationAdmin):
    """Operators' wordings."""

    task = Task.MEMBERS
    refused_fields: ClassVar = {ReplyTextNotValid: "text"}
    empty_text = gettext_lazy("Every reply has its default wording. Add one to say it in other words.")
    list_display = ("key", "text")
    ordering = ("key",)
    fields = ("key", "default", "text", "reason")
    readonly_fields = ("default",)
    actions = ("back_to_default",)

    @admin.display(description=gettext_lazy("Default"))
    def default(self, row: ReplyText) -> str:
        """The wording of the code, whose placeholders a new wording may use; before a key is chosen, all of them."""
        known = services.reply_texts()
        if row.key:
            return known.get(row.key, "–")
        return "\n\n".join(f"{key}:\n{text}" for key, text in known.items())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The key of an existing row names it for programs and stays."""
        return ("default",) if obj is None else ("key", "default")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The key is one of those that exist."""
        if db_field.name == "key":
            return forms.ChoiceField(choices=[(key, key) for key in services.reply_texts()], label=_("Key"))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ReplyText, form: Any, change: bool) -> None:
        """Through the service, which writes the trail."""
        services.save_reply_text(key=obj.key, text=obj.text, **self.said(request, form))
        # What was saved is the service's row; the admin shows and logs that one.
        obj.pk = ReplyText.objects.values_list("pk", flat=True).get(key=obj.key)

    @reason_action(description=gettext_lazy("Back to the default"), permission="accounts.change_replytext")
    def back_to_default(self, request: HttpRequest, queryset: QuerySet[ReplyText], reason: str) -> None:
        """Say what the code says again."""
        for key in list(queryset.values_list("key", flat=True)):
            services.reset_reply_text(key=key, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))
