"""A client under load, in a process of its own: so many connections, each asks again once it is answered.

    python load.py PORT PATH BODY_FILE CONNECTIONS SECONDS [RATE] [AUTHORIZATION]

Prints one JSON object: requests, failed, seconds, and latencies in milliseconds.
"""

import asyncio
import contextlib
import json
import sys
import time


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, request, state, every):
        self.request, self.state, self.every = request, state, every
        self.sent, self.buffer = 0.0, b""

    def connection_made(self, transport):
        self.transport = transport
        self.due = time.perf_counter()
        self.ask()

    def ask(self):
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data):
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        now = time.perf_counter()
        self.state["took"].append(now - self.sent)
        self.state["failed"] += head[9:12] != b"200"
        if now < self.state["end"]:
            self.due += self.every
            asyncio.get_running_loop().call_later(max(0.0, self.due - now), self.ask) if self.every else self.ask()
        else:
            self.transport.close()

    def connection_lost(self, error):
        self.state["open"] -= 1
        self.state["failed"] += error is not None
        if self.state["open"] == 0:
            self.state["done"].set()


async def main(port, path, body, connections, seconds, rate=0.0, authorization=""):
    lines = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    lines += [f"authorization: {authorization}"] if authorization else []
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    began = time.perf_counter()
    state = {"took": [], "failed": 0, "open": connections, "end": began + seconds, "done": asyncio.Event()}
    loop = asyncio.get_running_loop()
    every = connections / rate if rate else 0.0
    for _ in range(connections):
        await loop.create_connection(lambda: Asker(request, state, every), "127.0.0.1", port)
    await state["done"].wait()
    took = sorted(state["took"])
    p50, p99 = (round(1000 * took[int(share * (len(took) - 1))], 3) for share in (0.5, 0.99))
    spent = time.perf_counter() - began
    print(
        json.dumps(
            {
                "requests": len(took),
                "failed": state["failed"],
                "rate": len(took) / spent,
                "p50": p50,
                "p99": p99,
            }
        )
    )


if __name__ == "__main__":
    port, path, file, connections, seconds, *more = sys.argv[1:]
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    with open(file, "rb") as opened:
        body = opened.read()
    asyncio.run(
        main(int(port), path, body, int(connections), float(seconds), float(more[0]) if more else 0.0, *more[1:])
    )
