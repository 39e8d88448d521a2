"""The kinds of channels; apps.py registers them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import OPENAI_COMPATIBLE
from apps.chat.engine import option_ways
from apps.chat.engine.option_ways import OptionWay, at_most, without
from apps.chat.registries import ChannelKind, Connection


class OpenAICompatible(ChannelKind):
    """Chat completions over HTTP, as OpenAI and most others offer them."""

    code = OPENAI_COMPATIBLE
    label = _("OpenAI compatible")
    # As OpenAI is asked to; who cannot says so.
    searches = True
    # What its errors mean beyond those that all share, by the provider's own code or type.
    codes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    # What becomes of the options that it does not take as OpenAI does.
    option_ways: ClassVar[Mapping[str, OptionWay]] = MappingProxyType({})
    # Else of a Dialect.
    ways: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def connect(self) -> Connection:
        """A connection by the openai client, in this provider's dialect."""
        # Slow, and for the engine alone.
        from apps.chat.engine.dialects import Dialect  # noqa: PLC0415
        from apps.chat.engine.openai_compatible import OpenAIConnection  # noqa: PLC0415

        return OpenAIConnection(Dialect(codes=self.codes, option_ways=self.option_ways, **self.ways))


class OpenAI(OpenAICompatible):
    """OpenAI itself: an empty account is a 429 as its limits are, and the limit of an answer has its newer name."""

    code = "openai"
    label = _("OpenAI")
    public_url = "https://api.openai.com/v1"
    codes = MappingProxyType(
        {
            "credit_balance_exhausted": "upstream_arrears",
            "billing_hard_limit_reached": "upstream_arrears",
            "organization_spend_limit_exceeded": "upstream_arrears",
            "project_spend_limit_exceeded": "upstream_arrears",
            "billing_not_active": "upstream_arrears",
        }
    )
    ways = MappingProxyType({"limit_name": "max_completion_tokens", "wants_base64": True})


class Zhipu(OpenAICompatible):
    """GLM: numbers for errors, of which those about money come as 429; usage without being asked; tokens for keys."""

    code = "zhipu"
    label = _("Zhipu GLM")
    public_url = "https://open.bigmodel.cn/api/paas/v4"
    codes = MappingProxyType(
        {
            **dict.fromkeys(("1000", "1001", "1002", "1003", "1004", "1005"), "upstream_key_refused"),
            # The account does not exist, or is locked.
            **dict.fromkeys(("1110", "1111", "1112", "1121"), "upstream_key_refused"),
            # The day's or month's share of the account is used up, or its plan is over.
            **dict.fromkeys(("1304", "1308", "1309", "1310"), "upstream_arrears"),
            "1211": "upstream_model_unknown",
            "1234": "upstream_failed",
            **dict.fromkeys(("1302", "1303", "1305", "1312"), "upstream_busy"),
        }
    )
    option_ways = MappingProxyType(
        {
            **without("presence_penalty", "frequency_penalty", "seed", "logit_bias", "verbosity"),
            **without("logprobs", "top_logprobs", "style"),
            # It knows "auto" only, which is what it does anyway; calls that nobody wants are not heard.
            **without("tool_choice", "parallel_tool_calls"),
            **at_most("temperature", 1),
            "stop": option_ways.one_stop,
            "response_format": option_ways.no_schema,
            "reasoning_effort": option_ways.thinking,
            "web_search_options": option_ways.search_tool,
        }
    )

    def connect(self) -> Connection:
        """As the others, with tokens in place of keys."""
        from apps.chat.engine.dialects import Dialect, zhipu_token  # noqa: PLC0415
        from apps.chat.engine.openai_compatible import OpenAIConnection  # noqa: PLC0415

        return OpenAIConnection(
            Dialect(
                codes=self.codes,
                option_ways=self.option_ways,
                wants_usage=False,
                # CogView draws one image, and says where it lies.
                gives_bytes=False,
                takes_number=False,
                authorization=zhipu_token,
            )
        )


class DeepSeek(OpenAICompatible):
    """DeepSeek: 402 for an empty account, comments while it thinks, an end of its own when it is overloaded."""

    code = "deepseek"
    label = _("DeepSeek")
    public_url = "https://api.deepseek.com/v1"
    searches = False
    option_ways = MappingProxyType(
        {
            **without("seed", "logit_bias", "verbosity", "parallel_tool_calls", "web_search_options"),
            "response_format": option_ways.no_schema,
            "reasoning_effort": option_ways.thinking_or_effort,
        }
    )


class Qwen(OpenAICompatible):
    """Qwen at DashScope: words for errors, of which that about money comes as 400."""

    code = "qwen"
    label = _("Qwen")
    public_url = "https://dashscope.aliyuncs.com/compatible-mode/v1"
    codes = MappingProxyType(
        {
            "InvalidApiKey": "upstream_key_refused",
            "Throttling": "upstream_busy",
            "Throttling.RateQuota": "upstream_busy",
            "Throttling.AllocationQuota": "upstream_busy",
            "ModelNotFound": "upstream_model_unknown",
        }
    )
    option_ways = MappingProxyType(
        {
            **without("frequency_penalty", "logit_bias", "verbosity"),
            # Less than two, it says.
            **at_most("temperature", 1.99),
            **at_most("top_logprobs", 5),
            "reasoning_effort": option_ways.thinking_enabled,
            "web_search_options": option_ways.search_enabled,
            "tool_choice": option_ways.auto_or_named,
        }
    )


class Moonshot(OpenAICompatible):
    """Moonshot: the error's type says what it is; usage may stand in the choice."""

    code = "moonshot"
    label = _("Moonshot")
    public_url = "https://api.moonshot.cn/v1"
    # It has a tool for that, which calls back: nobody here answers it.
    searches = False
    codes = MappingProxyType(
        {
            "exceeded_current_quota_error": "upstream_arrears",
            "rate_limit_reached_error": "upstream_busy",
            "engine_overloaded_error": "upstream_busy",
        }
    )
    option_ways = MappingProxyType(
        {
            **without("seed", "logit_bias", "verbosity", "parallel_tool_calls", "logprobs", "top_logprobs"),
            **without("web_search_options"),
            **at_most("temperature", 1),
            "reasoning_effort": option_ways.thinking,
            "tool_choice": option_ways.none_or_auto,
        }
    )


class Ollama(OpenAICompatible):
    """Ollama, which open models run on: it takes any key."""

    code = "ollama"
    label = _("Ollama")
    searches = False
    option_ways = MappingProxyType(
        without("logit_bias", "verbosity", "tool_choice", "parallel_tool_calls", "web_search_options")
    )


class Sandbox(OpenAICompatible):
    """The sandbox's model server, which misbehaves by the model's name."""

    code = "sandbox"
    label = _("Sandbox")

    def own_key_url(self) -> str:
        """Where it is, in the set-up that has it."""
        return settings.OWN_MODELS_URL


ALL = (OpenAICompatible(), OpenAI(), Zhipu(), DeepSeek(), Qwen(), Moonshot(), Ollama(), Sandbox())
