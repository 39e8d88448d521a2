"""Members who buy: WeChat Pay as the order tests know it."""

from tests.integration.orders.wechat_server import wechat

__all__ = ["wechat"]
