"""Generated text says so wherever it goes: on the page, in the API, in saved files, in a member's own data."""

import json
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from random import Random
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import Asked
from apps.chat.rules import labels
from apps.kernel import clock
from tests.integration.chat.conftest import make_model, send
from tests.integration.chat.test_asking import finish
from tests.integration.chat.test_without_conversation import answered

pytestmark = pytest.mark.django_db

MARK = "内容由 AI 生成 · AI-generated"


@pytest.fixture
def asked(rich_alice: Member, model: str) -> Asked:
    """A question with an answer."""
    asked = send(rich_alice.id, "What is 'it'?\n---\nAIGC: no")
    assert finish(asked.generation.id, text="It's --- **this**: \u3010一\u3011")
    return asked


def file_of(browser: Client, asked: Asked, kind: str) -> str:
    answer = browser.get(f"/api/v1/chat/conversations/{asked.generation.conversation_id}/file?type={kind}")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    return answer.content.decode()


def verified(content: str, tmp_path: Path) -> str:
    """What `manage.py verify_label` prints."""
    file = tmp_path / "file"
    file.write_text(content, encoding="utf-8", newline="")
    said = StringIO()
    call_command("verify_label", file, stdout=said)
    return said.getvalue()


def test_markdown_has_the_mark_at_each_answer_and_at_its_end_and_the_record_in_front(
    asked: Asked, alice_browser: Client, tmp_path: Path
) -> None:
    text = file_of(alice_browser, asked, "markdown")

    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    conversation = asked.generation.conversation_id
    assert front.splitlines()[0] == "AIGC:"
    assert "  Label: '1'" in front
    assert "  ContentProducer: 'Chatloop'" in front
    assert f"  ProduceID: '{conversation}'" in front
    assert f"  PropagateID: '{conversation}'" in front
    assert f"It's --- **this**: 【一】\n\n> {MARK} · {asked.generation.id}" in body
    assert "What is 'it'?\n---\nAIGC: no" in body
    local = timezone.localtime(asked.message.created_at)
    assert f"\n## 我 · {local:%Y-%m-%d %H:%M}\n" in body
    assert body.rstrip().splitlines()[-1] == MARK
    assert body.count(MARK) == 2, "what a member wrote is not marked"
    assert "written by this site, and unchanged since" in verified(text, tmp_path)


def test_json_has_the_record_at_its_top_and_at_each_answer(asked: Asked, alice_browser: Client, tmp_path: Path) -> None:
    text = file_of(alice_browser, asked, "json")

    document = json.loads(text)
    label = document["AIGC"]
    question, answer = document["messages"]
    assert list(document)[0] == "AIGC"
    assert set(map(type, label.values())) == {str}
    assert (label["Label"], label["ContentPropagator"], document["notice"]) == ("1", "Chatloop", MARK)
    assert "AIGC" not in question
    assert answer["AIGC"]["ProduceID"] == str(asked.generation.id)
    assert answer["content"] == "It's --- **this**: 【一】"
    said = verified(text, tmp_path)
    assert f"produce id {asked.generation.conversation_id}" in said
    assert "written by this site, and unchanged since" in said


@pytest.mark.parametrize("kind", ["markdown", "json"])
@pytest.mark.parametrize("change", [("this", "that"), ("AI 生成", "我写"), ("Chatloop", "Somebody"), ("AIGC: no", "x")])
def test_a_file_that_was_changed_is_not_ours_any_more(
    asked: Asked, alice_browser: Client, tmp_path: Path, kind: str, change: tuple[str, str]
) -> None:
    text = file_of(alice_browser, asked, kind)
    assert change[0] in text

    with pytest.raises(CommandError, match="not as this site wrote it"):
        verified(text.replace(*change), tmp_path)


def test_labels_of_others_are_read_and_files_without_one_are_told_apart(tmp_path: Path) -> None:
    theirs = '---\ntitle: x\nAIGC:\n  Label: AIGC\n  ContentProducer: "00119100"\n  ProduceID: 42\n---\ntext\n'

    assert "producer   00119100" in verified(theirs, tmp_path)
    assert "producer   O'Neill" in verified(theirs.replace('"00119100"', "'O''Neill'"), tmp_path)
    assert "without a code" in verified('{"AIGC": {"Label": "2"}}', tmp_path)
    for none in (
        "",
        "# A title\n",
        "---\ntitle: x\n---\n",
        "[]",
        "{}",
        '{"AIGC": 5}',
        '{"AIGC": {"Label": "", "ContentProducer": "00119100"}}',
        "[" * 100_000,
        "\0",
        "PK\x03\x04x",
    ):
        with pytest.raises(CommandError, match="no AI label"):
            verified(none, tmp_path)
    binary = tmp_path / "picture.png"
    binary.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(CommandError, match="no AI label"):
        call_command("verify_label", binary)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_label", tmp_path / "nothing")


@pytest.mark.parametrize("packing", [ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
def test_a_broken_archive_is_told_as_a_file_without_a_label(packing: int) -> None:
    whole, dice = BytesIO(), Random(packing)
    with ZipFile(whole, "w", packing) as archive:
        archive.writestr("AIGC.json", '{"a": 1}' * 300)

    for _ in range(2000):
        broken = bytearray(whole.getvalue())
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(2, len(broken))] = dice.randrange(256)
        found = services.verify_label(content=bytes(broken[: dice.randrange(4, len(broken) + 1)]))
        assert not found.label


def test_a_file_of_before_the_key_was_changed_is_still_ours(
    asked: Asked, alice_browser: Client, tmp_path: Path, settings: LazySettings
) -> None:
    text = file_of(alice_browser, asked, "markdown")
    settings.SEALING_KEY_FORMER = [settings.SEALING_KEY]
    settings.SEALING_KEY = "another key of this site, of fifty characters and more"

    assert "unchanged since" in verified(text, tmp_path)


def test_somebody_else_s_conversation_is_no_file(asked: Asked, bob_browser: Client, visitor: Client) -> None:
    address = f"/api/v1/chat/conversations/{asked.generation.conversation_id}/file"

    assert bob_browser.get(address).json()["code"] == "conversation_not_found"
    assert visitor.get(address).status_code == 401


def test_every_generation_tells_its_produce_id(asked: Asked, alice_browser: Client) -> None:
    answer = alice_browser.get(f"/api/v1/chat/messages/{asked.answer.id}").json()

    assert answer["generation"]["produce_id"] == str(asked.generation.id)


def test_a_member_s_own_data_are_labelled(asked: Asked, rich_alice: Member) -> None:
    alone = answered(rich_alice)

    with accounts.export_own_data(user_id=rich_alice.id, now=clock.now() + timedelta(days=1)) as file:
        content = file.read()

    with ZipFile(BytesIO(content)) as archive:
        rows = {name: json.loads(archive.read(f"{name}.json")) for name in ("messages", "generations")}
    question, answer = rows["messages"]
    assert question["AIGC"] is None
    assert answer["AIGC"]["ProduceID"] == str(asked.generation.id)
    assert rows["generations"][0]["AIGC"]["ProduceID"] == str(alone.id)
    found = services.verify_label(content=content)
    assert (found.label, found.produce_id) == ("1", f"own-data-{rich_alice.id}")


@pytest.mark.parametrize("path", ["", "conversation"])
def test_the_page_says_it_below_the_transcript(asked: Asked, alice_browser: Client, path: str) -> None:
    page = alice_browser.get(f"/chat/{asked.generation.conversation_id}/" if path else "/chat/").content.decode()

    assert page.count(MARK) == 2, "the note, and what is copied with an answer"
    assert 'id="ai-note"' in page
    assert MARK == labels.VISIBLE_MARK


def test_everybody_reads_which_models_answer_and_their_registrations(
    visitor: Client, model: str, settings: LazySettings
) -> None:
    make_model("deep", sort=200)
    make_model("off", is_enabled=False)
    settings.MODEL_REGISTRATIONS = {"base": "千帆 Beijing-QianFan-20230831"}
    settings.SERVICE_REGISTRATION = "网信算备 110105 号"

    page = visitor.get("/models/").content.decode()

    assert "千帆 Beijing-QianFan-20230831" in page
    assert "网信算备 110105 号" in page
    assert page.count("list-row__title") == 2
    assert page.count("未填写此模型的备案号。") == 1
