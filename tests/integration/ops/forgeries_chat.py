"""What a forger does to conversations and answers once their triggers are gone, and what may hold anything."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from typing import Any

from django.db.models import F, QuerySet
from PIL import Image

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import ListedWords, TextDirection, UpstreamCost, WordAction
from apps.chat.imaging.cleaning import clean
from apps.chat.models import (
    AnswerUsage,
    Attempt,
    BlockedNetwork,
    Channel,
    ChannelKey,
    ChatModel,
    ChatPolicy,
    ChatRule,
    Conversation,
    Entitlement,
    Generation,
    ImageRate,
    Message,
    ModelPrice,
    OwnKey,
    OwnPrompt,
    Picture,
    Report,
    Reveal,
    Route,
    RouteCost,
    Starter,
    WordHit,
    WordList,
    WordSheet,
)
from apps.chat.rules.reports import ReportReason, ReportState
from apps.chat.services.channels import rest_key
from apps.chat.services.pictures import part_of
from apps.kernel import clock
from apps.kernel.ids import UserId, new_id
from apps.kernel.sealing import seal
from tests.cast import member
from tests.integration.chat.conftest import send
from tests.integration.ops.forgeries_orders import Forgery, forced
from tests.rows import unguard_all


def moderate(alice: Member) -> None:
    """Operators say words, a rule and a network, and one of two keys rests; Alice is refused for a word, and reports
    two answers, of which one is looked at and decided.
    """
    now = clock.now()
    by: dict[str, Any] = {"actor": "staff:1", "reason": "a test", "now": now}
    listed = ListedWords(words=("plum",), allowed=("plum tree",))
    services.save_word_list(code="plums", name="Plums", action=WordAction.REJECT, listed=listed, **by)
    services.save_rule(code="black-list", is_on=True, place=5, **by)
    services.save_channel_key(channel_code="test", name="worn-out", api_key="sk-second", now=now)
    rest_key(key_id=ChannelKey.objects.get(name="worn-out").pk, reason="upstream_auth", now=now)
    services.save_network(network="203.0.113.0/24", note="a school", is_enabled=True, **by)
    with suppress(errors.WordsRefused):
        send(alice.id, "a plum")
    reports = [
        services.report_answer(
            user_id=alice.id, generation_id=answer, reason=ReportReason.WRONG, note="line 3", now=now
        ).id
        for answer in Generation.objects.filter(user_id=alice.id, state="finished").values_list("pk", flat=True)[:2]
    ]
    services.reveal_report(report_id=reports[0], **by)
    services.decide_report(report_id=reports[0], state=ReportState.UPHELD, result="You are right.", **by)
    send_pictures(alice)


def send_pictures(alice: Member) -> None:
    """Alice sent pictures, of which one waits and a question shows one; a model made one."""
    now, white = clock.now(), BytesIO()
    Image.new("RGB", (3, 2), "white").save(white, "PNG")
    sent = [services.upload_picture(user_id=alice.id, content=white.getvalue(), now=now).id for _ in range(2)]
    question = Message.objects.filter(user_id=alice.id, role="user").latest("pk")
    Picture.objects.filter(pk=sent[1]).update(message=question)
    Message.objects.filter(pk=question.pk).update(pictures=[part_of(Picture.objects.get(pk=sent[1]))])
    answered = Generation.objects.filter(user_id=alice.id, message__isnull=False).latest("pk")
    services.keep_made(
        row=answered, stored=services.store_made(pictures=[clean(white.getvalue(), is_made=True)]), now=now
    )


def bring_own_key(user_id: UserId) -> None:
    """A member has a key of their own."""
    now = clock.now()
    OwnKey.objects.create(
        user_id=user_id, kind="openai", api_key_sealed=seal("own_key", "sk-own"), updated_at=now, created_at=now
    )


def keep_prompts(user_id: UserId) -> None:
    """A member keeps a prompt, and operators offer one."""
    now = clock.now()
    OwnPrompt.objects.create(
        user_id=user_id, client_id="prompt-0001", title="Sum", text="Sum up.", updated_at=now, created_at=now
    )
    services.save_starter(code="sum", title="Sum", text="Sum up {{topic}}.", now=now)


def think() -> None:
    """An answer was thought about, and the thought was kept."""
    answer = Generation.objects.latest("pk")
    Generation.objects.filter(pk=answer.pk).update(reasoning="Greet them.")
    _find_words(answer)


def _find_words(answer: Generation) -> None:
    """Words were listed, and found in an answer."""
    for code in ("fruit", "weather"):
        services.save_word_list(
            code=code,
            name=code,
            action=WordAction.FLAG,
            listed=ListedWords(words=(code,)),
            actor="system",
            reason="a test",
            now=clock.now(),
        )
    WordHit.objects.create(
        found_by="fruit",
        action=WordAction.FLAG,
        direction=TextDirection.ANSWER,
        times=1,
        user_id=answer.user_id,
        generation=answer,
        created_at=answer.created_at,
    )


def _charged() -> QuerySet[Generation]:
    return Generation.objects.filter(charged_milli__gt=0)


def _flat() -> QuerySet[ModelPrice]:
    return ModelPrice.objects.filter(kind="per_answer")


def _by_token() -> QuerySet[Generation]:
    return Generation.objects.filter(price__kind="per_tokens")


def _used() -> QuerySet[AnswerUsage]:
    return AnswerUsage.objects.filter(price__kind="per_tokens")


def _price(model: str) -> ModelPrice:
    return ModelPrice.objects.get(code=f"{model}/1")


def _rate() -> ImageRate:
    return ImageRate.objects.all()[0]


def _at_anothers_price() -> None:
    forced(ChatModel.objects.filter(code="base"), price=_price("vip"))


def _of_images() -> None:
    forced(ChatModel.objects.filter(code="base"), kind="image")


def _at_a_question() -> None:
    """An answer that no conversation asked for is put where somebody asked something."""
    alone = Generation.objects.filter(message=None)
    forced(alone, message=Message.objects.filter(role="user").latest("pk"), request=None)


def _without_channel() -> None:
    """A model of another channel, whose own is gone."""
    channel = Channel.objects.get()
    gone, channel.pk, channel.code = channel.pk, new_id(), "mine"
    channel.save(force_insert=True)
    forced(Route.objects.all(), channel=channel)
    forced(ChannelKey.objects.all(), channel=channel)
    Channel.objects.filter(pk=gone).delete()


def _route(model: str) -> Route:
    return Route.objects.get(model__code=model)


def _worn_out() -> QuerySet[ChannelKey]:
    return ChannelKey.objects.filter(name="worn-out")


def _open() -> QuerySet[Report]:
    return Report.objects.filter(state="open")


def _decided() -> QuerySet[Report]:
    return Report.objects.exclude(state="open")


def _questions() -> QuerySet[Message]:
    return Message.objects.filter(role="user")


def _shown() -> QuerySet[Picture]:
    return Picture.objects.filter(message__role="user")


def _elsewhere() -> Conversation:
    """Another conversation of hers, with nothing in it."""
    return Conversation.objects.filter(head=None)[0]


def _at_a_later_cost() -> None:
    """An hour later the route costs nothing, and so did what was answered before."""
    free = UpstreamCost(input_microyuan=0, cached_microyuan=0, output_microyuan=0)
    later = clock.now() + timedelta(hours=1)
    services.save_route_cost(model_code="exact", channel_code="test", cost=free, now=later)
    forced(_used(), cost=RouteCost.objects.get(code="exact@test/2"), cost_microyuan=0)


def _at_no_cost() -> None:
    """Its route had a cost, and long before."""
    forced(RouteCost.objects.all(), created_at=clock.now() - timedelta(hours=1))
    forced(_used(), cost=None, cost_microyuan=None)


def _attempts_gone() -> None:
    unguard_all("chat_attempt")
    Attempt.objects.all()._raw_delete("default")


# What, how, and the number that names it.
NAMED: list[Forgery] = [
    ("an entitlement of an invented cause", lambda: forced(Entitlement.objects.all(), cause_type="gift"), "I-50-list"),
    ("a charge of nothing", lambda: forced(_charged(), charged_milli=1), "I-17"),
    ("a larger hold", lambda: forced(_charged(), held_milli=F("held_milli") + 1), "I-17"),
    ("somebody else's answer", lambda: forced(Generation.objects.all(), user_id=member("bob").id), "I-17-owner"),
    ("an answer at a question", _at_a_question, "I-17-owner"),
    ("a cheaper model", lambda: forced(ModelPrice.objects.filter(code="base/1"), answer_milli=1), "I-62"),
    ("a model at another's price", _at_anothers_price, "I-62"),
    ("an answer at another's price", lambda: forced(Generation.objects.all(), price=_price("vip")), "I-17-price"),
    ("an answer at a rate of another price", lambda: forced(_charged(), image_rate=_rate()), "I-17-price"),
    ("a rate that asks less", lambda: forced(ImageRate.objects.all(), milli=1), "I-62"),
    ("an answer at a price below its hold", lambda: forced(_flat(), answer_milli=7), "I-17-price"),
    ("a model at a price of what it does not make", _of_images, "I-17-price"),
    ("a longer answer", lambda: forced(_by_token(), max_output_tokens=9), "I-17-price"),
    ("a usage that charges less", lambda: forced(_used(), charged_milli=1), "I-17-usage"),
    ("a usage of fewer tokens", lambda: forced(_used(), output_tokens=3), "I-17-usage"),
    ("a usage that was cached", lambda: forced(_used(), cached_tokens=5), "I-17-usage"),
    ("a usage at another's price", lambda: forced(_used(), price=_price("vip")), "I-17-usage"),
    ("an answer that cost us less", lambda: forced(_used(), cost_microyuan=1), "I-17-usage"),
    ("an answer that was filtered", lambda: forced(_by_token(), finish_reason="content_filter"), "I-17-usage"),
    ("a route that costs us less", lambda: forced(RouteCost.objects.all(), output_microyuan=1), "I-62"),
    ("an answer that costs us what it does later", _at_a_later_cost, "I-17-usage"),
    ("an answer that cost us nothing", _at_no_cost, "I-17-usage"),
    ("an answer that was written elsewhere", lambda: forced(_by_token(), route=_route("vip")), "I-17-usage"),
    ("an attempt somewhere else", lambda: forced(Attempt.objects.all(), route=_route("vip")), "I-17-attempts"),
    ("answers that nobody attempted", _attempts_gone, "I-17-attempts"),
    ("a question of somebody else", lambda: forced(_questions(), user=member("bob").id), "I-17-messages"),
    ("a question asked elsewhere", lambda: forced(_questions(), conversation=_elsewhere()), "I-17-messages"),
    ("a report of somebody else", lambda: forced(_open(), user=member("bob").id), "I-66-reports"),
    ("a report that nobody decides", lambda: forced(_open(), due_at=clock.now() - timedelta(1)), "I-52-reports"),
    ("a decision of another day", lambda: forced(_decided(), decided_at=clock.now() - timedelta(1)), "I-66-decisions"),
    ("a key that sleeps for ever", lambda: forced(_worn_out(), sleeps_until=clock.now() + timedelta(9)), "I-52"),
    ("a price of another number", lambda: forced(ModelPrice.objects.all(), number=9), "I-17-price"),
    ("a model that nobody sees", lambda: forced(ChatModel.objects.filter(code="vip"), is_visible=False), "I-62"),
    ("a model for everybody", lambda: forced(ChatModel.objects.all(), needs_entitlement=False), "I-62"),
    ("a model of nobody", lambda: forced(ChatModel.objects.filter(code="base"), code="other"), "I-62"),
    ("a channel to elsewhere", lambda: forced(Channel.objects.all(), base_url="http://127.0.0.1:1/v1"), "I-62"),
    ("a key that is on again", lambda: forced(ChannelKey.objects.all(), is_enabled=False), "I-62"),
    ("a route under another name", lambda: forced(Route.objects.all(), upstream_name="cheaper"), "I-62"),
    ("a channel that is gone", _without_channel, "I-62"),
    ("more free answers", lambda: forced(ChatPolicy.objects.all(), free_per_day=1000), "I-62"),
    ("a rule that is asked no more", lambda: forced(ChatRule.objects.all(), is_on=False), "I-62"),
    ("a network that asks again", lambda: forced(BlockedNetwork.objects.all(), is_enabled=False), "I-62"),
    ("a list that only records", lambda: forced(WordList.objects.all(), action="flag"), "I-62"),
    ("a list of other words", lambda: forced(WordList.objects.all(), words_digest=F("allowed_digest")), "I-62"),
    ("a prompt that operators did not write", lambda: forced(Starter.objects.all(), text="x"), "I-62"),
    ("a rule that nobody wrote", lambda: forced(ChatRule.objects.all(), code="telepathy"), "I-02-codes"),
    ("a picture of somebody else", lambda: forced(_shown(), user=member("bob").id), "I-64-owner"),
    ("a picture without its file", lambda: forced(_shown(), bytes=F("bytes") + 1), "I-64-pictures"),
    ("a picture at another message", lambda: forced(_shown(), message=_questions()[0].pk), "I-64-owner"),
    ("a picture that is erased and shown", lambda: forced(_shown(), erased_at=clock.now()), "I-64-shown"),
    ("a channel of no kind", lambda: forced(Channel.objects.all(), kind="telepathy"), "I-02-codes"),
]

# What the database itself refuses, triggers or not.
REFUSED: list[tuple[str, Callable[[], Any]]] = [
    ("a version of a price that says another", lambda: ModelPrice.objects.update(answer_milli=1)),
    ("a rate that says another", lambda: ImageRate.objects.update(milli=1)),
    ("a rate that is gone", lambda: ImageRate.objects.all()._raw_delete("default")),
    ("a rate that stands twice", lambda: forced(ImageRate.objects.all(), size="512x512", quality="")),
    ("a version of a price that is gone", lambda: ModelPrice.objects.filter(code="vip/1")._raw_delete("default")),
    ("a usage that says another", lambda: AnswerUsage.objects.update(charged_milli=1)),
    ("a usage that is gone", lambda: _used()._raw_delete("default")),
    ("a cost of a route that says another", lambda: RouteCost.objects.update(input_microyuan=1)),
    ("an attempt that says another", lambda: Attempt.objects.update(code="mine")),
    ("an attempt that is gone", lambda: Attempt.objects.all()._raw_delete("default")),
    ("a sheet of other words", lambda: WordSheet.objects.update(words="x")),
    ("a hit that says another", lambda: WordHit.objects.update(times=9)),
    ("a hit that is gone", lambda: WordHit.objects.all()._raw_delete("default")),
    ("a look of somebody else", lambda: Reveal.objects.update(by="staff:2")),
    ("a look that is gone", lambda: Reveal.objects.all()._raw_delete("default")),
    ("a report that is gone", lambda: Report.objects.filter(state="open")._raw_delete("default")),
    ("a report of another answer", lambda: Report.objects.filter(state="open").update(reason="other")),
    ("a decision of somebody else", lambda: Report.objects.exclude(state="open").update(decided_by="staff:2")),
    ("a charge above its hold", lambda: forced(_charged(), charged_milli=F("held_milli") + 1)),
    ("a hold of nothing", lambda: forced(_charged(), held_milli=0, charged_milli=0)),
    ("a hold for a free answer", lambda: forced(Generation.objects.filter(paid_by="free"), held_milli=1)),
]

# Columns whose forged value is neither refused nor named, and why.
EXPLAINED: dict[str, str] = {
    "chat.AnswerVectors": "what was said, for the minutes until it is handed out; how many there were, the usage says",
    "chat.Attempt": "how channels were asked, for operators; where the last one did, its usage says",
    "chat.BlockedNetwork.created_at": "shown",
    "chat.BlockedNetwork.id": "a network goes by how it is written, and so does the trail",
    "chat.BlockedNetwork.updated_at": "shown",
    "chat.Channel.created_at": "shown",
    "chat.Channel.updated_at": "shown",
    "chat.ChannelHealth": "what failed lately: forged, a channel is left alone for minutes, or asked in vain; what lies"
    " further ahead than a pause is not waited for",
    "chat.ChannelKey.api_key_sealed": "encrypted with our key: what nobody sealed does not open",
    "chat.ChannelKey.created_at": "shown",
    "chat.ChannelKey.sleep_reason": "for operators",
    "chat.ChannelKey.sleeps_until": "when a key is tried again; saving it wakes it",
    "chat.ChannelKey.updated_at": "shown",
    "chat.ChatModel.created_at": "shown",
    "chat.ChatModel.updated_at": "shown",
    "chat.ChatPolicy.updated_at": "shown",
    "chat.ChatRule.created_at": "shown",
    "chat.ChatRule.id": "a rule goes by its code, and so does the trail",
    "chat.ChatRule.updated_at": "shown",
    "chat.Conversation.archived_at": "its owner's to change",
    "chat.Conversation.deleted_at": "hides a conversation from its owner, and never shows it again",
    "chat.Conversation.head": "which branch its owner sees; one of another conversation shows nothing",
    "chat.Conversation.title": "its owner's to change",
    "chat.Conversation.updated_at": "the order of a list",
    "chat.Generation.reasoning": "what was said, as of a message",
    "chat.Generation.request": "what was said, as of a message",
    "chat.Generation.options": "the same: what was said beside it",
    "chat.Generation.tool_calls": "what was said, as of a message; that it counts is a check of the database",
    "chat.Generation.logprobs": "how likely what was said was, as of a message",
    "chat.Generation.error_param": "told to whoever asked; nothing is decided by it",
    "chat.Generation.text": "what was said, as of a message",
    "chat.Message.ends_context": "what of a branch is sent with the next question: no more than was set aside for it",
    "chat.Message.text": "what was said: neither money nor a right; I-64 names it where it should be erased",
    "chat.Picture.erased_at": "what no conversation shows goes within a day; that one shows is named (I-64-shown)",
    "chat.Picture.revised_prompt": "what a model said of a picture, told with it and gone with it",
    "chat.OwnKey.api_key_sealed": "encrypted with our key: what nobody sealed does not open",
    "chat.OwnKey.base_url": "its member's to change; looked at when it is gone to",
    "chat.OwnKey.hint": "shown",
    "chat.OwnKey.is_enabled": "its member's to change",
    "chat.OwnKey.tested_at": "shown",
    "chat.OwnKey.updated_at": "shown",
    "chat.OwnPrompt.text": "its member's to change",
    "chat.OwnPrompt.title": "its member's to change",
    "chat.OwnPrompt.updated_at": "the order of a list",
    "chat.OwnPrompt.version": "which change comes first of two that its member made at once",
    "chat.RefusalCount": "how many questions rules refused, for operators: nothing is decided by it",
    "chat.Report.note": "what was said, as of a message",
    "chat.Report.result": "what its member is told; who decided, and what, the trail says",
    "chat.Route.created_at": "shown",
    "chat.Route.updated_at": "shown",
    "chat.Starter.created_at": "shown",
    "chat.Starter.id": "nothing points at it: a prompt goes by its code",
    "chat.Starter.updated_at": "shown",
    "chat.WordList.created_at": "shown",
    "chat.WordList.id": "nothing points at it: a list is named by its code",
    "chat.WordList.updated_at": "shown",
}
