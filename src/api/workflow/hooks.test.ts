/** Webhooks over real HTTP, on a store in memory: who is let in, and how often. */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import type { ScheduleStatus, WaitingRun } from "../../controller/schedules.ts";
import { SeenFiles } from "../../controllers/trigger/seen.ts";
import { validate } from "../../kinds/validate.ts";
import { type Serving, serving } from "../fixtures/serving.ts";
import type { Serve } from "../mount.ts";
import { webhooks } from "./hooks.ts";

const KEY = "a key for tests";
const NOW = Date.UTC(2026, 0, 1);
const body = '{"what":"it"}';

let folder: string;
let clock: ManualClock;
let api: Serving;
let secret: Readonly<Record<string, string>> | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-hooks-"));
  clock = new ManualClock(NOW);
  secret = { key: KEY };
  let serve: Serve = () => Promise.reject(new Error("Not yet."));
  api = await serving({ clock, openMounts: { hooks: (request) => serve(request) } });
  serve = webhooks({ store: api.store, clock, seen: new SeenFiles(folder), readSecret: () => secret });
  const triggers = [
    { name: "own", webhook: { secret: "s" } },
    { name: "git", webhook: { secret: "s", style: "github" }, when: "event.body.what == 'it'" },
  ];
  const { resource } = validate({
    kind: "Schedule",
    metadata: { name: "upon" },
    spec: { workflow: "w", triggers },
  });
  if (resource === undefined) throw new Error("No schedule.");
  await api.store.commit([{ type: "create", resource }], { actor: "user:test", action: "test" });
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function post(path: string, headers: Readonly<Record<string, string>>, text = body): Promise<number> {
  const response = await fetch(`${api.url}/hooks/default/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
  return response.status;
}

function standard(id: string, { key = KEY, at = NOW, text = body } = {}): Readonly<Record<string, string>> {
  const timestamp = String(at / 1000);
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,none v1,${signature}` };
}

function github(id: string, text = body): Readonly<Record<string, string>> {
  const signature = createHmac("sha256", KEY).update(text).digest("hex");
  return { "x-github-delivery": id, "x-hub-signature-256": `sha256=${signature}` };
}

const asked = (): readonly WaitingRun[] =>
  (
    api.store.get({ kind: "Schedule", namespace: "default", name: "upon" })?.status as
      | ScheduleStatus
      | undefined
  )?.waiting ?? [];

it("a signed delivery is a run, durable when it is answered, and one however often it is sent", async () => {
  for (let count = 0; count < 3; count += 1) expect(await post("upon/own", standard("d1"))).toBe(202);
  expect(await post("upon/own", standard("d2"))).toBe(202);
  expect(asked().map(({ event }) => event)).toMatchObject([
    { id: "d1", body: { what: "it" } },
    { id: "d2", body: { what: "it" } },
  ]);
});

it("one that is not signed, wrongly, or about another body, id or time is refused", async () => {
  const good = standard("d1");
  for (const headers of [
    {},
    standard("d1", { key: "another" }),
    standard("d1", { text: "{}" }),
    { ...good, "webhook-id": "d2" },
    { ...good, "webhook-timestamp": String(NOW / 1000 + 1) },
    {
      "webhook-timestamp": good["webhook-timestamp"] ?? "",
      "webhook-signature": good["webhook-signature"] ?? "",
    },
  ])
    expect(await post("upon/own", headers)).toBe(401);
  expect(asked()).toEqual([]);
});

it("one that is too old, or ahead, is refused although its signature is good", async () => {
  expect(await post("upon/own", standard("d1", { at: NOW - 6 * 60_000 }))).toBe(401);
  expect(await post("upon/own", standard("d1", { at: NOW + 6 * 60_000 }))).toBe(401);
  expect(await post("upon/own", standard("d1", { at: NOW - 4 * 60_000 }))).toBe(202);
});

it("one in GitHub's style counts once by its id and by its body, whatever other id it is sent again with", async () => {
  const other = '{"what":"else"}';
  expect(await post("upon/git", github("g1"))).toBe(202);
  expect(await post("upon/git", github("g1"))).toBe(202);
  expect(await post("upon/git", github("g2"))).toBe(202);
  expect(await post("upon/git", github("g3", other), other)).toBe(202);
  expect(asked()).toHaveLength(1);
});

it("its key must be there, and its path name a webhook", async () => {
  expect(await post("upon/nothing", standard("d1"))).toBe(404);
  expect(await post("unknown/own", standard("d1"))).toBe(404);
  expect(await post("upon", standard("d1"))).toBe(404);
  secret = undefined;
  expect(await post("upon/own", standard("d1"))).toBe(503);
  expect(await post("upon/own", standard("d1"), "x".repeat(2 << 20))).toBe(413);
  expect((await fetch(`${api.url}/hooks/default/upon/own`)).status).toBe(405);
});
