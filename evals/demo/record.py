#!/usr/bin/env python3
"""Records what real models answer to the demo's calls, through the gateway itself.

    MODEL_BASE_URL=... MODEL_API_KEY=... \\
        python3 evals/demo/record.py --workspace FOLDER --asked model --tries 5

For each call it starts `backstop serve --record` on an empty data folder, sends the call, and keeps
the record under `recorded/` only if the call came to its `expect`; else it tries again, and says so.
It never changes an answer, only drops how long each took. FOLDER is a copy of the workspace: for `--asked busy` and `--asked away`
one whose models stand at a server that refuses. The exit status is 1 if a call was not recorded.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "policies" / "fixtures"


def read(name):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return text if name.endswith(".txt") else json.loads(text)


def request(call):
    """Path and body, as `backstop demo` sends them."""
    if "request" in call:
        return "/v1/chat/completions", {**read(call["request"]), "model": call["policy"]}
    body = {"input": read(call["input"])}
    if "messages" in call:
        body["messages"] = read(call["messages"])
    return "/v1/calls/" + call["policy"], body


def send(gateway, call):
    path, body = request(call)
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(gateway + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=600) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def came_to(status, answer):
    """The words that `expect` may hold."""
    error = answer.get("error") or {}
    told = answer.get("backstop") or error.get("backstop") or answer
    asked = [one["model"] for one in told.get("attempts") or []]
    models = [name for place, name in enumerate(asked) if asked[place - 1 : place] != [name]]
    return {
        "status": status,
        "state": told.get("state"),
        "outcome": told.get("outcome"),
        "answered_by": told.get("answered_by"),
        "queue": (told.get("review") or {}).get("queue"),
        "models": models,
    }


def once(given, call, folder):
    """One try: the record, and what the call came to."""
    record = folder / "record.jsonl"
    command = [given.backstop, "serve", "--workspace", given.workspace, "--listen", "127.0.0.1:0"]
    command += ["--data", folder / "data", "--record", record, "--log", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            address = next(line for line in gateway.stdout if "http://" in line).split()[-1]
            words = came_to(*send(address, call))
        finally:
            gateway.terminate()
    return record.read_text(encoding="utf-8") if record.exists() else "", words


def name_of(call):
    given = call.get("messages") or call.get("request") or call["input"]
    return given.rsplit(".", 1)[0] + ".jsonl"


def undelayed(record):
    """The record without its delays: a demo need not be as slow as the models were."""
    lines = [json.loads(line) for line in record.splitlines()]
    for line in lines:
        line.pop("delay_ms", None)
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def keep(given, call):
    for number in range(1, given.tries + 1):
        with tempfile.TemporaryDirectory() as folder:
            record, words = once(given, call, pathlib.Path(folder))
        if all(words[name] == wanted for name, wanted in call["expect"].items()):
            (HERE / "recorded" / name_of(call)).write_text(undelayed(record), encoding="utf-8")
            print(f"try {number}: recorded  {call['shows']}", flush=True)
            return True
        print(f"try {number}: not so    {call['shows']}\n    {json.dumps(words)}", flush=True)
        last = pathlib.Path(tempfile.gettempdir()) / ("not-so-" + name_of(call))
        last.write_text(undelayed(record), encoding="utf-8")
        print(f"    its record: {last}", flush=True)
    return False


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--workspace", required=True)
    arguments.add_argument("--asked", required=True, choices=["model", "busy", "away", "loose"])
    arguments.add_argument("--only", default="", help="part of `shows`")
    arguments.add_argument("--tries", type=int, default=1)
    arguments.add_argument("--backstop", default="target/debug/backstop")
    given = arguments.parse_args()
    (HERE / "recorded").mkdir(exist_ok=True)
    calls = json.loads((FIXTURES / "demo.json").read_text(encoding="utf-8"))["calls"]
    wanted = [c for c in calls if c["asked"] == given.asked and given.only in c["shows"]]
    sys.exit(0 if all([keep(given, call) for call in wanted]) else 1)


main()
