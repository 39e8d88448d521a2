"""What points buy."""

from apps.marketing.exchange.services.buying import exchange
from apps.marketing.exchange.services.items import save_exchange_item
from apps.marketing.exchange.services.own_data import export_exchanges

__all__ = [
    "exchange",
    "export_exchanges",
    "save_exchange_item",
]
