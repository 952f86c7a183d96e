import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../client/client.ts";
import { kindNamed } from "../kinds/registry.ts";
import { verbs } from "./commands/index.ts";
import { type Bench, Screen, noControlPlane, startBench, tutti } from "./fixtures/terminal.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
  const client = await bench.access.start();
  for (const name of ["web", "worker"])
    await client.create(kindNamed("Service") as KindName, {
      apiVersion: "tutti.dev/v1",
      kind: "Service",
      metadata: { name },
      spec: { command: "run", replicas: 2 },
    });
  client.close();
});
afterAll(() => bench.close());

describe("wrong usage", () => {
  it.each([
    ["upp", "error: There is no verb 'upp'.\n  Did you mean 'up'?\n"],
    ["get servces", "error: There is no kind 'servces'.\n  Did you mean 'services'?\n"],
    [
      "get service/wokrer",
      "error: There is no service 'wokrer' in the namespace 'default'.\n  Did you mean 'worker'?\n",
    ],
    ["describe nothing/x", "error: There is no kind 'nothing'.\n  Kinds: "],
    ["scale web many", "error: 'many' is no number of replicas.\n  Write 6, +2 or -2.\n"],
    ["logs web --tail -1", "error: '-1' is no number of lines."],
    ["scale web 3 --timeout soon", "error: 'soon' is no duration.\n  Write for example 30s, 5m or 1h30m.\n"],
    [
      "up --set replicas",
      "error: --set takes name=value, not 'replicas'.\n  Write for example --set replicas=3.\n",
    ],
    ["up --tiemout 3", "error: unknown option '--tiemout'\n(Did you mean --timeout?)\n"],
    ["get web services -o xml", "error: option '-o, --output <format>' argument 'xml' is invalid."],
    ["rollout undoo web", "error: unknown command 'undoo'"],
    ["exec web", "error: Say which command.\n  For example: tutti exec api -- sh\n"],
    ["completion tcsh", "error: There is no completion for 'tcsh'."],
    ["--wat", "error: There is no option '--wat' without a verb."],
  ])("is refused with what was probably meant: %s", async (words, text) => {
    const { code, err, out } = await tutti(words, bench.access);
    expect(err).toContain(text);
    expect(out).toBe("");
    expect(code).toBe(words.startsWith("get service/") ? 1 : 2);
  });
});

describe("help", () => {
  it.each(verbs.map((verb) => verb.name))("of %s shows examples and exits with 0", async (name) => {
    const { code, out, err } = await tutti([name, "--help"], bench.access);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/Examples:\n {2}\$ .*tutti/);
  });

  it("lists every verb once, and the exit codes", async () => {
    const { out } = await tutti("", bench.access);
    for (const verb of verbs)
      expect(out.split("\n").filter((line) => line.startsWith(`  ${verb.name} `))).toHaveLength(1);
    expect(out).toContain("4  no control plane answers");
  });
});

describe("arguments", () => {
  it.each([
    ["scale web 5", 5],
    ["scale web +2", 7],
    ["scale web -3", 4],
    ["scale web -9", 0],
    ["scale service/web 1", 1],
  ])("%s", async (words, replicas) => {
    const { code, out } = await tutti(`${words} --no-wait -o json`, bench.access);
    expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 0, service: "web", replicas });
    expect(bench.store.get({ kind: "Service", namespace: "default", name: "web" })?.spec).toMatchObject({
      replicas,
    });
  });

  it("of every verb may stand before or behind it", async () => {
    const before = await tutti("-o name get services", bench.access);
    const behind = await tutti("get services -o name", bench.access);
    expect(before).toEqual(behind);
    expect(before.out).toBe("service/web\nservice/worker\n");
    expect((await tutti("-n elsewhere get svc", bench.access)).err).toBe(
      "No resources found in the namespace 'elsewhere'.\n",
    );
    expect((await tutti("get svc", bench.access, { env: { TUTTI_NAMESPACE: "elsewhere" } })).err).toContain(
      "'elsewhere'",
    );
  });
});

describe("output", () => {
  it("is a table, its columns wide enough, the age last", async () => {
    const { out } = await tutti("get svc web worker", bench.access);
    expect(out).toMatch(
      /^NAME {4}READY {2}UPDATED {2}AGE\nweb {5}0\/\d {4}0 {8}\d+s\nworker {2}0\/2 {4}0 {8}\d+s\n$/,
    );
  });

  it("is the resource itself as JSON and YAML, or a list", async () => {
    expect(JSON.parse((await tutti("get svc/web -o json", bench.access)).out)).toMatchObject({
      kind: "Service",
      metadata: { name: "web" },
    });
    expect((await tutti("get svc/web -o yaml", bench.access)).out).toMatch(
      /^apiVersion: tutti.dev\/v1\nkind: Service\n/,
    );
    expect(JSON.parse((await tutti("get svc,db -o json", bench.access)).out)).toMatchObject({
      kind: "List",
      items: [{}, {}],
    });
  });

  it("is coloured for people only, unless NO_COLOR or --no-color says otherwise", async () => {
    const coloured = async (words: string, env: Record<string, string>): Promise<boolean> =>
      (await tutti(words, bench.access, { answers: [], env })).out.includes("\u001b[");
    expect(await coloured("describe web", { NO_COLOR: "" })).toBe(true);
    expect(await coloured("describe web", { NO_COLOR: "1" })).toBe(false);
    expect(await coloured("describe web --no-color", { NO_COLOR: "" })).toBe(false);
    expect((await tutti("describe web", bench.access, { env: { NO_COLOR: "" } })).out).not.toContain(
      "\u001b[",
    );
  });

  it("may be cut off by who reads it", async () => {
    const stdout = new Screen();
    stdout.isBroken = true;
    expect(await tutti("get services", bench.access, { stdout })).toMatchObject({ code: 0, err: "" });
  });
});

describe("without a control plane", () => {
  it.each(["get services", "status", "apply /nowhere", "scale web 3", "why service/web"])(
    "%s exits with 4 and says how to start one",
    async (words) => {
      const { code, err } = await tutti(words, noControlPlane(bench.access));
      expect({ code, err }).toEqual({
        code: 4,
        err: "error: No control plane is running.\n  Start one with 'tutti up <folder>' or 'tutti serve'.\n",
      });
    },
  );

  it("one that registered and does not answer is unreachable", async () => {
    const { createClient } = await import("../client/http-client.ts");
    const gone = {
      ...bench.access,
      connect: async () => Promise.resolve(createClient({ url: "http://127.0.0.1:1", token: "t" })),
    };
    expect(await tutti("get services", gone)).toMatchObject({
      code: 4,
      err: expect.stringContaining("tutti doctor") as unknown,
    });
  });

  it("completion and version answer all the same", async () => {
    const away = noControlPlane(bench.access);
    expect(await tutti("version", away)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^tutti 1\.2\.3 /) as unknown,
    });
    expect((await tutti("completion words -- sta", away)).out).toBe("status\n");
  });
});

describe("completion", () => {
  it.each([
    [["sc"], "scale\nschedule\nschema\n"],
    [["get", "service/w"], "service/web\nservice/worker\n"],
    [["get", "services", "wo"], "worker\n"],
    [["get", "loadb"], "loadbalancer\nloadbalancers\n"],
    [["scale", ""], "web\nworker\n"],
    [["rollout", "u"], "undo\n"],
    [["rollout", "undo", "we"], "web\n"],
    [["get", "services", "-o", "j"], "json\n"],
    [["up", "--ti"], "--timeout\n"],
    [["nonsense", ""], ""],
  ])("%j", async (words, out) => {
    expect((await tutti(["completion", "words", "--", ...words], bench.access)).out).toBe(out);
  });

  it.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    expect((await tutti(["completion", shell], bench.access)).out).toContain("completion words --");
  });
});
