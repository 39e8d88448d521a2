// The official Node client with the newer shape of answers, told by the names of the older.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Packages live beside the other clients' environment, not in the sources.
const require = createRequire(path.join(process.env.CLIENT_PACKAGES, "client.mjs"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

const client = new OpenAI();
const model = process.env.CLIENT_MODEL;
const finishes = { completed: "stop", incomplete: "length" };
const tokens = (usage) => [usage.input_tokens, usage.output_tokens, usage.total_tokens];

async function whole() {
  const answer = await client.responses.create({ model, input: "Hello", temperature: 0.2 });
  const { output_text: text, status, usage, _request_id } = answer;
  return { text, finish: finishes[status], tokens: tokens(usage), request_id: _request_id };
}

async function stream() {
  let pieces = 0;
  const told = client.responses.stream({ model, input: "Hello" });
  told.on("response.output_text.delta", () => {
    pieces += 1;
  });
  const { output_text: text, status, usage } = await told.finalResponse();
  return { text, pieces, finish: finishes[status], tokens: tokens(usage) };
}

async function tools() {
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const offered = [{ type: "function", name: "weather", parameters, strict: false }];
  const input = [{ role: "user", content: "What does the weather tool say about Hefei?" }];
  const first = await client.responses.create({ model, input, tools: offered });
  const called = first.output.filter((item) => item.type === "function_call");
  input.push(...first.output);
  for (const call of called) input.push({ type: "function_call_output", call_id: call.call_id, output: "sunny" });
  const then = await client.responses.create({ model, input, tools: offered });
  const calls = called.map((call) => [call.name, JSON.parse(call.arguments)]);
  return { calls, finish: called.length ? "tool_calls" : "stop", text: then.output_text };
}

async function refused() {
  try {
    await client.responses.create({ model: "no-such-model", input: "Hello" });
    return null;
  } catch (error) {
    return { status: error.status, code: error.code, class: error.constructor.name };
  }
}

console.log(
  JSON.stringify({
    whole: await whole(),
    stream: await stream(),
    tools: await tools(),
    refused: await refused(),
  }),
);
