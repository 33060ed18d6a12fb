#!/usr/bin/env python3
"""What `mail-triage` does with labelled mail: who answered, and how often that was wrong.

    python3 evals/mail-triage/measure.py --gateway http://127.0.0.1:8484 \\
        --data spam.jsonl.gz --split test --out rows.jsonl

DATA holds one JSON object a line: `id`, `text`, `label`, `split`. Every row of the split is sent,
one after the other; a row that cannot be sent ends the run. With `--models URL` each model is also
asked alone, with the key in MODEL_API_KEY, so that the cascade stands beside its parts.
"""
import argparse
import collections
import gzip
import json
import os
import pathlib
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "policies" / "schemas" / "mail-triage.json"


def rows(path, split):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as lines:
        every = [json.loads(line) for line in lines if line.strip()]
    return [row for row in every if row["split"] == split]


def post(url, body, key=None):
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = "Bearer " + key
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def guarded(gateway, row):
    """One call of the policy: how it ended, by whom, with which label."""
    began = time.perf_counter()
    call = post(gateway + "/v1/calls/mail-triage", {"input": row["text"]})
    took_ms = round((time.perf_counter() - began) * 1e3, 1)
    attempts = call.get("attempts") or []
    failed = [one["result"] for one in attempts if one["result"] != "answered"]
    return {
        "id": row["id"],
        "truth": row["label"],
        "state": call["state"],
        "by": call.get("answered_by"),
        "models": [one["model"] for one in attempts],
        "failed": failed,
        "label": (call.get("output") or {}).get("label"),
        "cause": (call.get("cause") or {}).get("by"),
        "cost_micro": call.get("cost_micro", 0),
        "ms": took_ms,
        "call": call["id"],
    }


def alone(url, model, row, schema):
    """The label that `model` gives when it is simply asked."""
    form = {"name": "mail", "strict": True, "schema": schema}
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "TEXT: " + row["text"].replace("TEXT:", "TEXT")}],
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    answer = post(url + "/chat/completions", body, os.environ["MODEL_API_KEY"])
    return json.loads(answer["choices"][0]["message"]["content"])["label"]


def percent(part, whole):
    return f"{100 * part / whole:6.2f} %" if whole else "     - "


def line(who, answered, wrong, whole):
    share, error = percent(answered, whole), percent(wrong, answered)
    print(f"{who:<38}{answered:>6}{share:>11}{wrong:>7}{error:>11}")


def tell(done):
    whole = len(done)
    print(f"{'who answered':<38}{'mails':>6}{'share':>11}{'wrong':>7}{'of these':>11}")
    accepted = [one for one in done if one["state"] == "accepted"]
    by = collections.defaultdict(list)
    for one in accepted:
        by[one["models"][-1] if one["models"] else one["by"]].append(one)
    for model, ones in sorted(by.items()):
        line("  " + model, len(ones), sum(o["label"] != o["truth"] for o in ones), whole)
    line("accepted, together", len(accepted), sum(o["label"] != o["truth"] for o in accepted), whole)
    others = collections.Counter(
        (one["state"], one["cause"]) for one in done if one["state"] != "accepted"
    )
    for (state, cause), count in sorted(others.items(), key=str):
        print(f"{state + (f' ({cause})' if cause else ''):<38}{count:>6}{percent(count, whole):>11}")
    for model in sorted({model for one in done for model in one.get("alone", {})}):
        wrong = sum(one["alone"][model] != one["truth"] for one in done)
        line(f"{model} alone, every answer taken", whole, wrong, whole)
    often = collections.Counter(one["truth"] for one in done).most_common(1)[0]
    line(f"always `{often[0]}`", whole, whole - often[1], whole)
    asked = collections.Counter(model for one in done for model in one["models"])
    took = sorted(one["ms"] for one in done)
    print("requests to models:", dict(asked), "failed:", sum(len(one["failed"]) for one in done))
    print("cost, micro-dollars:", sum(one["cost_micro"] for one in done))
    print("milliseconds, median and 95th in 100:", took[whole // 2], took[whole * 95 // 100])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--split", default="test")
    arguments.add_argument("--models", help="base URL of the models' own server")
    arguments.add_argument("--out", help="one line a row")
    given = arguments.parse_args()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    done = []
    for row in rows(given.data, given.split):
        one = guarded(given.gateway, row)
        if given.models:
            models = ("spam-weak", "spam-lr")
            one["alone"] = {model: alone(given.models, model, row, schema) for model in models}
        done.append(one)
    if not done:
        raise SystemExit(f"no row of {given.data} has the split {given.split!r}")
    if given.out:
        text = "".join(json.dumps(one) + "\n" for one in done)
        pathlib.Path(given.out).write_text(text, encoding="utf-8")
    tell(done)


main()
