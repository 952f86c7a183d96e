/** Class prometheus on real programs: the contract of providers, what is refused, what is killed, what is left. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { conformanceContext as context, providerConformance } from "../../provider/conformance.ts";
import type { MonitorProvider } from "../../provider/monitoring.ts";
import type { Desired } from "../../provider/provider.ts";
import { MonitorBench, NOTHING, TOKEN, desiredMonitor, rules, silence } from "./fixtures/monitors.ts";

const run = promisify(execFile);

providerConformance("class prometheus", {
  desired: desiredMonitor(),
  open: async () => {
    const bench = await MonitorBench.open();
    return {
      provider: await bench.provider(),
      reopen: () => bench.provider(),
      cleanup: () => bench.close(),
    };
  },
});

interface Running {
  readonly bench: MonitorBench;
  readonly provider: MonitorProvider;
  readonly desired: Desired;
  readonly url: string;
  readonly alertmanagerUrl: string;
  /** Of its files. */
  readonly folder: string;
}

async function running(): Promise<Running> {
  const bench = await MonitorBench.open();
  onTestFinished(() => bench.close());
  const provider = await bench.provider();
  const desired = desiredMonitor();
  const { outputs } = await provider.ensure(desired, context);
  const folder = join(bench.folder, "monitors", "default", "web");
  return {
    bench,
    provider,
    desired,
    url: String(outputs["url"]),
    alertmanagerUrl: String(outputs["alertmanagerUrl"]),
    folder,
  };
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

async function ruleNames(url: string): Promise<readonly string[]> {
  const { data } = (await json(`${url}/api/v1/rules`)) as {
    readonly data: { readonly groups: readonly { readonly name: string }[] };
  };
  return data.groups.map(({ name }) => name);
}

async function silenced(url: string): Promise<readonly string[]> {
  const all = (await json(`${url}/api/v2/silences`)) as readonly {
    readonly status: { readonly state: string };
    readonly matchers: readonly { readonly value: string }[];
  }[];
  return all
    .filter(({ status }) => status.state !== "expired")
    .flatMap(({ matchers }) => matchers.map(({ value }) => value))
    .toSorted();
}

/** Ends both with SIGKILL, as a machine that runs out of memory would. */
async function killBoth({ bench, desired }: Running): Promise<void> {
  for (const program of ["prometheus", "alertmanager"])
    await bench.local.servers.stop(desired.identity, {
      purpose: program,
      signal: "SIGKILL",
      graceMs: 10_000,
    });
}

describe("what it is told", () => {
  it("is in force when it has been taken, and is what promtool and amtool find right", async () => {
    const { provider, desired, url, alertmanagerUrl, folder } = await running();
    const hook = { url: "http://127.0.0.1:1/hook" };
    const left = await provider.configure(desired.identity, {
      ...NOTHING,
      files: [rules("Down", "up == 0")],
      routing: {
        route: { receiver: "default/hook" },
        receivers: [
          {
            name: "default/hook",
            webhook_configs: [{ ...hook, timeout: "5s" }],
            command_configs: [{ command: ["notify"] }],
          },
        ],
      },
      silences: [silence("one", "Down")],
    });
    expect(left).toEqual([
      "The Receiver default/hook is told by 'command', which an Alertmanager has not: tell it by webhook.",
    ]);
    expect(await ruleNames(url)).toEqual(["Down"]);
    expect(await silenced(alertmanagerUrl)).toEqual(["Down"]);
    await run("promtool", ["check", "config", join(folder, "prometheus.yml")]);
    await run("amtool", ["check-config", join(folder, "alertmanager.yml")]);
  });

  it("is a query away for whoever asks as the autoscaler does", async () => {
    const { provider, desired } = await running();
    const [value] = await provider.source(desired.identity).query("vector(42)");
    expect(value?.value).toBe(42);
    const end = Math.floor(Date.now() / 1000) * 1000;
    const [series] = await provider.source(desired.identity).queryRange("vector(1)", end - 2000, end, 1000);
    expect(series?.points).toHaveLength(3);
    await expect(provider.source(desired.identity).query("rate(")).rejects.toThrow("refuses the query");
  });

  it("is told in part although another part is refused, which stays as it was", async () => {
    const { provider, desired, url, alertmanagerUrl, folder } = await running();
    const good = { ...NOTHING, files: [rules("Down", "up == 0")] };
    await provider.configure(desired.identity, good);
    const before = readFileSync(join(folder, "alertmanager.yml"), "utf8");
    const bad = {
      targets: [],
      files: [rules("Broken", "rate(")],
      routing: { route: { receiver: "missing" }, receivers: [] },
      silences: [silence("one", "Down")],
    };
    await expect(provider.configure(desired.identity, bad)).rejects.toThrow(
      "Prometheus refuses its configuration",
    );
    expect(await ruleNames(url)).toEqual(["Down"]);
    expect(readFileSync(join(folder, "alertmanager.yml"), "utf8")).toBe(before);
    expect(await silenced(alertmanagerUrl)).toEqual(["Down"]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".trial"))).toEqual([]);
    await provider.configure(desired.identity, { ...good, files: [rules("Slow", "up == 2")] });
    expect(await ruleNames(url)).toEqual(["Slow"]);
  });

  it("holds silences that come, change and go, and leaves those of others alone", async () => {
    const { provider, desired, alertmanagerUrl } = await running();
    const told = (...silences: readonly ReturnType<typeof silence>[]): Promise<unknown> =>
      provider.configure(desired.identity, { ...NOTHING, silences });
    await run("amtool", [
      `--alertmanager.url=${alertmanagerUrl}`,
      "silence",
      "add",
      "-c",
      "x",
      "alertname=Mine",
    ]);
    await told(silence("one", "A"), silence("two", "B"));
    expect(await silenced(alertmanagerUrl)).toEqual(["A", "B", "Mine"]);
    await told(silence("one", "A2", 120));
    expect(await silenced(alertmanagerUrl)).toEqual(["A2", "Mine"]);
    await told();
    expect(await silenced(alertmanagerUrl)).toEqual(["Mine"]);
  });
});

describe("secrets", () => {
  it("stand in files of their owner alone, and in no argument, status, log or message", async () => {
    const { bench, provider, desired, folder } = await running();
    const secret = "s3cret-of-the-hook";
    const receivers = [{ name: "hook", webhook_configs: [{ url: `http://127.0.0.1:1/${secret}` }] }];
    const routing = { route: { receiver: "hook" }, receivers };
    await provider.configure(desired.identity, { ...NOTHING, routing });
    for (const name of ["token", "alertmanager.yml"])
      expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
    const refused = { ...routing, receivers: [{ name: "hook", webhook_configs: [{ url: { is: secret } }] }] };
    const message = await provider
      .configure(desired.identity, { ...NOTHING, routing: refused })
      .catch((error: Error) => error.message);
    const observed = await provider.observe(desired, context);
    const commands = ["prometheus", "alertmanager"].map((program) =>
      readFileSync(`/proc/${bench.local.servers.find(desired.identity, program) ?? 0}/cmdline`, "utf8"),
    );
    const logs = ["prometheus.log", "alertmanager.log"].map((name) =>
      readFileSync(join(folder, name), "utf8"),
    );
    const shown = JSON.stringify([message, observed, commands, logs]);
    expect(message).toContain("Alertmanager refuses its configuration");
    for (const word of [secret, TOKEN]) expect(shown).not.toContain(word);
  });
});

it("runs with none of root's powers", async () => {
  const { bench, desired } = await running();
  for (const program of ["prometheus", "alertmanager"]) {
    const pid = bench.local.servers.find(desired.identity, program) ?? 0;
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^CapEff:\s+0+$/m);
  }
});

describe("a kill", () => {
  it("of both programs is over with the next look: rules, routing and silences are in force again", async () => {
    const all = await running();
    const { provider, desired, url, alertmanagerUrl } = all;
    await provider.configure(desired.identity, {
      ...NOTHING,
      files: [rules("Down", "up == 0")],
      silences: [silence("one", "Down")],
    });
    await killBoth(all);
    expect(await provider.observe(desired, context)).toBeUndefined();
    expect((await provider.ensure(desired, context)).outputs).toEqual({ url, alertmanagerUrl });
    expect(await ruleNames(url)).toEqual(["Down"]);
    expect(await silenced(alertmanagerUrl)).toEqual(["Down"]);
  });

  it("of the control plane and of both programs while files are on trial leaves the former ones in force", async () => {
    const all = await running();
    const { bench, desired, provider, folder, url } = all;
    await provider.configure(desired.identity, { ...NOTHING, files: [rules("Down", "up == 0")] });
    await killBoth(all);
    // As it is when the journal and one of the files have been written.
    const [file = ""] = readdirSync(join(folder, "rules"));
    const path = join(folder, "rules", file);
    const journal = { mode: 0o644, former: { [path]: readFileSync(path, "utf8") } };
    writeFileSync(join(folder, "prometheus.trial"), JSON.stringify(journal));
    writeFileSync(path, "{ this is no rule file");
    const next = await bench.provider();
    expect((await next.ensure(desired, context)).ready).toBe(true);
    expect(await ruleNames(url)).toEqual(["Down"]);
  });

  it("after which somebody else has its port: it listens at another, and they find each other", async () => {
    const all = await running();
    const { provider, desired, url, alertmanagerUrl, folder } = all;
    await provider.configure(desired.identity, NOTHING);
    await killBoth(all);
    const squatters = [url, alertmanagerUrl].map((one) =>
      createServer().listen(Number(new URL(one).port), "127.0.0.1"),
    );
    onTestFinished(() => squatters.forEach((server) => server.close()));
    await Promise.all(squatters.map((server) => new Promise((resolve) => server.once("listening", resolve))));
    const { outputs } = await provider.ensure(desired, context);
    expect(outputs["url"]).not.toBe(url);
    const { host } = new URL(String(outputs["alertmanagerUrl"]));
    expect(readFileSync(join(folder, "prometheus.yml"), "utf8")).toContain(host);
  });
});

describe("what stands against it", () => {
  it("is a program that is missing, said before anything is made and when it is", async () => {
    const bench = await MonitorBench.open();
    onTestFinished(() => bench.close());
    const provider = await bench.provider({ folders: ["/nowhere"] });
    const prospect = { namespace: "default", name: "web", spec: {}, folder: "/" };
    expect((await provider.obstacles?.(prospect, context))?.map(({ code, hint }) => [code, hint])).toEqual([
      ["ProgramMissing", expect.stringContaining("apt-get install prometheus-alertmanager")],
      ["ProgramMissing", expect.stringContaining("apt-get install prometheus'")],
    ]);
    await expect(provider.ensure(desiredMonitor(), context)).rejects.toThrow("is not installed");
    const elsewhere = { url: "http://127.0.0.1:9", rules: "/tmp" };
    expect(await provider.obstacles?.({ ...prospect, spec: { server: elsewhere } }, context)).toEqual([]);
  });

  it("is a Prometheus that is said to be there and is not", async () => {
    const bench = await MonitorBench.open();
    onTestFinished(() => bench.close());
    const provider = await bench.provider();
    const rulesFolder = join(bench.folder, "rules");
    const desired = desiredMonitor("far", { server: { url: "http://127.0.0.1:9", rules: rulesFolder } });
    await expect(provider.ensure(desired, context)).rejects.toThrow("No Prometheus answers");
    expect(await provider.remove(desired, { ...context, keepData: false })).toEqual([]);
  });
});

describe("one that is there already", () => {
  it("gets rules and silences beside those of others, refuses bad ones, and loses only ours", async () => {
    const there = await running();
    const rulesFolder = join(there.folder, "rules");
    mkdirSync(rulesFolder, { recursive: true });
    const theirs = join(rulesFolder, "theirs.json");
    writeFileSync(theirs, JSON.stringify({ groups: rules("Theirs", "up == 3").groups }));
    const bench = await MonitorBench.open();
    onTestFinished(() => bench.close());
    const provider = await bench.provider();
    const server = { url: there.url, alertmanagerUrl: there.alertmanagerUrl, rules: rulesFolder };
    const [one, other] = [desiredMonitor("one", { server }), desiredMonitor("other", { server })];
    for (const [desired, name] of [
      [one, "One"],
      [other, "Other"],
    ] as const) {
      await provider.ensure(desired, context);
      await provider.configure(desired.identity, {
        ...NOTHING,
        files: [rules(name, "up == 4")],
        silences: [silence(name, name)],
      });
    }
    expect([...(await ruleNames(there.url))].toSorted()).toEqual(["One", "Other", "Theirs"]);
    expect(await silenced(there.alertmanagerUrl)).toEqual(["One", "Other"]);
    await expect(
      provider.configure(one.identity, { ...NOTHING, files: [rules("One", "sum(")], silences: [] }),
    ).rejects.toThrow("Prometheus refuses its configuration");
    expect([...(await ruleNames(there.url))].toSorted()).toEqual(["One", "Other", "Theirs"]);
    expect(await provider.remove(one, { ...context, keepData: false })).toEqual([]);
    expect([...(await ruleNames(there.url))].toSorted()).toEqual(["Other", "Theirs"]);
    expect(await silenced(there.alertmanagerUrl)).toEqual(["Other"]);
    expect(await provider.remove(other, { ...context, keepData: false })).toEqual([]);
    expect(readdirSync(rulesFolder)).toEqual(["theirs.json"]);
  });

  it("is left with nothing of ours when the Monitor has one of its own, and the other way round", async () => {
    const there = await running();
    const rulesFolder = join(there.folder, "rules");
    const bench = await MonitorBench.open();
    onTestFinished(() => bench.close());
    const provider = await bench.provider();
    const server = { url: there.url, alertmanagerUrl: there.alertmanagerUrl, rules: rulesFolder };
    const [guest, own] = [desiredMonitor("web", { server }), desiredMonitor("web")];
    const told = { ...NOTHING, files: [rules("Down", "up == 0")], silences: [silence("one", "Down")] };
    await provider.ensure(guest, context);
    await provider.configure(guest.identity, told);
    await provider.ensure(own, context);
    expect(await ruleNames(there.url)).toEqual([]);
    expect(await silenced(there.alertmanagerUrl)).toEqual([]);
    await provider.configure(own.identity, told);
    await provider.ensure(guest, context);
    expect(bench.local.servers.find(own.identity, "prometheus")).toBeUndefined();
    await provider.configure(guest.identity, told);
    expect(await ruleNames(there.url)).toEqual(["Down"]);
    await provider.remove(guest, { ...context, keepData: false });
    expect(readdirSync(rulesFolder)).toEqual([]);
  });
});
