"""An MCP server without any SDK, whose tools misbehave: the name of the tool is what it does."""

import json
import os
import signal
import subprocess
import sys
import time

from marks import MARK


def answer(request: dict, result: object = None, **more: object) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result} | more), flush=True)


def refuse(request: dict, code: int, message: str) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}}), flush=True)


def text(value: str) -> dict:
    return {"content": [{"type": "text", "text": value}]}


def misbehave(request: dict, tool: str) -> None:
    if tool == "crash":
        sys.stderr.write("a secret of the provider\n")
        os._exit(3)
    if tool == "hang":
        time.sleep(3_600)
    if tool == "ignore-signals":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(1)
    if tool == "flood-one-line":
        while True:
            sys.stdout.write("y" * 100_000)
    if tool == "flood-messages":
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "y" * 10_000}}
        while True:
            print(json.dumps(note), flush=True)
    if tool == "flood-errors":
        for _ in range(200):
            sys.stderr.write("y" * 100_000)
        answer(request, text("still here"))
    if tool == "many-files":
        answer(request, {"content": [{"type": "image", "data": "", "mimeType": "image/png"}] * 1_001})
    if tool == "not-base64":
        answer(request, {"content": [{"type": "image", "data": "§", "mimeType": "image/png"}]})
    if tool == "nonsense":
        answer(request, {"content": 7})
    if tool == "error":
        refuse(request, -32602, "the argument is wrong")
    if tool == "leave-children":
        subprocess.Popen(["sleep", MARK])
        subprocess.Popen(["sleep", MARK], start_new_session=True)
        subprocess.run(["sh", "-c", f"setsid sleep {MARK} & exit 0"], check=True)
        answer(request, text("left"))
    if tool == "linger":
        answer(request, text("goodbye"))
        time.sleep(3_600)
    if tool == "chatter":
        print("a banner that is no message", flush=True)
        answer(request, text("fine"))


TOOLS = (
    "crash", "hang", "ignore-signals", "flood-one-line", "flood-messages", "flood-errors", "many-files", "not-base64",
    "nonsense", "error", "leave-children", "linger", "chatter",
)  # fmt: skip
START = sys.argv[1] if len(sys.argv) > 1 else ""
if START == "crash-at-start":
    sys.exit(5)
if START == "hang-at-start":
    time.sleep(3_600)
for line in sys.stdin:
    given = json.loads(line)
    if given.get("method") == "initialize":
        info = {"name": "rogue", "version": "1"}
        answer(given, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info})
    elif given.get("method") == "tools/list":
        listed = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
        if START == "endless-list":
            answer(given, {"tools": [], "nextCursor": "more"})
        else:
            answer(given, {"tools": listed})
    elif given.get("method") == "tools/call":
        misbehave(given, given["params"]["name"])
    elif "id" in given:
        refuse(given, -32601, "no such method")
