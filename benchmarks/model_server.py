"""A model server that costs next to nothing and writes the time into its words: `benchmarks/model_server.py PORT`.

A question is three numbers: the seconds before the first word, how many words follow it, and the seconds between two
of these (0: all of them as fast as they are taken).
"""

import asyncio
import json
import sys
import time

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WORDS_AT_ONCE = 50
HEARTBEAT_SECONDS = 10


def word(text: str) -> bytes:
    """The event of one more word."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}, "index": 0}]}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """As HTTP sends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


END = chunk(
    b'data: {"choices": [{"delta": {}, "finish_reason": "stop", "index": 0}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 3}}\n\n'
    b"data: [DONE]\n\n"
) + chunk(b"")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the questions of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            if b"content-length" not in fields:
                return  # somebody who only looks whether we are here
            question = json.loads(await reader.readexactly(int(fields[b"content-length"])))
            hold, count, pause = question["messages"][-1]["content"].split()
            if question.get("stream"):
                await answer(writer, float(hold), int(count), float(pause))
            else:
                await say_at_once(writer, int(count))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def answer(writer: asyncio.StreamWriter, hold: float, count: int, pause: float) -> None:
    """One answer."""
    writer.write(HEAD)
    for _ in range(int(hold // HEARTBEAT_SECONDS)):
        await asyncio.sleep(HEARTBEAT_SECONDS)
        writer.write(chunk(b": still there\n\n"))
    await asyncio.sleep(hold % HEARTBEAT_SECONDS)
    writer.write(chunk(word(f"{time.monotonic():.6f} ")))
    while count > 0:
        now = 1 if pause else min(count, WORDS_AT_ONCE)
        await asyncio.sleep(pause)
        # Each word an event and a chunk of its own, as providers send them.
        writer.write(chunk(word(f"{time.monotonic():.6f} ")) * now)
        await writer.drain()
        count -= now
    writer.write(END)
    await writer.drain()


async def say_at_once(writer: asyncio.StreamWriter, count: int) -> None:
    """One answer, not streamed: as many words in one document."""
    message = {"role": "assistant", "content": f"{time.monotonic():.6f} " * (count + 1)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    document = {"id": "b", "object": "chat.completion", "created": 1, "model": "benchmark", "choices": [choice]}
    body = json.dumps(document | {"usage": usage}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def main(port: int) -> None:
    """Listen until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
