"""What an event of an answer says."""

import json

import pytest

from apps.chat.engine import deltas, documents
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.chat.registries import Delta


def choice(**said: object) -> str:
    return json.dumps({"choices": [said]})


@pytest.mark.parametrize(
    ("event", "delta"),
    [
        (choice(delta={"content": "a"}), Delta(text="a")),
        (choice(delta={"content": None, "refusal": "I will not."}), Delta(text="I will not.")),
        (choice(delta={"content": [{"type": "text", "text": "a"}, {"text": 1}, "b"]}), Delta(text="a")),
        (choice(delta={"reasoning_content": "hm", "content": ""}), Delta(reasoning="hm")),
        (choice(delta={"reasoning": "hm"}), Delta(reasoning="hm")),
        (choice(delta={"reasoning": "hm", "reasoning_content": "hm"}), Delta(reasoning="hm")),
        (choice(delta={"thinking": "hm"}), Delta(reasoning="hm")),
        (choice(delta={"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}), Delta(reasoning="hm")),
        (
            choice(delta={"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
            Delta(reasoning="hm"),
        ),
        (
            choice(delta={"content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "a"}]}),
            Delta(text="a", reasoning="hm"),
        ),
        (choice(delta={"content": [{"type": ["thinking"], "text": "a"}]}), Delta(text="a")),
        (choice(delta={"reasoning": [[[[[["too deep"]]]]]]}), Delta()),
        (choice(message={"content": "whole"}, finish_reason="stop"), Delta(text="whole", finish_reason="stop")),
        (choice(delta={"content": 7}, finish_reason=5), Delta()),
        (choice(delta=[], finish_reason=["stop"]), Delta()),
        (choice(delta={"content": "a"}, finish_reason="null"), Delta(text="a")),
        (choice(finish_reason="a sentence of theirs"), Delta(finish_reason="unknown")),
        (choice(finish_reason="STOP"), Delta(finish_reason="stop")),
        (choice(finish_reason="MAX_TOKENS"), Delta(finish_reason="length")),
        (choice(finish_reason="SAFETY"), Delta(finish_reason="content_filter")),
        (choice(usage={"prompt_tokens": 3, "completion_tokens": 4}), Delta(prompt_tokens=3, completion_tokens=4)),
        ('{"choices": [], "usage": {"completion_tokens": true}}', Delta(usage_is_garbled=True)),
        (
            '{"choices": [], "usage": {"prompt_tokens": 3.5, "completion_tokens": 4}}',
            Delta(completion_tokens=4, usage_is_garbled=True),
        ),
        (
            '{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details":'
            ' {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 2}}}',
            Delta(prompt_tokens=9, completion_tokens=4, cached_tokens=8, reasoning_tokens=2),
        ),
        (
            '{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 7}}',
            Delta(prompt_tokens=9, completion_tokens=4, cached_tokens=7),
        ),
        (
            '{"choices": [], "usage": {"completion_tokens": 4, "prompt_tokens_details": null, "cached_tokens": 5}}',
            Delta(completion_tokens=4, cached_tokens=5),
        ),
        ("{}", Delta()),
    ],
)
def test_what_is_not_as_agreed_is_not_there(event: str, delta: Delta) -> None:
    assert deltas.Pieces().read(event) == delta


def test_what_was_said_in_pieces_is_not_said_again_as_a_whole() -> None:
    """MiniMax ends with the whole message; others send each piece as a message."""
    pieces, messages = deltas.Pieces(), deltas.Pieces()

    said = [
        pieces.read(choice(delta={"role": "assistant", "content": ""}, message={})),
        pieces.read(choice(delta={"content": "a"})),
        pieces.read(choice(message={"content": "ab", "reasoning_content": "hm"}, finish_reason="stop")),
    ]
    told = [messages.read(choice(message={"content": text})) for text in "ab"]

    assert said == [Delta(), Delta(text="a"), Delta(finish_reason="stop")]
    assert told == [Delta(text="a"), Delta(text="b")]


@pytest.mark.parametrize("event", ["", "no", "[]", '{"choices": "x"}', '{"choices": [1]}', "[" * 100_000, "9" * 5000])
def test_what_is_no_part_of_an_answer_is_unreadable(event: str) -> None:
    with pytest.raises(documents.Unreadable):
        deltas.Pieces().read(event)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "1113"}, "upstream_arrears"),
        ({"code": 1301}, "content_refused"),
        ({"type": "insufficient_quota", "code": None}, "upstream_arrears"),
        ("overloaded", "upstream_failed"),
        (["x"], "upstream_failed"),
    ],
)
def test_an_error_is_known_by_its_code(error: object, code: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        deltas.Pieces().read(json.dumps({"error": error}))

    assert raised.value.code == code


def test_an_error_may_stand_in_the_choice() -> None:
    with pytest.raises(UpstreamError) as raised:
        deltas.Pieces().read(choice(delta={}, error={"code": "1301"}, finish_reason="error"))

    assert raised.value.code == "content_refused"


def test_a_complaint_repeats_identifiers_and_never_a_sentence() -> None:
    error = {
        "message": "Unsupported parameter: the secret question",
        "code": "unsupported_parameter",
        "param": "max_tokens",
        "type": "the secret question",
    }

    complaint = Complaint.read({"error": error})

    assert complaint.wants_max_completion_tokens
    assert complaint.as_error(400).detail == "status 400, code unsupported_parameter, param max_tokens"
    assert not Complaint.read({"error": {"code": "invalid_value", "param": "max_tokens"}}).wants_max_completion_tokens


@pytest.mark.parametrize(
    "word",
    [
        "invalid_api_key",
        "1301",
        "InvalidParameter.NotSupportEnableThinking",
        "messages.[0].content",
        "messages[1].role",
    ],
)
def test_the_log_names_what_providers_name(word: str) -> None:
    assert Complaint.read({"error": {"param": word}}).param == word


@pytest.mark.parametrize(
    "word", ["sk-secret", "hunter2", "a1b2c3d4", "13800138000", "x" * 33, "a_" * 40, "eyJhbGciOiJIUzI1NiJ9.e30", "a b"]
)
def test_the_log_names_nothing_that_looks_like_a_key(word: str) -> None:
    complaint = Complaint.read({"error": {"code": word, "type": word, "param": word, "message": [word]}})

    assert complaint == Complaint()


@pytest.mark.parametrize(
    ("document", "code", "detail"),
    [
        ({"code": 1301, "msg": "the secret question"}, "content_refused", "code 1301"),
        ({"code": "InvalidParameter", "param": "top_p"}, "upstream_failed", "code InvalidParameter, param top_p"),
        ({"error": {"code": "1113"}}, "upstream_arrears", "code 1113"),
        ({"success": False}, "upstream_failed", ""),
    ],
)
def test_a_document_without_an_answer_is_an_error(document: object, code: str, detail: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        deltas.read_whole(json.dumps(document).encode())

    assert (raised.value.code, raised.value.detail) == (code, detail)
