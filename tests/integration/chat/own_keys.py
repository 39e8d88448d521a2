"""Members with keys of their own, in tests: a provider that the site takes for the kind's, and what a member enters."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import LazySettings

from apps.chat import services
from apps.chat.contracts import OwnKeyState, Policy
from apps.kernel import clock
from apps.kernel.ids import UserId
from tests.integration.chat.conftest import set_limits
from tests.integration.chat.upstream import Upstream, answer, running_upstream

KIND = "sandbox"
OWN = "sk-a-members-own-key-0001"


@contextmanager
def provider(settings: LazySettings) -> Iterator[Upstream]:
    """Where keys of the kind are asked, with the model "base" served by an operators' channel of the same kind."""
    with running_upstream() as running:
        settings.OWN_MODELS_URL = running.url
        services.save_channel(code="test", kind=KIND, base_url=running.url, api_key="sk-test-secret", now=clock.now())
        services.save_model(code="base", name="Base", price_milli=1000, now=clock.now())
        services.save_route(model_code="base", channel_code="test", upstream_name="up-base", now=clock.now())
        running.scripts["up-base"] = answer("fine")
        yield running


def enter(user_id: UserId, api_key: str | None = OWN, *, kind: str = KIND, **more: object) -> OwnKeyState:
    """A member enters a key, or changes what becomes of the one that there is."""
    return services.save_own_key(user_id=user_id, kind=kind, api_key=api_key, now=clock.now(), **more)  # type: ignore[arg-type]


def allow_own_addresses() -> None:
    """As operators do."""
    set_limits(**{name: value for name, value in vars(Policy()).items() if name != "allows_own_addresses"})
    policy = Policy(max_unpaid_per_day=1000, free_per_day=0, allows_own_addresses=True)
    services.save_policy(policy=policy, now=clock.now())
