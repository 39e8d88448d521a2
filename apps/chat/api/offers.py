"""What is on offer: models, what they can, and what they ask. Prices are integer milli-credits."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.chat import services
from apps.chat.contracts import Capability, ModelKind
from apps.kernel import clock
from apps.kernel.api import Endpoint, shown


class PerTokensOutput(serializers.Serializer[Any]):
    """What a thousand tokens cost, in milli-credits; an answer's cost is rounded up once."""

    input_milli = serializers.IntegerField()
    cached_input_milli = serializers.IntegerField(
        source="cached_milli", help_text="of input that the provider says it still knew"
    )
    output_milli = serializers.IntegerField(help_text="of the answer and the thoughts before it")


class ImageRateOutput(serializers.Serializer[Any]):
    """What an image costs that is asked for so, in milli-credits."""

    size = serializers.CharField()
    quality = serializers.CharField(help_text="empty: any that has no rate of its own")
    price_milli = serializers.IntegerField(source="milli")


class ExtrasOutput(serializers.Serializer[Any]):
    """What an answer costs on top for which `think` or `search` is asked, in milli-credits; 0 where it is included."""

    think_milli = serializers.IntegerField()
    search_milli = serializers.IntegerField()


class Models(Endpoint):
    """GET /api/v1/chat/models: what is on offer, at which price, and if it cannot be asked now, why."""

    scope = "chat"
    unpaged_list = True

    class Output(serializers.Serializer[Any]):
        """One model; `reason` is the code of the refusal that asking it would get."""

        id = serializers.CharField()
        name = serializers.CharField()
        kind = serializers.ChoiceField(choices=ModelKind.choices, help_text="in chats texts and images are asked for")
        capabilities = serializers.ListField(
            child=serializers.ChoiceField(choices=Capability.choices), help_text="what it can that can be used here"
        )
        price = serializers.IntegerField(
            source="price_milli", allow_null=True, help_text="milli-credits per answer; null by the token and per image"
        )
        price_per_1000_tokens = PerTokensOutput(source="per_tokens", allow_null=True)
        price_per_image_milli = serializers.IntegerField(source="image_milli", allow_null=True)
        image_rates = ImageRateOutput(many=True, help_text="what images of some sizes cost instead")
        offer = serializers.CharField(help_text="the version of this price, to be sent back with a question")
        extras = ExtrasOutput()
        context_tokens = serializers.IntegerField(help_text="what is asked and answered fits in these")
        max_output_tokens = serializers.IntegerField(help_text="the longest answer")
        in_free_allowance = serializers.BooleanField(help_text="free uses of the day pay for it first")
        entitled = serializers.BooleanField()
        entitled_until = serializers.DateTimeField(allow_null=True, help_text="when a right of some days ends")
        affordable = serializers.BooleanField()
        has_own_key = serializers.BooleanField(help_text="asked with the member's own key: nothing is charged")
        answering = serializers.BooleanField(help_text="false while a question would fail at once, at no cost")
        reason = serializers.CharField(allow_blank=True)

    def get(self, request: Request) -> Response:
        """The models, in the operators' order."""
        offers = services.models_for(user_id=self.user_id, now=clock.now())
        return Response([shown(self.Output, offer) for offer in offers])
