// The official OpenAI client for Node.js, unmodified, against a running Backstop.
//
// Only `baseURL`, the key and the model's name differ from what a user of OpenAI writes. The scripted
// model behind the gateway does what the message says: `script: [STEP, ...]`, one step per request.
//
// Environment: BACKSTOP_URL (such as http://127.0.0.1:8484/v1), BACKSTOP_KEY, BACKSTOP_SDK (the folder
// whose node_modules holds the client).

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const sdk = path.resolve(process.env.BACKSTOP_SDK);
const { default: OpenAI } = createRequire(path.join(sdk, "package.json"))("openai");
const manifest = readFileSync(path.join(sdk, "node_modules/openai/package.json"), "utf8");
const { version } = JSON.parse(manifest);

const baseURL = process.env.BACKSTOP_URL;
const client = new OpenAI({ baseURL, apiKey: process.env.BACKSTOP_KEY });
const once = { maxRetries: 0 };

const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      required: ["city"],
      additionalProperties: false,
      properties: { city: { type: "string" } },
    },
  },
};
const label = {
  type: "object",
  additionalProperties: false,
  required: ["label"],
  properties: { label: { type: "string" } },
};

/** A conversation whose model does `steps`; new each time, so that nothing is counted twice. */
const says = (...steps) => [
  { role: "user", content: `${randomUUID()} script: ${JSON.stringify(steps)}` },
];

/** The error that a request raises; it must be of that class, with all four keys. */
async function expectError(kind, status, body, options = {}, to = client) {
  const error = await to.chat.completions.create(body, { ...once, ...options }).then(
    () => assert.fail(`${kind.name} was expected, an answer came`),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
  assert.equal(error.status, status);
  for (const key of ["message", "type", "param", "code"]) {
    assert.ok(key in error.error, `the error body lacks ${key}`);
  }
  assert.ok(error.requestID, "an error can be looked up too");
  return error;
}

const stories = {
  async "a plain chat is answered"() {
    const messages = says({ content: "Good morning." });
    const done = await client.chat.completions.create({ model: "chat", messages });
    assert.equal(done.choices[0].message.content, "Good morning.");
    assert.equal(done.choices[0].finish_reason, "stop");
    assert.equal(done.usage.total_tokens, 18);
    assert.ok(done._request_id, "x-request-id is on every answer");
  },

  async "raw headers tell what happened"() {
    const messages = says({ content: "Hello." });
    const { data, response } = await client.chat.completions
      .create({ model: "chat", messages })
      .withResponse();
    assert.equal(response.headers.get("backstop-outcome"), "accepted");
    assert.ok(response.headers.get("backstop-call"));
    assert.equal(data.choices[0].message.content, "Hello.");
  },

  async "structured output is parsed"() {
    const done = await client.chat.completions.parse({
      model: "chat",
      messages: says({ content: '{"label": "ham"}' }),
      response_format: {
        type: "json_schema",
        json_schema: { name: "label", strict: true, schema: label },
      },
    });
    assert.deepEqual(done.choices[0].message.parsed, { label: "ham" });
  },

  async "a policy with a contract gives its JSON"() {
    const messages = says({ content: '```json\n{"label": "ham",}\n```' });
    const done = await client.chat.completions.create({ model: "typed", messages });
    assert.deepEqual(JSON.parse(done.choices[0].message.content), { label: "ham" });
  },

  async "a tool call arrives with its arguments"() {
    const messages = says({ tool: { name: "weather", arguments: { city: "Oslo" } } });
    const request = { model: "chat", messages, tools: [weather] };
    const { choices } = await client.chat.completions.create(request);
    assert.equal(choices[0].finish_reason, "tool_calls");
    const { name, arguments: text } = choices[0].message.tool_calls[0].function;
    assert.deepEqual([name, JSON.parse(text)], ["weather", { city: "Oslo" }]);
  },

  async "a stream ends whole with usage"() {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: says({ content: "One, two, three." }),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, "One, two, three.");
    assert.equal(chunks.at(-1).usage.total_tokens, 18);
    assert.deepEqual(chunks.at(-1).choices, []);
  },

  async "a stream's helper assembles a tool call"() {
    const messages = says({ tool: { name: "weather", arguments: { city: "Oslo" } } });
    const stream = client.chat.completions.stream({ model: "chat", messages, tools: [weather] });
    const done = await stream.finalChatCompletion();
    assert.equal(done.choices[0].message.tool_calls[0].function.name, "weather");
  },

  async "every one of n choices arrives"() {
    const messages = says({ content: "Yes." });
    const { choices } = await client.chat.completions.create({ model: "chat", messages, n: 2 });
    assert.deepEqual(choices.map((choice) => choice.message.content), ["Yes.", "Yes."]);
  },

  async "a refusal is a message, not an error"() {
    const messages = says({ content: '{"label": "forbidden"}' });
    const { choices } = await client.chat.completions.create({ model: "typed", messages });
    assert.equal(choices[0].message.content, null);
    assert.match(choices[0].message.refusal, /never given/);
  },

  async "an unknown model is not found"() {
    const body = { model: "chta", messages: says({ content: "x" }) };
    const error = await expectError(OpenAI.NotFoundError, 404, body);
    assert.equal(error.code, "model_not_found");
  },

  async "a wrong key is refused"() {
    const wrong = new OpenAI({ baseURL, apiKey: "sk-wrong" });
    const body = { model: "chat", messages: says({ content: "x" }) };
    await expectError(OpenAI.AuthenticationError, 401, body, {}, wrong);
  },

  async "a request off its form is bad"() {
    const body = { model: "chat", messages: "hello" };
    const error = await expectError(OpenAI.BadRequestError, 400, body);
    assert.equal(error.param, "messages");
  },

  async "a key used for another request is unprocessable"() {
    const headers = { "Idempotency-Key": randomUUID() };
    const [first, other] = [says({ content: "First." }), says({ content: "Second." })];
    const body = { model: "chat", messages: first };
    const one = await client.chat.completions.create(body, { headers });
    const two = await client.chat.completions.create(body, { headers });
    assert.equal(one.id, two.id);
    const reused = { model: "chat", messages: other };
    await expectError(OpenAI.UnprocessableEntityError, 422, reused, { headers });
  },

  async "the client does not retry what the gateway has retried"() {
    const body = { model: "chat", messages: says({ status: 500 }) };
    const error = await client.chat.completions.create(body, { maxRetries: 5 }).then(
      () => assert.fail("the model was down and nothing else was declared"),
      (error) => error,
    );
    assert.equal(error.headers.get("x-should-retry"), "false");
  },

  async "policies are listed as models"() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    for (const name of ["chat", "typed", "limited"]) assert.ok(names.includes(name), name);
  },
};

let failed = 0;
for (const [name, story] of Object.entries(stories)) {
  try {
    await story();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.constructor.name}: ${error.message}`);
  }
}
const passed = Object.keys(stories).length - failed;
console.log(`openai ${version} (Node.js): ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
