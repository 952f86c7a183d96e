/** What expressions give: typed values, waits, sealed secrets, and refusals that quote no secret (I10). */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { Keyring, isSealed } from "../model/sealed.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { type Resolved, checkResolved, resolve } from "./resolve.ts";

const keyring = new Keyring(new Uint8Array(32));
let store: Store;

beforeEach(async () => {
  store = createMemoryStore({ clock: new ManualClock() });
  await put("System", "shop", {
    spec: { parameters: { n: { type: "integer", default: 3 }, m: { default: "x" } }, values: { m: "given" } },
  });
  await put("Secret", "stripe-api", {
    data: { key: keyring.seal("hunter2"), flag: keyring.seal("hunter3") },
  });
  await put("ConfigMap", "settings", { data: { mode: "fast" } });
  await put(
    "Database",
    "orders",
    { spec: {} },
    { url: keyring.seal("postgres://u:hunter4@h/d"), port: 5432 },
  );
  await put("Database", "late", { spec: {} });
});

async function put(kind: string, name: string, body: object, status?: object): Promise<void> {
  const apiVersion = kind === "Secret" || kind === "ConfigMap" ? "v1" : "tutti.dev/v1";
  const draft = { apiVersion, kind, metadata: { name, namespace: "default" }, ...body } as Draft;
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  await store.commit(
    [
      {
        type: "create",
        resource: status === undefined ? draft : { ...draft, status: { ...ready, ...status } },
      },
    ],
    { actor: "user:test", action: "test" },
  );
}

function service(spec: object): Resource {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name: "api", namespace: "default", labels: { "tutti.dev/system": "shop" } },
    spec,
  } as unknown as Resource;
}
const resolved = (env: Record<string, unknown>): Resolved => resolve(service({ env }), { store, keyring });
const valueOf = (text: string): unknown =>
  (resolved({ A: text }).spec as { readonly env: { readonly A: unknown } }).env.A;
function refusal(text: string): TerminalError {
  try {
    valueOf(text);
  } catch (error) {
    if (error instanceof TerminalError) return error;
  }
  throw new Error("It was not refused.");
}

describe("resolving", () => {
  it.each([
    ["${param.n * 2}", 6],
    ["${param.m}", "given"],
    ["n is ${param.n}", "n is 3"],
    ["${database.orders.status.port}", 5432],
    ["${configMap.settings.mode}", "fast"],
    ["${configMap.settings.data.mode == 'fast'}", true],
    ["$${HOME}", "${HOME}"],
    ["no expression", "no expression"],
  ])("%s gives a value of its own type", (text, value) => {
    expect(valueOf(text)).toEqual(value);
  });

  it("waits for what is not ready and for what is not there, and names them", () => {
    const { waits } = resolved({
      A: "${database.late.status.url}",
      B: "${database.gone.status.url}",
      C: "${database.orders.status.port}",
    });
    expect(waits).toEqual([
      { address: "database/late", reason: "is not ready" },
      { address: "database/gone", reason: "does not exist" },
    ]);
  });

  it("does not wait for readiness to read what people wrote", () => {
    expect(valueOf("${database.late.metadata.name}")).toBe("late");
  });

  it.each([
    ["${secret.stripe-api.key}", "hunter2"],
    ["Bearer ${secret.stripe-api.key}!", "Bearer hunter2!"],
    ["${database.orders.status.url}", "postgres://u:hunter4@h/d"],
    ["${size(secret.stripe-api.key)}", "7"],
  ])("%s is sealed as a whole", (text, opened) => {
    const value = valueOf(text);
    expect(isSealed(value)).toBe(true);
    expect(keyring.open(String(value))).toBe(opened);
  });

  it("seals what is made of a value that is sealed where it stands, though no kind declares it secret", async () => {
    await put(
      "Service",
      "other",
      { spec: { env: { PASSWORD: keyring.seal("hunter5") } } },
      { stable: { template: { env: { PASSWORD: keyring.seal("hunter6") } } } },
    );
    expect(valueOf("${service.other.spec.env.PASSWORD}")).toBe(keyring.seal("hunter5"));
    expect(valueOf("<${service.other.status.stable.template.env.PASSWORD}>")).toBe(keyring.seal("<hunter6>"));
  });

  it.each([
    "${bool(secret.stripe-api.key)}",
    "${duration(secret.stripe-api.key)}",
    "${int(secret.stripe-api.key)}",
    "${configMap.settings.data[secret.stripe-api.key]}",
    "${'a'.matches(secret.stripe-api.key + '(')}",
  ])("%s is refused without quoting the secret", (text) => {
    const error = refusal(text);
    expect(error.diagnostic.code).toBe("ExpressionFailed");
    expect(JSON.stringify(error.diagnostic) + error.message).not.toContain("hunter");
  });

  it("says where an expression failed", () => {
    expect(refusal("${configMap.settings.nothing}").diagnostic).toMatchObject({
      address: "service/api",
      path: "spec.env.A",
    });
  });

  it("reports a key that does not fit as something to be mended, not tried again", () => {
    const other = new Keyring(new Uint8Array(32).fill(1));
    expect(() =>
      resolve(service({ env: { A: "${secret.stripe-api.key}" } }), { store, keyring: other }),
    ).toThrow(expect.objectContaining({ name: "TerminalError" }));
  });

  it("validates what expressions gave", () => {
    expect(() => checkResolved(service({ command: "x" }), { command: "x", replicas: "many" })).toThrow(
      /not valid/,
    );
  });
});
