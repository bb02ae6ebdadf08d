// A typed client against a running server. The strict compiler is half of the test: a field or a status that the document
// does not describe is an error here, and each `@ts-expect-error` fails if the document is too lax.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./lethe.js";

type Interaction = components["schemas"]["Interaction"];
type InteractionIn = components["schemas"]["InteractionIn"];

const { LETHE_ADDRESS: baseUrl, LETHE_TOKEN: token } = process.env;
const client = createClient<paths>({ baseUrl: `${baseUrl}`, headers: { Authorization: `Bearer ${token}` } });

/** The data of a response that must be a success. */
function success<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(data !== undefined, `${response.status} ${response.url}: ${JSON.stringify(error)}`);
  return data;
}

function interaction(number: number): InteractionIn {
  return {
    external_id: `client-${number}`,
    channel: "call",
    started_at: `2026-02-10T10:00:0${number}Z`,
    queue: "Typed clients",
    customer: { phone_number: "+4791234567" },
    attributes: { line: "AA0204", wait_seconds: number },
  };
}

async function ingest(): Promise<void> {
  const records = [0, 1, 2, 3, 4].map(interaction);
  const ingested = success(await client.POST("/api/v1/archive/interactions", { body: records }));
  assert.deepEqual([ingested.received, ingested.created], [5, 5]);
  // @ts-expect-error A field that a record does not have is an error.
  const misspelt: InteractionIn = { ...interaction(5), qeue: "Typed clients" };
  const lines = `${JSON.stringify(misspelt)}\n`;
  const headers = { "Content-Type": "application/x-ndjson" };
  const rejected = success(
    await client.POST("/api/v1/archive/interactions", { body: lines, headers, bodySerializer: (text) => text }),
  );
  assert.equal(rejected.rejected[0]?.errors[0]?.pointer, "/qeue");
}

async function searchAllPages(): Promise<Interaction[]> {
  const found: Interaction[] = [];
  let cursor: string | null = null;
  do {
    const body: components["schemas"]["InteractionSearch"] = { queue: "Typed clients", limit: 2, cursor };
    const page = success(await client.POST("/api/v1/archive/search", { body }));
    assert.equal(page.view, "identified");
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.equal(found.length, 5);
  return found;
}

async function upload(interaction: Interaction): Promise<void> {
  const params = { path: { id: interaction.id }, query: { kind: "chat_log" } } as const;
  const text = "Call me on 912 34 567, please.";
  const sent = await client.POST("/api/v1/archive/interactions/{id}/content", {
    params,
    body: text,
    headers: { "Content-Type": "text/plain" },
    bodySerializer: (text) => text,
  });
  const item = success(sent);
  assert.deepEqual([item.kind, item.media_type, item.duration_ms], ["chat_log", "text/plain", null]);
  const download = await client.GET("/api/v1/archive/content/{content_id}/download", {
    params: { path: { content_id: item.id }, query: { view: "anonymized" } },
    parseAs: "text",
  });
  assert.equal(success(download), "Call me on Anonymized, please.");
}

async function enterAndChange(): Promise<void> {
  const body: components["schemas"]["AnonymizeRequestNew"] = {
    phone_number: "91234567",
    to_date: "2026-02-10",
    targets: ["archive"],
  };
  const entered = await client.POST("/api/v1/anonymize-requests", { body });
  const request = success(entered);
  assert.deepEqual([request.phone_number, request.status, request.result], ["+4791234567", "waiting", null]);
  const path = { id: request.id };
  const change = async (version: string) =>
    client.PATCH("/api/v1/anonymize-requests/{id}", {
      params: { path, header: { "If-Match": version } },
      body: { comment: "case 118" },
      headers: { "Content-Type": "application/merge-patch+json" },
    });
  const version = entered.response.headers.get("ETag") ?? "";
  const changed = success(await change(version));
  assert.deepEqual([changed.comment, changed.version], ["case 118", request.version + 1]);
  const stale = await change(version);
  assert.deepEqual([stale.response.status, stale.error?.code], [412, "version_stale"]);
}

async function problem(): Promise<void> {
  const body = { phone_number: "12", targets: ["archive" as const] };
  const { error, response } = await client.POST("/api/v1/anonymize-requests", { body });
  assert.ok(error !== undefined && response.status === 422);
  const code: "validation_failed" | components["schemas"]["ProblemCode"] = error.code;
  const detail: string = error.detail;
  assert.ok(code === "validation_failed" && detail.length > 0);
  assert.deepEqual(error.errors?.map(({ pointer, code }) => [pointer, code]), [["/phone_number", "phone_number_invalid"]]);
}

await ingest();
const [newest] = await searchAllPages();
assert.ok(newest !== undefined && newest.attributes?.["line"] === "AA0204");
await upload(newest);
await enterAndChange();
await problem();
const me = success(await client.GET("/api/v1/me"));
assert.ok(me.scopes.includes("archive:search"));
