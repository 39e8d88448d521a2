"""Operators' words by category, and where they were found: never in which text."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors, rules, services
from apps.chat.contracts import ListedWords, TextDirection, WordAction
from apps.chat.models import WordHit, WordList
from apps.kernel.admin import SHOWN, ConfigurationAdmin, Happening, ReadOnlyAdmin, ReasonedForm, Task, tell
from apps.kernel.errors import DomainError

# More in a box than somebody reads; what is entered there is then added to what is on the list.
_MOST_IN_A_BOX = 2_000


class WordListForm(ReasonedForm):
    """A list of words; a long one is changed by further words, or by a file."""

    words = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        label=gettext_lazy("words"),
        help_text=gettext_lazy("One on each line. Case, width, accents and traditional characters make no difference."),
    )
    allowed = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        label=gettext_lazy("allowed words"),
        help_text=gettext_lazy("Longer words in which words of any list may stand."),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("file"),
        help_text=gettext_lazy(
            "Replaces the words: UTF-8 text with one on each line. CSV, with “word” or “allowed” in a second column, "
            "replaces the allowed words, too."
        ),
    )

    class Meta:
        model = WordList
        fields = ("code", "name", "action", "is_enabled")

    def __init__(self, *args: Any, **options: Any) -> None:
        row = options.get("instance")
        self._present_words = services.listed_words(code=row.code) if row is not None else ListedWords()
        self._boxes = {
            name: len(listed) <= _MOST_IN_A_BOX
            for name, listed in (("words", self._present_words.words), ("allowed", self._present_words.allowed))
        }
        shown = {name: "\n".join(getattr(self._present_words, name)) for name, fits in self._boxes.items() if fits}
        digests = {"digests": f"{row.words_digest} {row.allowed_digest}"} if row is not None else {}
        options["initial"] = {**shown, **digests, **(options.get("initial") or {})}
        super().__init__(*args, **options)
        for name, fits in self._boxes.items():
            if not fits and name in self.fields:
                self.fields[name].label = _("further words") if name == "words" else _("further allowed words")
        if row is not None and "file" in self.fields:
            self.fields["file"].help_text = format_html(
                '{} <a href="{}">{}</a> · <a href="{}">{}</a>',
                self.fields["file"].help_text,
                reverse("admin:chat_wordlist_file", args=(row.pk, "csv")),
                _("Take it away as CSV"),
                reverse("admin:chat_wordlist_file", args=(row.pk, "txt")),
                _("as text"),
            )

    def clean(self) -> dict[str, Any]:
        """Read the boxes and the file; what is no word is told with its line."""
        cleaned = super().clean()
        cleaned["listed"] = ListedWords(words=self._read("words"), allowed=self._read("allowed"))
        if (file := cleaned.get("file")) is not None:
            try:
                # One byte more than there may be tells that there are too many.
                listed = rules.read_word_file(file.name, file.read(rules.MAX_FILE_BYTES + 1))
            except DomainError as refusal:
                self._tell("file", refusal)
            else:
                is_csv = file.name.lower().endswith(".csv")
                allowed = listed.allowed if is_csv else cleaned["listed"].allowed
                cleaned["listed"] = ListedWords(words=listed.words, allowed=allowed)
        return cleaned

    def _read(self, name: str) -> tuple[str, ...]:
        """The words that a box says, with those that were not shown in it."""
        try:
            entered = rules.read_words(self.cleaned_data.get(name) or "")
        except DomainError as refusal:
            self._tell(name, refusal)
            return ()
        there: tuple[str, ...] = () if self._boxes[name] else getattr(self._present_words, name)
        return tuple(dict.fromkeys((*there, *entered)))

    def _tell(self, field: str, refusal: DomainError) -> None:
        self.add_error(field, f"{self.page.explain(refusal)} ({refusal.code})")


_ACTIONS = {WordAction.REJECT: "bad", WordAction.MASK: "warn"}


@admin.register(WordList)
class WordListAdmin(ConfigurationAdmin):
    """Lists of words, each a category."""

    task = Task.CHAT
    form = WordListForm
    badges: ClassVar = {"action": _ACTIONS}
    empty_text = gettext_lazy("Nothing is looked for in questions and answers yet. Add a list of words for a category.")
    list_display = ("name", "code", "action", "word_count", "allowed_count", "is_enabled", "updated_at")
    list_filter = ("action", "is_enabled")
    ordering = ("code",)
    fields = ("code", "name", "action", "words", "allowed", "file", "is_enabled", "reason")

    def get_urls(self) -> list[Any]:
        """With that of a list as a file."""
        own = path("<uuid:pk>/words.<str:kind>", self.admin_site.admin_view(self.word_file), name="chat_wordlist_file")
        return [own, *super().get_urls()]

    def word_file(self, request: HttpRequest, pk: Any, kind: str) -> HttpResponse:
        """A list as a file, for whoever may look at it."""
        row = self.get_object(request, str(pk))
        if row is None or kind not in {"csv", "txt"} or not self.has_view_permission(request, row):
            raise Http404
        content = rules.word_file(services.listed_words(code=row.code), is_csv=kind == "csv")
        kind_of_text = "text/csv" if kind == "csv" else "text/plain"
        return HttpResponse(
            content,
            content_type=f"{kind_of_text}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{row.code}.{kind}"'},
        )

    def explain(self, refusal: DomainError) -> str:
        """With the numbers of the lines, or how many there may be."""
        if isinstance(refusal, errors.WordsNotValid):
            return _("No words that can be found stand in lines %(lines)s.") % {"lines": refusal.context["lines"]}
        if isinstance(refusal, errors.TooManyWords):
            return _("There may be %(limit)s words.") % {"limit": refusal.context["limit"]}
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: WordList, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        services.save_word_list(
            code=obj.code,
            name=obj.name,
            action=WordAction(obj.action),
            is_enabled=obj.is_enabled,
            listed=form.cleaned_data["listed"],
            **self.said(request, form),
        )
        obj.pk = WordList.objects.get(code=obj.code).pk


@admin.register(WordHit)
class WordHitAdmin(ReadOnlyAdmin):
    """That words were found, whose text it was and what happened; not which words, and not the text."""

    task = Task.CHAT
    badges: ClassVar = {"action": _ACTIONS}
    empty_text = gettext_lazy("Where words of the lists are found stands here, without the words and without the text.")
    list_display = ("created_at", "user", "found_by", "action", "direction", "times", "generation")
    list_filter = ("action", "direction")
    search_fields = ("=user__id", "=generation__id", "=found_by")
    ordering = ("-id",)


def _hits_of(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for hit in WordHit.objects.filter(user=member).order_by("-pk")[:SHOWN]:
        said = {"list": hit.found_by, "times": hit.times}
        is_question = hit.direction == TextDirection.QUESTION
        yield Happening(
            at=hit.created_at,
            title=(
                _("Words of %(list)s in a question, %(times)s×")
                if is_question
                else _("Words of %(list)s in an answer, %(times)s×")
            )
            % said,
            detail=hit.get_action_display(),
            tone=_ACTIONS.get(WordAction(hit.action), ""),
        )


tell("accounts.user", "chat.view_wordhit", _hits_of)
