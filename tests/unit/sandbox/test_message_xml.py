"""The official account's XML."""

import pytest

from apps.sandbox.rules import message_xml


def test_numbers_stand_bare_and_texts_in_cdata() -> None:
    assert message_xml.render({"A": "x<y", "B": 7}) == "<xml><A><![CDATA[x<y]]></A><B>7</B></xml>"


@pytest.mark.parametrize("text", ["", "登录", "a & b", "]]>", "x]]>]]>y", "<xml>"])
def test_what_is_written_is_read(text: str) -> None:
    assert message_xml.parse(message_xml.render({"Content": text}).encode()) == {"Content": text}


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"<xml>", b"<html></html>", b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><A>&a;</A></xml>'],
)
def test_what_is_not_a_message_is_refused(text: bytes) -> None:
    with pytest.raises(message_xml.NotXml):
        message_xml.parse(text)
