"""Operators' pages of words: in boxes and as files, and where words were found."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import ListedWords, WordAction
from apps.chat.models import WordHit, WordList
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import send
from tests.integration.chat.test_word_lists import save_list

pytestmark = pytest.mark.django_db

ADD = "/admin/chat/wordlist/add/"
FORM = {"code": "fruit", "name": "水果", "action": "mask", "is_enabled": "on", "reason": "a new law"}


def page_of(code: str = "mask") -> str:
    return f"/admin/chat/wordlist/{WordList.objects.get(code=code).pk}/change/"


def errors_of(page: object) -> dict[str, list[str]]:
    """What the form finds fault with."""
    return dict(page.context["adminform"].form.errors)  # type: ignore[attr-defined]  # a test client's answer


def test_a_list_is_added_with_its_words_one_on_each_line(operator_browser: Client) -> None:
    operator_browser.post(ADD, {**FORM, "words": "红苹果\r\n\r\nplum \r\n红苹果", "allowed": "plum tree"})

    assert services.listed_words(code="fruit") == ListedWords(words=("红苹果", "plum"), allowed=("plum tree",))
    assert AuditEntry.objects.get(action="chat.save_word_list").reason == "a new law"
    page = operator_browser.get(page_of("fruit")).content.decode()
    assert "红苹果\nplum" in page
    assert "plum tree" in page


def test_lines_that_are_no_words_are_told_and_nothing_is_saved(operator_browser: Client) -> None:
    page = operator_browser.post(ADD, {**FORM, "words": "plum\n***", "allowed": "!\nplum tree"})

    assert errors_of(page) == {
        "words": ["第 2 行不是可以查找的词语。 (words_not_valid)"],
        "allowed": ["第 1 行不是可以查找的词语。 (words_not_valid)"],
    }
    assert not WordList.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "listed"),
    [
        ("a.txt", "梨\n桃", ListedWords(words=("梨", "桃"), allowed=("plum tree",))),
        ("a.csv", "word,use\n梨,word\n梨花,allowed\n", ListedWords(words=("梨",), allowed=("梨花",))),
    ],
)
def test_a_file_replaces_the_words(operator_browser: Client, name: str, content: str, listed: ListedWords) -> None:
    save_list(WordAction.MASK, "plum", allowed=("plum tree",))
    file = SimpleUploadedFile(name, content.encode())

    operator_browser.post(page_of(), {**FORM, "words": "plum", "allowed": "plum tree", "file": file})

    assert services.listed_words(code="mask") == listed


def test_a_file_that_is_none_is_an_error_of_its_field(operator_browser: Client) -> None:
    save_list(WordAction.MASK, "plum")
    file = SimpleUploadedFile("a.txt", "梨".encode("gb18030"))

    page = operator_browser.post(page_of(), {**FORM, "words": "", "file": file})

    assert list(errors_of(page)) == ["file"]
    assert services.listed_words(code="mask").words == ("plum",)


def test_a_list_is_taken_away_as_a_file_that_can_be_brought_back(operator_browser: Client) -> None:
    save_list(WordAction.MASK, "红苹果", "plum", allowed=("plum tree",))
    folder = page_of().removesuffix("change/")

    csv, text = operator_browser.get(f"{folder}words.csv"), operator_browser.get(f"{folder}words.txt")

    assert csv.content.decode() == "word,use\n红苹果,word\nplum,word\nplum tree,allowed\n"
    assert text.content.decode() == "红苹果\nplum\n"
    assert csv["Content-Disposition"] == 'attachment; filename="mask.csv"'
    assert operator_browser.get(f"{folder}words.exe").status_code == 404


def test_words_are_for_operators_alone(operator_browser: Client, alice_browser: Client) -> None:
    save_list(WordAction.MASK, "plum")

    answer = alice_browser.get(page_of().removesuffix("change/") + "words.csv")

    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_of_a_long_list_the_box_takes_further_words(operator_browser: Client) -> None:
    many = tuple(f"w{number}" for number in range(2_001))
    save_list(WordAction.MASK, *many)

    page = operator_browser.get(page_of()).content.decode()
    operator_browser.post(page_of(), {**FORM, "words": "w7\nplum"})

    assert "w1999" not in page
    assert services.listed_words(code="mask").words == (*many, "plum")


def test_two_operators_do_not_undo_each_other(operator_browser: Client) -> None:
    save_list(WordAction.MASK, "plum")
    seen = operator_browser.get(page_of()).context["adminform"].form.initial["seen"]
    save_list(WordAction.MASK, "plum", "pear")

    page = operator_browser.post(page_of(), {**FORM, "words": "plum", "seen": seen})

    assert "__all__" in errors_of(page)
    assert services.listed_words(code="mask").words == ("plum", "pear")


def test_where_words_were_found_is_shown_without_them(rich_alice: Member, operator_browser: Client, model: str) -> None:
    save_list(WordAction.FLAG, "plum")
    send(rich_alice.id, "a very private plum")
    hit = WordHit.objects.get()

    for address in (
        "/admin/chat/wordhit/",
        f"/admin/chat/wordhit/{hit.pk}/change/",
        f"/admin/accounts/user/{rich_alice.id}/change/",
    ):
        page = operator_browser.get(address)
        assert page.status_code == 200
        assert "flag" in page.content.decode()
        assert "plum" not in page.content.decode()


def test_a_list_is_found_by_its_whole_name(operator_browser: Client) -> None:
    operator_browser.post(ADD, {**FORM, "name": "广告与引流", "words": "plum"})

    page = operator_browser.get("/admin/chat/wordlist/").content.decode()

    assert f'<a href="{page_of("fruit")}">广告与引流</a>' in page
