/**
 * Every rule that is generated is one that Prometheus takes, and its test passes: in Debian's promtool and in our own
 * runner. Of the storefront as it stands, and of a System that has one of everything, tuned to extremes.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runRuleTests } from "../../metrics/rules/test-run.ts";
import { LABELS, type Draft } from "../../model/resource.ts";
import { load } from "../../sdk/load.ts";
import { draft, stored } from "./fixtures/bench.ts";
import { controlPlaneSubject } from "./rules/control-plane.ts";
import { type GeneratedRules, MONITORED_KINDS, generateRules } from "./rules/generate.ts";
import { DEFAULTS, type MonitorSpec, type Subject, subjectOf } from "./subject.ts";
import { validate } from "../../kinds/validate.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-generated-rules-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const monitor = (spec: object): Draft => draft("Monitor", "tuning", spec);
const tunedBy = (spec: object): MonitorSpec => monitor(spec).spec as MonitorSpec;

const EVERYTHING: readonly Draft[] = [
  draft("Service", "api", {
    command: "run",
    resources: { cpu: "500m", memory: "64Mi" },
    ports: [{ name: "http" }],
    metrics: { path: "/metrics" },
  }),
  draft("LoadBalancer", "front", {
    listeners: [
      { name: "https", protocol: "https" },
      { name: "raw", protocol: "tcp", service: "api" },
    ],
    routes: [
      { path: "/api", service: "api" },
      { host: "*.shop.test", path: "/a(b)+c", service: "api" },
    ],
  }),
  draft("Database", "orders", { backup: { schedule: "0 3 * * 0" } }),
  draft("Volume", "uploads", { size: "1Gi" }),
  draft("Machine", "web", { image: "busybox" }),
  draft("Network", "internal", {}),
  draft("DNSZone", "zone", { domain: "shop.test" }),
  draft("DNSRecord", "www", { zone: "zone", name: "www", values: ["127.0.0.1"] }),
  draft("Location", "local", {}),
  draft("System", "shop", {}),
  draft("Workflow", "nightly", { steps: { a: { type: "pass" } } }),
  monitor({
    owner: 'team "shop" \\ tools',
    slos: [
      { name: "checkout", objective: 99.95, service: "api", window: "7d" },
      {
        name: "fast",
        objective: 95,
        balancer: "front",
        route: "/api",
        indicator: { latency: { threshold: "250ms" } },
      },
      { name: "low", objective: 60, service: "api" },
      { name: "own", objective: 99, indicator: { ratio: { errors: "bad_total", total: "all_total" } } },
    ],
  }),
];

function subjects(resources: readonly Draft[], tuning: MonitorSpec): readonly Subject[] {
  return [
    controlPlaneSubject(tuning),
    ...resources.map((resource) =>
      subjectOf(
        stored({ ...resource, metadata: { ...resource.metadata, labels: { [LABELS.system]: "shop" } } }),
        resource.kind === "Monitor" ? (resource.spec as MonitorSpec) : tuning,
      ),
    ),
  ];
}

interface File {
  readonly name: string;
  readonly generated: GeneratedRules;
}

function generate(of: string, resources: readonly Draft[], tuning: MonitorSpec): readonly File[] {
  return subjects(resources, tuning).flatMap((subject, index) => {
    const generated = generateRules(subject);
    return generated === undefined ? [] : [{ name: `${of}-${index}`, generated }];
  });
}

function written({ name, generated }: File): { readonly rules: string; readonly tests: string } {
  const rules = join(folder, `${name}.rules.yml`);
  const tests = join(folder, `${name}.tests.yml`);
  writeFileSync(rules, JSON.stringify({ groups: generated.groups }));
  writeFileSync(tests, JSON.stringify({ rule_files: [`${name}.rules.yml`], tests: generated.tests }));
  return { rules, tests };
}

/** Fails with what promtool says. It must be there: the package prometheus has it. */
function promtool(...words: readonly string[]): void {
  try {
    execFileSync("promtool", words, { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`promtool ${words[0]} ${words[1]}: ${stdout}\n${stderr}\n${String(error)}`, {
      cause: error,
    });
  }
}

async function storefront(): Promise<readonly Draft[]> {
  const { resources, diagnostics } = await load(join(ROOT, "examples", "storefront", "tutti.yaml"), {
    values: {},
    env: {},
  });
  expect(diagnostics).toEqual([]);
  return resources
    .map((resource) => validate(resource).resource as Draft)
    .filter(({ kind }) => MONITORED_KINDS.includes(kind));
}

describe.each<[string, () => Promise<readonly Draft[]>, MonitorSpec]>([
  ["the storefront", storefront, DEFAULTS],
  ["one of everything", () => Promise.resolve(EVERYTHING), tunedBy({ owner: "team-shop" })],
  [
    "one of everything, strictly",
    () => Promise.resolve(EVERYTHING),
    tunedBy({
      objective: 99.99,
      thresholds: {
        errorRatio: 0.001,
        latency: "50ms",
        cpu: 0.1,
        memory: 0.1,
        connections: 0.1,
        slowQueries: 0.1,
        diskFull: "1h",
        certificate: "60d",
        restarts: 1,
        backupAge: "1h",
        queueDepth: 1,
        commit: "10ms",
      },
    }),
  ],
  [
    "one of everything, leniently",
    () => Promise.resolve(EVERYTHING),
    tunedBy({
      objective: 90,
      thresholds: {
        errorRatio: 0.9,
        latency: "30s",
        cpu: 0.99,
        slowQueries: 100,
        diskFull: "7d",
        certificate: "1d",
        restarts: 50,
        backupAge: "30d",
      },
    }),
  ],
])("the rules of %s", (title, resourcesOf, tuning) => {
  let files: readonly File[];
  let paths: readonly { readonly rules: string; readonly tests: string }[];
  beforeAll(async () => {
    files = generate(title.replaceAll(/\W+/g, "-"), await resourcesOf(), tuning);
    paths = files.map(written);
  });

  it("are taken by Prometheus", () => {
    promtool("check", "rules", ...paths.map(({ rules }) => rules));
  });

  it("pass their tests in promtool", () => {
    promtool("test", "rules", ...paths.map(({ tests }) => tests));
  });

  it("pass their tests in our own runner", () => {
    const results = runRuleTests(
      paths.map(({ tests }) => ({ file: tests, text: readFileSync(tests, "utf8") })),
      {
        ruleFiles: (pattern) => [{ file: pattern, text: readFileSync(join(folder, pattern), "utf8") }],
      },
    );
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results.length).toBe(files.reduce((sum, { generated }) => sum + generated.tests.length, 0));
  });

  it("have a test of firing for every alert, and of not firing for all but the one that always does", () => {
    for (const { generated } of files) {
      const alerts = new Set(
        generated.groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? [])),
      );
      const cases = generated.tests.flatMap((test) => test.alert_rule_test);
      for (const alert of alerts) {
        const own = cases.filter(({ alertname }) => alertname === alert);
        expect(
          own.some(({ exp_alerts = [] }) => exp_alerts.length > 0),
          alert,
        ).toBe(true);
        if (alert !== "Watchdog")
          expect(
            own.some(({ exp_alerts }) => exp_alerts === undefined),
            alert,
          ).toBe(true);
      }
    }
  });
});

const runbooks = readFileSync(join(ROOT, "docs", "runbooks.md"), "utf8");
const everyAlert = new Set(
  generate("names", EVERYTHING, DEFAULTS)
    .flatMap(({ generated }) => generated.groups)
    .flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? [])),
);

describe("docs/runbooks.md", () => {
  it.each([...everyAlert].toSorted())("says of %s what it means, how to look and what to do", (alert) => {
    const section = runbooks.split(/^## /m).find((text) => text.startsWith(`${alert}\n`));
    for (const part of ["**Means**", "**Look**", "**Do**"]) expect(section ?? "(no section)").toContain(part);
  });

  it("has no section for an alert that is not there", () => {
    const sections = [...runbooks.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections.filter((name) => !everyAlert.has(name ?? ""))).toEqual([]);
  });
});

describe("each alert", () => {
  it("has a severity, the resource it is of, a summary, a description and a runbook", () => {
    const rules = generate(
      "texts",
      EVERYTHING,
      tunedBy({ owner: "team-shop", runbooks: "https://wiki.test/run/" }),
    )
      .flatMap(({ generated }) => generated.groups)
      .flatMap((group) => group.rules)
      .filter(({ alert }) => alert !== undefined);
    for (const { alert = "", labels, annotations } of rules) {
      expect(labels, alert).toMatchObject({
        severity: expect.stringMatching(/^(critical|warning|info|none)$/) as string,
        tutti_namespace: "default",
        tutti_resource: expect.any(String) as string,
      });
      expect(annotations, alert).toMatchObject({
        summary: expect.stringMatching(/\.$/) as string,
        description: expect.stringMatching(/\.$/) as string,
      });
    }
    expect(rules.find(({ alert }) => alert === "ServiceDown")?.annotations?.["runbook_url"]).toBe(
      "https://wiki.test/run/servicedown",
    );
    expect(rules.find(({ alert }) => alert === "ServiceDown")?.labels?.["tutti_owner"]).toBe("team-shop");
  });

  it("can be turned off by its name, of a resource, and of one resource only", () => {
    const names = (disable: readonly string[]): readonly string[] =>
      generate("off", EVERYTHING.slice(0, 3), tunedBy({ rules: { disable } }))
        .flatMap(({ generated }) => generated.groups)
        .flatMap(({ name, rules }) => rules.map(({ alert }) => `${name} ${alert ?? ""}`));
    expect(names([]).filter((name) => name.includes("ServiceSlow"))).toHaveLength(1);
    expect(names(["ServiceSlow"]).filter((name) => name.includes("ServiceSlow"))).toEqual([]);
    expect(names(["service/api"]).filter((name) => name.startsWith("service.api"))).toEqual([]);
    const one = names(["database/orders:ResourceNotReady"]).filter((name) =>
      name.includes("ResourceNotReady"),
    );
    expect(one.some((name) => name.startsWith("database.orders"))).toBe(false);
    expect(one.some((name) => name.startsWith("service.api"))).toBe(true);
  });
});
