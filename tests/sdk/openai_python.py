"""The official OpenAI client for Python, unmodified, against a running Backstop.

Only `base_url`, the key and the model's name differ from what a user of OpenAI writes. The scripted
model behind the gateway does what the message says: `script: [STEP, ...]`, one step per request.

Environment: BACKSTOP_URL (such as http://127.0.0.1:8484/v1), BACKSTOP_KEY.
"""

import json
import os
import sys
import time
import uuid

import openai
from openai import OpenAI
from pydantic import BaseModel

URL, KEY = os.environ["BACKSTOP_URL"], os.environ["BACKSTOP_KEY"]
client = OpenAI(base_url=URL, api_key=KEY)
patient = client.with_options(max_retries=0)

LABEL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label"],
    "properties": {"label": {"type": "string"}},
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "additionalProperties": False,
            "properties": {"city": {"type": "string"}},
        },
    },
}


def says(*steps):
    """A conversation whose model does `steps`; new each time, so that nothing is counted twice."""
    text = f"{uuid.uuid4()} script: {json.dumps(list(steps))}"
    return [{"role": "user", "content": text}]


def a_plain_chat_is_answered():
    done = client.chat.completions.create(model="chat", messages=says({"content": "Good morning."}))
    assert done.choices[0].message.content == "Good morning.", "the model's words arrive"
    assert done.choices[0].finish_reason == "stop", "it ended by itself"
    assert done.choices[0].message.role == "assistant", "the model speaks"
    assert done.object == "chat.completion" and done.id, "it is a completion with an id"
    assert done.model, "it says which model"
    assert done.usage.total_tokens == 18, "usage is the model's"
    assert done._request_id, "x-request-id is on every answer"


def raw_headers_tell_what_happened():
    raw = client.chat.completions.with_raw_response.create(
        model="chat", messages=says({"content": "Hello."})
    )
    assert raw.http_response.status_code == 200
    assert raw.headers["x-request-id"], "the client reads its request id from here"
    assert raw.headers["backstop-outcome"] == "accepted", "the outcome stands in a header"
    assert raw.headers["backstop-call"], "and the call's id"
    assert raw.parse().choices[0].message.content == "Hello.", "the body is an ordinary one"


def structured_output_is_held_to_its_schema():
    schema = {"name": "label", "strict": True, "schema": LABEL}
    done = client.chat.completions.create(
        model="chat",
        messages=says({"content": '{"label": "ham"}'}),
        response_format={"type": "json_schema", "json_schema": schema},
    )
    assert json.loads(done.choices[0].message.content) == {"label": "ham"}


def an_answer_off_its_schema_never_arrives():
    schema = {"name": "label", "strict": True, "schema": LABEL}
    try:
        done = patient.chat.completions.create(
            model="chat",
            messages=says({"content": '{"label": 7}'}),
            response_format={"type": "json_schema", "json_schema": schema},
        )
    except openai.APIStatusError as error:
        assert error.status_code in (422, 502), "nothing was left: a refusal or a failure"
        return
    assert done.choices[0].message.content is None, "a refusal carries no content"
    assert done.choices[0].message.refusal, "it says why"


class Label(BaseModel):
    label: str


def parse_yields_a_typed_object():
    done = client.chat.completions.parse(
        model="chat", messages=says({"content": '{"label": "spam"}'}), response_format=Label
    )
    assert done.choices[0].message.parsed == Label(label="spam")


def a_policy_with_a_contract_gives_its_json():
    done = client.chat.completions.create(
        model="typed", messages=says({"content": '```json\n{"label": "ham",}\n```'})
    )
    assert json.loads(done.choices[0].message.content) == {"label": "ham"}, "mended, not invented"


def a_model_that_is_down_is_not_the_callers_problem():
    done = client.chat.completions.create(model="typed", messages=says({"status": 503}))
    assert json.loads(done.choices[0].message.content) == {"label": "none"}, "the fallback answers"


def a_tool_call_arrives_with_its_arguments():
    call = {"tool": {"name": "weather", "arguments": {"city": "Oslo"}}}
    done = client.chat.completions.create(model="chat", messages=says(call), tools=[WEATHER])
    choice = done.choices[0]
    assert choice.finish_reason == "tool_calls", "the client looks at this first"
    assert choice.message.tool_calls[0].function.name == "weather"
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    assert choice.message.tool_calls[0].id, "the answer to it names this id"


def a_tool_result_goes_back_to_the_model():
    messages = says({"content": "Rain."})
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": "call_1", "content": "rain"})
    done = client.chat.completions.create(model="chat", messages=messages, tools=[WEATHER])
    assert done.choices[0].message.content == "Rain."


def a_stream_ends_whole_with_usage():
    stream = client.chat.completions.create(
        model="chat",
        messages=says({"content": "One, two, three."}),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "One, two, three.", "the pieces make the whole"
    assert chunks[0].choices[0].delta.role == "assistant", "the first delta carries the role"
    assert len({c.id for c in chunks}) == 1, "one id on every chunk"
    ends = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert ends[-1] == "stop" and not any(ends[:-1]), "it ends once"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 18, "usage comes last"


def a_stream_without_the_wish_has_no_usage():
    messages = says({"content": "Short."})
    chunks = list(client.chat.completions.create(model="chat", messages=messages, stream=True))
    assert all(c.choices for c in chunks), "no chunk without a choice unless it was asked for"


def a_tool_call_can_be_streamed():
    call = {"tool": {"name": "weather", "arguments": {"city": "Oslo"}}}
    with client.chat.completions.stream(model="chat", messages=says(call), tools=[WEATHER]) as s:
        done = s.get_final_completion()
    tool = done.choices[0].message.tool_calls[0]
    assert (tool.function.name, json.loads(tool.function.arguments)) == ("weather", {"city": "Oslo"})


def every_one_of_n_choices_arrives():
    done = client.chat.completions.create(model="chat", messages=says({"content": "Yes."}), n=2)
    assert [c.index for c in done.choices] == [0, 1]
    assert [c.message.content for c in done.choices] == ["Yes.", "Yes."]


def a_refusal_is_a_message_not_an_error():
    done = client.chat.completions.create(
        model="typed", messages=says({"content": '{"label": "forbidden"}'})
    )
    message = done.choices[0].message
    assert message.content is None, "what a rule refused does not leave"
    assert "never given" in message.refusal, "the policy's words say why"


def expect(kind, status, **request):
    """The error that `request` raises; it must be of that class, with all four keys."""
    headers = request.pop("headers", {})
    to = request.pop("client", patient)
    try:
        to.chat.completions.create(extra_headers=headers, **request)
    except kind as error:
        assert error.status_code == status, f"{error.status_code} instead of {status}"
        assert set(error.body) >= {"message", "type", "param", "code"}, f"four keys: {error.body}"
        assert error.body["message"] and error.body["type"], "it says what is wrong"
        assert error.request_id, "an error can be looked up too"
        return error
    raise AssertionError(f"{kind.__name__} was expected, an answer came")


def an_unknown_model_is_not_found():
    error = expect(openai.NotFoundError, 404, model="chta", messages=says({"content": "x"}))
    assert error.body["code"] == "model_not_found" and error.body["param"] == "model"
    assert "chat" in error.body["message"], "it says which name was meant"


def a_wrong_key_is_refused():
    wrong = OpenAI(base_url=URL, api_key="sk-wrong", max_retries=0)
    messages = says({"content": "x"})
    error = expect(openai.AuthenticationError, 401, client=wrong, model="chat", messages=messages)
    assert "sk-wrong" not in str(error.body), "a key is never said back"


def a_request_off_its_form_is_bad():
    error = expect(openai.BadRequestError, 400, model="chat", messages="hello")
    assert error.body["param"] == "messages", "the place of the mistake"
    error = expect(openai.BadRequestError, 400, model="chat", messages=says({}), n=100000)
    assert error.body["param"] == "n"


def a_key_used_for_another_request_is_unprocessable():
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    messages = says({"content": "First."})
    request = {"model": "chat", "extra_headers": headers}
    first = client.chat.completions.create(messages=messages, **request)
    again = client.chat.completions.with_raw_response.create(messages=messages, **request)
    assert again.headers["idempotent-replayed"] == "true", "it says that it is a repeat"
    assert again.parse().id == first.id, "the same key, the same call"
    other = says({"content": "Second."})
    expect(openai.UnprocessableEntityError, 422, model="chat", messages=other, headers=headers)


def a_limit_says_when_to_come_back():
    error = None
    for _ in range(3):
        try:
            patient.chat.completions.create(model="limited", messages=says({"content": "Hi."}))
        except openai.RateLimitError as limited:
            error = limited
    assert error is not None, "the third request of an hour with two is one too many"
    headers = error.response.headers
    assert int(headers["retry-after"]) >= 1, "whole seconds"
    assert headers["x-ratelimit-limit-requests"] and headers["x-ratelimit-remaining-requests"]
    assert headers.get("x-should-retry") != "false", "a rate limit passes: the client may retry"
    assert set(error.body) >= {"message", "type", "param", "code"}


def the_client_does_not_retry_what_the_gateway_has_retried():
    started = time.monotonic()
    retrying = client.with_options(max_retries=5)
    try:
        retrying.chat.completions.create(model="chat", messages=says({"status": 500}))
    except openai.InternalServerError as error:
        assert error.response.headers["x-should-retry"] == "false"
        count = error.response.request.headers["x-stainless-retry-count"]
        assert count == "0", f"five retries on top of ours would multiply; it made {count}"
    except openai.APIStatusError as error:
        assert error.response.headers["x-should-retry"] == "false"
    else:
        raise AssertionError("the model was down and nothing else was declared")
    assert time.monotonic() - started < 20, "it did not wait in vain"


def an_unknown_field_reaches_the_model():
    messages = says({"content": "Kept."})
    extra = {"safety_identifier": "user-7", "a_field_of_tomorrow": {"deep": [1, 2.5]}}
    done = client.chat.completions.create(model="chat", messages=messages, extra_body=extra)
    assert done.choices[0].message.content == "Kept."


def policies_are_listed_as_models():
    names = {model.id for model in client.models.list()}
    assert {"chat", "typed", "limited"} <= names, f"policies are models to a client: {names}"
    assert client.models.retrieve("chat").object == "model"


def stories():
    """Every function above whose name is a sentence, in the order it stands."""
    told = [value for value in globals().values() if callable(value)]
    return [story for story in told if getattr(story, "__name__", "").count("_") >= 2]


def main():
    failed = 0
    told = stories()
    for story in told:
        try:
            story()
            print(f"ok      {story.__name__}")
        except Exception as error:  # every story is told, whatever the one before did
            failed += 1
            print(f"FAILED  {story.__name__}: {type(error).__name__}: {error}")
    passed = len(told) - failed
    print(f"openai {openai.__version__} (Python): {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
