"""Operators' words: saved with their history, in force at once, looked for in questions."""

import json
import threading
from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from django.db import IntegrityError, connections, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, rules, services
from apps.chat.contracts import ListedWords, Role, WordAction
from apps.chat.gateways.lexicon_builder import build_lexicon
from apps.chat.models import Generation, Message, WordHit, WordList, WordSheet
from apps.chat.rules import word_lists as limits
from apps.chat.services import word_lists
from apps.chat.words.gate import sift
from apps.chat.words.lexicon import Lexicon, Source
from apps.kernel import clock
from apps.kernel.errors import ReasonMissing
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import send
from tests.integration.chat.test_chain import arrange, refused

pytestmark = pytest.mark.django_db


def save_list(
    action: WordAction = WordAction.MASK, *words: str, code: str = "", allowed: tuple[str, ...] = (), **more: object
) -> None:
    services.save_word_list(
        code=code or action.value,
        name="Fruit",
        action=action,
        listed=ListedWords(words=words, allowed=allowed),
        actor="staff:x",
        reason="a test",
        now=clock.now(),
        **more,  # type: ignore[arg-type]
    )


def hits() -> list[tuple[str, str, str, int, bool]]:
    """What was found, and whether a generation has to do with it."""
    rows = WordHit.objects.order_by("pk")
    return [(hit.found_by, hit.action, hit.direction, hit.times, hit.generation_id is not None) for hit in rows]


def breaches() -> set[str]:
    """The numbers of what is false about what operators configure."""
    asked = [item for item in all_invariants() if item.number.startswith("I-62")]
    return {item.number for item in asked if find(item, now=clock.now()).breaches}


def test_what_is_masked_is_nowhere(rich_alice: Member, model: str) -> None:
    save_list(WordAction.MASK, "红苹果")

    asked = send(rich_alice.id, "給我紅 蘋果，红苹果！")

    (job,) = services.claim_jobs(limit=1, now=clock.now())
    kept = Message.objects.select_related("conversation").get(pk=asked.message.id)
    title = kept.conversation.title
    shown = "給我＊ ＊＊，＊＊＊！"
    assert (asked.message.text, kept.text, title, job.turns[-1].text) == (shown, shown, shown, shown)
    assert hits() == [("mask", "mask", "question", 2, True)]


def test_a_refused_word_refuses_the_question_and_changes_nothing(
    rich_alice: Member, alice_browser: Client, model: str
) -> None:
    save_list(WordAction.REJECT, "红苹果")
    save_list(WordAction.FLAG, "梨")
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id

    answer = alice_browser.post(
        f"/api/v1/chat/conversations/{conversation}/messages",
        {"content": "梨和红-苹-果", "model": "base", "client_id": "client-0001"},
        content_type="application/json",
        HTTP_ACCEPT_LANGUAGE="zh-hans",
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "words_refused")
    assert answer.json()["title"] == "消息里有不能发送的词语，没有扣费。"
    assert "苹" not in json.dumps(answer.json(), ensure_ascii=False)
    assert (Message.objects.count(), Generation.objects.count()) == (0, 0)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0
    assert hits() == [("flag", "flag", "question", 1, False), ("reject", "reject", "question", 1, False)]
    assert refused() == {"sensitive-words": 1}
    # Nothing of what was said is anywhere.
    assert "苹" not in json.dumps(list(WordHit.objects.values()), default=str, ensure_ascii=False)


def test_without_the_rule_questions_pass_as_they_are(rich_alice: Member, model: str) -> None:
    save_list(WordAction.REJECT, "红苹果")
    arrange("sensitive-words", is_on=False)

    assert send(rich_alice.id, "红苹果").message.text == "红苹果"
    assert hits() == []


def test_an_allowed_word_lets_what_is_in_it_pass(rich_alice: Member, model: str) -> None:
    save_list(WordAction.REJECT, "红苹果")
    save_list(WordAction.FLAG, code="fine", allowed=("红苹果派",))

    assert send(rich_alice.id, "红苹果派").message.text == "红苹果派"
    with pytest.raises(errors.WordsRefused):
        send(rich_alice.id, "红苹果派，红苹果")


def test_a_request_without_a_conversation_is_looked_through_as_a_whole(rich_alice: Member, model: str) -> None:
    save_list(WordAction.MASK, "plum")
    turns = [
        rules.text_turn(Role.USER, "a plum?"),
        rules.text_turn(Role.ASSISTANT, "PLUM."),
        rules.text_turn(Role.USER, "plums?"),
    ]

    services.start_generation(user_id=rich_alice.id, model="base", request=rules.request_of(turns), now=clock.now())

    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert [turn.text for turn in job.turns] == ["a ＊＊＊＊?", "＊＊＊＊.", "plums?"]
    assert hits() == [("mask", "mask", "question", 1, True), ("mask", "mask", "question", 1, True)]


def test_a_question_of_before_is_asked_again_as_the_lists_are_now(rich_alice: Member, model: str) -> None:
    first = send(rich_alice.id, "红苹果")
    services.stop_generation(user_id=rich_alice.id, generation_id=first.generation.id, now=clock.now())
    save_list(WordAction.MASK, "苹果")

    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=first.answer.id, model=None, client_id="again-0001", now=clock.now()
    )
    services.stop_generation(user_id=rich_alice.id, generation_id=again.generation.id, now=clock.now())
    save_list(WordAction.REJECT, "红")

    assert again.message.text == Message.objects.get(pk=first.message.id).text == "红＊＊"
    with pytest.raises(errors.WordsRefused):
        services.regenerate_answer(
            user_id=rich_alice.id, message_id=first.answer.id, model=None, client_id="again-0002", now=clock.now()
        )


@pytest.mark.parametrize(
    ("before", "after"), [((), ("苹果",)), (("苹果",), ()), (("苹果",), ("红苹",))], ids=["more", "fewer", "others"]
)
def test_the_same_client_id_is_the_same_question_whatever_the_lists_say_by_then(
    rich_alice: Member, model: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    save_list(WordAction.MASK, *before)
    first = send(rich_alice.id, "红苹果", client_id="client-0001")
    save_list(WordAction.MASK, *after)

    conversation = first.generation.conversation_id
    again = send(rich_alice.id, "红苹果", client_id="client-0001", conversation_id=conversation)

    assert (again.generation.id, again.message.text) == (first.generation.id, first.message.text)
    for other in ("绿苹果", "红苹果派", "红苹"):
        with pytest.raises(errors.ClientIdReused):
            send(rich_alice.id, other, client_id="client-0001", conversation_id=conversation)


def test_a_list_is_saved_with_who_and_why_and_its_words_stay() -> None:
    save_list(WordAction.MASK, "plum", "pear", allowed=("plum tree",))
    save_list(WordAction.MASK, "plum", "pear", allowed=("plum tree",))
    save_list(WordAction.MASK, "plum")

    entries = AuditEntry.objects.filter(action="chat.save_word_list").order_by("pk")
    said = [entry.after or {} for entry in entries]
    assert [after["word_count"] for after in said] == [2, 1]
    assert said[0]["words_digest"] == rules.digest_of("plum\npear")
    assert WordSheet.objects.get(digest=said[0]["words_digest"]).words == "plum\npear"
    assert services.listed_words(code="mask") == ListedWords(words=("plum",))
    assert services.listed_words(code="unknown") == ListedWords()
    assert breaches() == set()


def test_a_list_is_not_saved_without_a_reason_nor_with_more_words_than_there_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(word_lists, "MAX_WORDS_OF_ALL", 3)
    save_list(WordAction.MASK, "plum", "pear")

    with pytest.raises(errors.TooManyWords):
        save_list(WordAction.FLAG, "apple", allowed=("apple tree",))
    with pytest.raises(ReasonMissing):
        services.save_word_list(
            code="flag",
            name="Fruit",
            action=WordAction.FLAG,
            listed=ListedWords(),
            actor="staff:x",
            reason=" ",
            now=clock.now(),
        )

    assert [row.code for row in WordList.objects.all()] == ["mask"]


def test_sheets_and_hits_never_change(rich_alice: Member, model: str) -> None:
    save_list(WordAction.FLAG, "plum")
    send(rich_alice.id, "plum")

    for change in (
        lambda: WordSheet.objects.update(words="pear"),
        lambda: WordSheet.objects.all().delete(),
        lambda: WordHit.objects.update(times=9),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_the_audit_finds_a_list_whose_words_are_not_what_was_said() -> None:
    save_list(WordAction.MASK, "plum")
    WordList.objects.update(words_digest="0" * 64)

    assert {"I-62", "I-62-words"} <= breaches()


def test_what_is_switched_off_is_not_looked_for(rich_alice: Member, model: str) -> None:
    save_list(WordAction.REJECT, "plum", is_enabled=False)

    assert send(rich_alice.id, "plum").message.text == "plum"


def test_who_asks_after_a_long_list_has_changed_waits_for_its_words() -> None:
    save_list(WordAction.MASK, "plum")
    services.lexicon()

    save_list(WordAction.MASK, "pear", *map("".join, product("红绿蓝黄", repeat=6)))

    assert sift("plum, pear", services.lexicon()).text == "plum, ＊＊＊＊"


def test_who_asks_while_another_thread_makes_the_lexicon_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    save_list(WordAction.MASK, "plum")
    services.lexicon()
    begun, may_end = threading.Event(), threading.Event()
    asked: list[Lexicon] = []

    def ask() -> None:
        asked.append(services.lexicon())
        connections.close_all()

    def slowly(words: Mapping[Source, Sequence[str]]) -> Lexicon:
        begun.set()
        assert may_end.wait(20)
        return build_lexicon(words)

    monkeypatch.setattr(word_lists, "build_lexicon", slowly)
    save_list(WordAction.MASK, "pear")
    askers = [threading.Thread(target=ask) for _ in range(2)]

    askers[0].start()
    assert begun.wait(20)
    askers[1].start()
    askers[1].join(0.2)
    assert asked == []
    may_end.set()
    for asker in askers:
        asker.join(20)

    assert [sift("pear", one).text for one in asked] == ["＊＊＊＊", "＊＊＊＊"]


def test_who_waited_goes_by_the_lists_as_they_are_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed_meanwhile(words: Mapping[Source, Sequence[str]]) -> Lexicon:
        monkeypatch.setattr(word_lists, "build_lexicon", build_lexicon)
        save_list(WordAction.MASK, "cherry")
        return build_lexicon(words)

    save_list(WordAction.MASK, "pear")
    monkeypatch.setattr(word_lists, "build_lexicon", changed_meanwhile)

    assert sift("cherry, pear", services.lexicon()).text == "＊＊＊＊＊＊, pear"


def test_words_are_read_one_a_line_each_once() -> None:
    assert rules.read_words("\ufeffplum"[1:] + "\r\n\n  pear \nplum\n") == ("plum", "pear")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("plum\n***\n" + "蓝" * 41, "2, 3"), ("a\n" + "!\n" * 9, "2, 3, 4, 5, 6 …"), ("pl\x00um", "1"), ("x" * 201, "1")],
)
def test_lines_that_are_no_words_are_refused_with_their_number(text: str, lines: str) -> None:
    with pytest.raises(errors.WordsNotValid) as refusal:
        rules.read_words(text)

    assert refusal.value.context == {"lines": lines}


def test_a_file_is_read_as_it_is_written() -> None:
    listed = ListedWords(words=("plum", 'a "pear", ripe', "红苹果"), allowed=("plum tree",))

    assert rules.read_word_file("words.CSV", rules.word_file(listed, is_csv=True).encode()) == listed
    assert rules.read_word_file("words.txt", rules.word_file(listed, is_csv=False).encode("utf-8-sig")) == ListedWords(
        words=listed.words
    )
    assert rules.read_word_file("words.csv", b"plum\npear,word\n") == ListedWords(words=("plum", "pear"))


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\u2029"])
def test_a_sign_that_ends_lines_elsewhere_is_a_part_of_its_word(sign: str) -> None:
    listed = rules.read_word_file("words.csv", f'"plum{sign}tree",word\nfig\n'.encode())

    save_list(WordAction.MASK, *listed.words)

    assert services.listed_words(code="mask").words == (f"plum{sign}tree", "fig")
    assert sift("plum, plum tree", services.lexicon()).text == "plum, ＊＊＊＊ ＊＊＊＊"


@pytest.mark.parametrize(
    ("name", "content", "error", "context"),
    [
        ("a.txt", "苹果".encode("gb18030"), errors.WordFileNotValid, {}),
        ("a.txt", b"a" * (limits.MAX_FILE_BYTES + 1), errors.WordFileNotValid, {}),
        ("a.csv", b"word,use\nplum,word\npear,maybe\n", errors.WordsNotValid, {"lines": "3"}),
        ("a.csv", b"plum,word,more\n", errors.WordsNotValid, {"lines": "1"}),
        ("a.csv", b'plum\n"pear\n', errors.WordsNotValid, {"lines": "2"}),
        ("a.csv", b"plum,allowed\n***,allowed\n", errors.WordsNotValid, {"lines": "2"}),
    ],
    # Without these the name of a test would be as long as its file, and no process could be started in it.
    ids=["signs", "size", "use", "columns", "quotes", "letters"],
)
def test_a_bad_file_is_refused(name: str, content: bytes, error: type[Exception], context: dict[str, str]) -> None:
    with pytest.raises(error) as refusal:
        rules.read_word_file(name, content)

    assert refusal.value.context == context  # type: ignore[attr-defined]


def test_more_words_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WORDS", 2)

    with pytest.raises(errors.TooManyWords):
        rules.read_words("plum\npear\napple")
