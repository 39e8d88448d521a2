// The official Node client, as its documentation uses it; the report of tests/clients/conftest.py.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Packages live beside the other clients' environment, not in the sources.
const require = createRequire(path.join(process.env.CLIENT_PACKAGES, "client.mjs"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

const client = new OpenAI();
const model = process.env.CLIENT_MODEL;
const question = [{ role: "user", content: "Hello" }];
const tokens = (usage) => [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];

async function whole() {
  const answer = await client.chat.completions.create({ model, messages: question, temperature: 0.2 });
  const { message, finish_reason: finish } = answer.choices[0];
  return { text: message.content, finish, tokens: tokens(answer.usage), request_id: answer._request_id };
}

async function stream() {
  const report = { text: "", pieces: 0 };
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create({ model, messages: question, ...options })) {
    if (chunk.usage) report.tokens = tokens(chunk.usage);
    for (const { delta, finish_reason: finish } of chunk.choices) {
      if (delta.content) {
        report.pieces += 1;
        report.text += delta.content;
      }
      if (finish) report.finish = finish;
    }
  }
  return report;
}

async function tools() {
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const offered = [{ type: "function", function: { name: "weather", parameters } }];
  const messages = [{ role: "user", content: "What does the weather tool say about Hefei?" }];
  const first = await client.chat.completions.create({ model, messages, tools: offered });
  const { message, finish_reason: finish } = first.choices[0];
  messages.push(message);
  for (const call of message.tool_calls) messages.push({ role: "tool", tool_call_id: call.id, content: "sunny" });
  const then = await client.chat.completions.create({ model, messages, tools: offered });
  const calls = message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  return { calls, finish, text: then.choices[0].message.content };
}

async function vectors() {
  const input = JSON.parse(process.env.CLIENT_TEXTS);
  const { data } = await client.embeddings.create({ model: process.env.CLIENT_VECTORS, input });
  return data.map((each) => each.embedding);
}

async function refused() {
  try {
    await client.chat.completions.create({ model: "no-such-model", messages: question });
    return null;
  } catch (error) {
    return { status: error.status, code: error.code, class: error.constructor.name };
  }
}

async function models() {
  const ids = [];
  for await (const each of client.models.list()) ids.push(each.id);
  return { ids, one: (await client.models.retrieve(model)).id };
}

console.log(
  JSON.stringify({
    models: await models(),
    whole: await whole(),
    stream: await stream(),
    tools: await tools(),
    vectors: await vectors(),
    refused: await refused(),
  }),
);
