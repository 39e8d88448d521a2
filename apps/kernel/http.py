"""How we talk to providers: bounded, without redirects, without the machine's proxies."""

import httpx2


def client(base_url: str, *, read_timeout: float = 8.0, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """A client whose calls raise httpx2.TimeoutException after 3 s to connect or `read_timeout` seconds of silence."""
    return httpx2.Client(
        base_url=base_url,
        timeout=httpx2.Timeout(connect=3.0, read=read_timeout, write=5.0, pool=3.0),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
        headers={"User-Agent": "chatloop"},
    )
