"""No log carries what is nobody else's business: prompts, answers, openids, codes, keys."""

import json
from uuid import uuid4

from tests.member import Member
from tests.site import Site


def test_the_logs_are_discreet(site: Site) -> None:
    prompt = f"我的秘密是 {uuid4().hex}"
    with Member(site.url) as member:
        member.sign_in()
        reply = " ".join(member.phone("text", content="登录")["replies"])
        conversation = member.new_conversation()
        answer = member.say(conversation, prompt, model="demo-swift")
        order = member.order(member.get("/api/v1/products")[0])
        member.pay(order, notify="forged", outcome="fail")
        member.pay(order)
        member.http.post("/api/v1/chat/conversations", content="[" * 100_000)
        member.http.get(f"/api/v1/chat/conversations/{conversation}", params={"q": prompt})
        secrets = {
            "prompt": prompt[-32:],
            "answer": answer.text[-20:],
            "openid": member.openid,
            "reply": reply[-20:],
            "session": member.http.cookies["sessionid"],
            "csrf token": member.http.cookies["csrftoken"],
            "payment code": order["pay"]["content"],
        }
    keys = json.loads((site.var / "keys.json").read_text())
    secrets |= {f"key {name}": value for name, value in keys.items() if isinstance(value, str)}

    logs = {path.name: path.read_text() for path in (site.var / "log").iterdir()} | {"up.out": site.output()}

    assert logs
    assert [(log, name) for log, text in logs.items() for name, secret in secrets.items() if secret in text] == []
