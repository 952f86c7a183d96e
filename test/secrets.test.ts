import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kinds } from "../src/kinds/registry.ts";
import { PROGRAMS, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { allPids, commandLineOf, startedBy } from "./support/processes.ts";

const GIVEN = "tr0ub4dor-and-3-horses";

const SYSTEM = (command: string): string => `
kind: System
metadata: { name: vault }
---
kind: Secret
metadata: { name: given }
stringData: { password: ${GIVEN} }
---
kind: Secret
metadata: { name: made }
generate: { key: {} }
---
kind: Database
metadata: { name: ledger }
---
kind: Service
metadata: { name: api }
spec:
  command: ["node", "${PROGRAMS}/${command}"]
  ports: [{ name: http }]
  env:
    PASSWORD: \${secret.given.password}
    KEY: \${secret.made.key}
    DATABASE_URL: \${database.ledger.status.url}
    SAY: "\${secret.given.password} and \${secret.made.key}"
  rollout: { progressDeadline: 2s }
`;

/** What the program was really given. */
function secretsIn(home: TestHome): ReadonlyMap<string, string> {
  const env = startedBy(home.path).find(({ id }) => id?.startsWith("Instance/"))?.env;
  const url = env?.get("DATABASE_URL") ?? "";
  return new Map([
    ["the given password", env?.get("PASSWORD") ?? ""],
    ["the generated key", env?.get("KEY") ?? ""],
    ["the database's password", new URL(url).password],
  ]);
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** As it is, in an address, in hex, and within anything that was turned into base64 as a whole. */
function spellings(value: string): readonly string[] {
  const encoded = [0, 1, 2].map((offset) => {
    const text = Buffer.from("x".repeat(offset) + value).toString("base64");
    return text.slice(offset === 0 ? 0 : offset + 1, -4);
  });
  return [value, encodeURIComponent(value), Buffer.from(value).toString("hex"), ...encoded];
}

function leaksIn(
  texts: ReadonlyMap<string, string>,
  secrets: ReadonlyMap<string, string>,
): readonly string[] {
  return [...texts].flatMap(([where, text]) =>
    [...secrets].flatMap(([name, value]) =>
      spellings(value).some((spelling) => text.includes(spelling)) ? [`${name} is in '${where}'`] : [],
    ),
  );
}

test("no value of a secret is in store, logs, events, plans, errors, answers or process listings", async () => {
  const home = openHome();
  const folder = home.declare(SYSTEM("server.ts"));
  const texts = new Map<string, string>();
  const run = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await home.tutti(args);
    texts.set(args.join(" "), stdout + stderr);
    return stdout;
  };
  await run("plan", folder);
  await run("plan", folder, "-o", "json");
  await run("up", folder);
  const secrets = secretsIn(home);
  for (const [name, value] of secrets) expect(value.length, name).toBeGreaterThanOrEqual(16);
  expect(secrets.get("the given password")).toBe(GIVEN);

  expect(await run("logs", "api")).toContain("the value is (secret) and (secret)");
  const rows = allPids().map(commandLineOf).join("\n");
  texts.set("process listing", rows);
  const broken = home.declare(SYSTEM("no-such-file.ts"), { folder: "broken" });
  await run("plan", broken, "-o", "json");
  await run("up", broken);
  await run(
    "up",
    home.declare(SYSTEM("server.ts").replace("KEY:", "ECHO: '${secret.given.no}'\n    KEY:"), {
      folder: "bad",
    }),
  );
  await run("logs", "api", "--previous");
  await run("events");
  await run("rollout", "history", "api");
  await run("describe", "service/api");
  await run("describe", "secret/given");
  await run("why", "service/api");
  await run("get", "all", "-o", "yaml");

  const { url } = home.client();
  const answer = async (path: string): Promise<void> => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${home.token}` } });
    texts.set(path, await response.text());
  };
  const past = ["", "?at=1s", "?at=10"];
  for (const { kind, plural, group, version } of kinds) {
    const path = `${group === "" ? "/api" : `/apis/${group}`}/${version}/${plural}`;
    // The person who may read a Secret is given its data; nobody else's answer holds it.
    if (kind !== "Secret") for (const at of past) await answer(path + at);
  }
  const names = "/apis/tutti.dev/v1/namespaces/default";
  for (const name of ["services/api", "databases/ledger", "systems/vault"])
    for (const view of ["", "/why", "/history"]) await answer(`${names}/${name}${view}`);
  for (const file of filesBelow(home.path)) {
    // The database's own files hold what programs wrote into it; its folder is not the control plane's record.
    if (file.includes("/cache/") || statSync(file).size > 64 << 20) continue;
    // What the program itself wrote is the program's; it is masked when it is read.
    if (file.startsWith(join(home.path, "instances"))) continue;
    texts.set(file, readFileSync(file, "latin1"));
  }
  const revealed = await home.ok(["get", "database/ledger", "--reveal", "-o", "yaml"]);
  await home.ok(["stop"]);
  texts.set("store after a clean stop", readFileSync(join(home.path, "store.db"), "latin1"));

  expect(leaksIn(texts, secrets)).toEqual([]);
  expect(leaksIn(new Map([["what is asked to reveal it", revealed]]), secrets)).toHaveLength(1);
});
