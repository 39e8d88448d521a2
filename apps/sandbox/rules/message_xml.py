"""The XML of the official account: messages out, passive replies in."""

from collections.abc import Mapping
from xml.etree import ElementTree

# Integers stand bare in WeChat's XML, texts in CDATA.
Fields = Mapping[str, str | int]


class NotXml(Exception):
    """The text is not one flat element `xml`, or tries to define entities."""


def render(fields: Fields) -> str:
    """One line of XML with the fields in the order given."""
    return "<xml>" + "".join(f"<{name}>{_value(value)}</{name}>" for name, value in fields.items()) + "</xml>"


def entity_bomb(message: str) -> str:
    """The message with ten entities, each ten times the one before, and their sum as its first field."""
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE xml [<!ENTITY e0 "ha">{laughs}]>'
    return bomb + message.replace("<xml>", "<xml><Boom>&e9;</Boom>", 1)


def parse(text: bytes) -> dict[str, str]:
    """The fields of one message; raises NotXml."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise NotXml("entities are refused")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # DOCTYPE is refused above
    except ElementTree.ParseError as error:
        raise NotXml(str(error)) from None
    if root.tag != "xml":
        raise NotXml("the root is not xml")
    return {child.tag: child.text or "" for child in root}


def _value(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    # A CDATA section cannot hold its own end; it is split across two.
    return f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"
