"""What providers mean by their codes, and the token that Zhipu takes."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.chat.engine import kinds
from apps.chat.engine.attempt_notes import Blame
from apps.chat.engine.dialects import Dialect, zhipu_token
from apps.chat.engine.upstream_errors import Complaint
from apps.sandbox.rules.model_keys import is_accepted

# As its own SDK makes it of this key at this time, for 210 s; ours lives for 300.
AT, KEY = datetime.fromtimestamp(1_700_000_000, UTC), "simid0001.simsecret0001"
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ."
    "eyJhcGlfa2V5Ijoic2ltaWQwMDAxIiwiZXhwIjoxNzAwMDAwMjEwMDAwLCJ0aW1lc3RhbXAiOjE3MDAwMDAwMDAwMDB9."
    "RiWu-jpMJKOlR1yfi_XKyje_FqB2-Rc1w-4ZhX_ZItY"
)


def test_a_token_is_the_one_that_zhipus_own_sdk_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.chat.engine.dialects._TOKEN_LIFE", timedelta(seconds=210))

    assert zhipu_token(KEY, now=AT) == TOKEN
    assert zhipu_token("sk-without-a-secret", now=AT) == "sk-without-a-secret"


def test_the_sandbox_takes_a_token_as_long_as_it_lives_and_no_other() -> None:
    at = 1_700_000_000_000

    def takes(token: str, now_ms: int = at) -> bool:
        return is_accepted(f"Bearer {token}", key="simsecret0001", now_ms=now_ms)

    assert takes(TOKEN)
    assert takes("simsecret0001")
    assert not takes(TOKEN, at + 210_000)
    assert not takes(TOKEN[:-1] + "Z")
    assert not takes("simsecret0002")
    assert not is_accepted("simsecret0001", key="simsecret0001", now_ms=at)


@pytest.mark.parametrize(
    ("kind", "status", "error", "code", "blame"),
    [
        (kinds.Zhipu, 429, {"code": "1113"}, "upstream_arrears", Blame.KEY),
        (kinds.Zhipu, 429, {"code": "1308"}, "upstream_arrears", Blame.KEY),
        (kinds.Zhipu, 429, {"code": "1302"}, "upstream_busy", Blame.CALL),
        (kinds.Zhipu, None, {"code": "1305"}, "upstream_busy", Blame.CALL),
        (kinds.Zhipu, None, {"code": "1002"}, "upstream_key_refused", Blame.KEY),
        (kinds.Zhipu, 400, {"code": "1211"}, "upstream_model_unknown", Blame.MODEL),
        (kinds.Zhipu, 400, {"code": "1214"}, "request_refused", Blame.QUESTION),
        (kinds.Zhipu, 400, {"code": "1261"}, "context_too_long", Blame.QUESTION),
        (kinds.Zhipu, 400, {"code": "1301"}, "content_refused", Blame.QUESTION),
        (kinds.OpenAI, 429, {"code": "insufficient_quota"}, "upstream_arrears", Blame.KEY),
        (kinds.OpenAI, 429, {"code": "credit_balance_exhausted"}, "upstream_arrears", Blame.KEY),
        (kinds.OpenAI, 429, {"code": "rate_limit_exceeded"}, "upstream_busy", Blame.CALL),
        (kinds.DeepSeek, 402, {"code": "invalid_request_error"}, "upstream_arrears", Blame.KEY),
        (kinds.Qwen, 400, {"code": "Arrearage"}, "upstream_arrears", Blame.KEY),
        (kinds.Qwen, 400, {"code": "data_inspection_failed"}, "content_refused", Blame.QUESTION),
        (kinds.Qwen, 403, {"code": "Throttling.RateQuota"}, "upstream_busy", Blame.CALL),
        (kinds.Moonshot, 429, {"type": "exceeded_current_quota_error"}, "upstream_arrears", Blame.KEY),
        (kinds.Moonshot, 400, {"type": "content_filter"}, "content_refused", Blame.QUESTION),
        (kinds.Moonshot, 429, {"type": "engine_overloaded_error"}, "upstream_busy", Blame.CALL),
        # Elsewhere the same number means nothing.
        (kinds.Ollama, 500, {"code": "1308"}, "upstream_failed", Blame.CHANNEL),
    ],
)
def test_what_a_provider_means(
    kind: type[kinds.OpenAICompatible], status: int | None, error: dict[str, str], code: str, blame: Blame
) -> None:
    said = Complaint.read({"error": error}).as_error(status)

    understood = Dialect(codes=kind.codes).understood(said)

    assert (understood.code, understood.blame) == (code, blame)


def test_kinds_have_codes_of_their_own() -> None:
    codes = [kind.code for kind in kinds.ALL]

    assert len(set(codes)) == len(codes) == 8
