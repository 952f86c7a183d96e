/** What is measured and what is wrong, as people ask for it: top, metrics, alerts, silence and slo on one running system. */
import { expect, test } from "vitest";
import { loadOn } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

/** Fires at once and for as long as it is declared. */
const ALWAYS = {
  kind: "AlertRule",
  metadata: { name: "own" },
  spec: {
    groups: [
      {
        name: "own",
        interval: "1s",
        rules: [
          {
            alert: "Always",
            expr: 'tutti_service_replicas_wanted{tutti_service="api"} > 0',
            labels: { severity: "warning" },
            annotations: { summary: "{{ $labels.tutti_resource }} is wanted." },
          },
        ],
      },
    ],
  },
};

/** Milliseconds: objectives take half a minute, and each verb is a process of its own. */
const LONG = 240_000;

test(
  "the verbs of monitoring say what is, refuse what is wrong, and go on after a kill of the control plane",
  async () => {
    const home = openHome();
    const folder = home.declare(`${web({ replicas: 2 })}\n---\n${JSON.stringify(ALWAYS)}`);
    await home.ok(["up", folder, "--yes"]);
    const load = loadOn(await home.url("front"), { connections: 1 });
    /** What it prints, as soon as that fits. Objectives are evaluated every half minute. */
    const shown = (args: readonly string[], pattern: RegExp): Promise<string> =>
      until(
        `tutti ${args.join(" ")} to show ${pattern.source}`,
        async () => {
          const { stdout } = await home.tutti(args);
          return pattern.test(stdout) ? stdout : undefined;
        },
        90_000,
      );
    const refused = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await home.tutti(args);
      expect(code, args.join(" ")).toBe(2);
      return stderr;
    };

    // What uses how much: what is ready of what is wanted, in units that declarations have.
    await shown(["top"], /^api +2\/2 +\d+m +\S+Mi +[\d.]+k? +0% +\S+s$/m);
    await shown(["top", "service/api"], /^api-\w+ +1 [^]*^api-\w+ +1 /m);
    const rows = JSON.parse(await home.ok(["top", "-o", "json"])) as readonly Record<string, unknown>[];
    expect(rows).toMatchObject([{ name: "api", ready: 2, wanted: 2, cpu: expect.any(Number) as number }]);
    await load.stop();

    // PromQL, with a plot or without.
    expect(await home.ok(["metrics", "query", "--instant", "1 + 1"])).toMatch(/^2 +\{\}$/m);
    await shown(
      ["metrics", "query", "--since", "1m", "tutti_instance_ready"],
      /┤[^]*^a +1 +tutti_instance_ready/m,
    );
    await shown(["metrics", "targets"], /^up +\S+ +\S+ +balancers +front/m);
    expect(await home.ok(["metrics", "names", "instance_memory"])).toContain("tutti_instance_memory_bytes");
    expect((await home.tutti(["metrics", "query", "tutti_instance_redy"])).stderr).toContain(
      "Did you mean 'tutti_instance_ready'?",
    );
    expect(await refused("metrics", "query", "rate(up)")).toContain("expected type range vector");
    expect(await refused("metrics", "query", "up", "--since=-5m")).toContain("no duration");
    expect(await refused("metrics", "query", "up", "--at", "yesterday")).toContain("no time");
    expect(await refused("metrics", "query", "up", "--step", "1ms", "--since", "1d")).toContain("too many");

    // What is wrong, and that nobody is told of what is silenced.
    await shown(["alerts"], /^firing +\S+ +warning +Always +service\/api\b.*service\/api is wanted\.$/m);
    await home.ok(["silence", "add", "service/api", "--for", "1h", "--name", "quiet", "--comment", "a test"]);
    await shown(["alerts"], /^firing, silenced .*Always/m);
    expect(await home.ok(["alerts", "Always"])).toContain("Nobody is told: it is silenced");
    expect(await home.ok(["silence", "list"])).toMatch(/^quiet +.*service\/api.* active .*a test/m);
    expect(await refused("silence", "add", 'a=~"("', "--for", "1h")).toContain("no regular expression");

    // Objectives that came with the balancer.
    await shown(["slo"], /^front-all +loadBalancer\/front +99\.9% +100%/m);

    // The next control plane knows all of it.
    const before = await home.get(
      "Alert/" + (await home.ok(["alerts", "Always", "-o", "name"])).trim().slice(6),
    );
    await home.killControlPlane();
    expect((await home.tutti(["alerts"])).code).toBe(4);
    await home.ok(["up", folder, "--yes"]);
    await shown(["alerts"], /^firing, silenced .*Always/m);
    const after = await home.get(`Alert/${before?.metadata.name ?? ""}`);
    expect(after?.status?.["firedAt"]).toBe(before?.status?.["firedAt"]);

    await home.ok(["silence", "end", "quiet"]);
    await shown(["alerts"], /^firing +\d\S* .*Always/m);
    await home.ok(["down", "web", "--yes"]);
    // What the machine is alerted of is not this system's.
    const gone = (verb: string): Promise<true> =>
      until(`nothing in ${verb} of what is gone`, async () => {
        const shown = await home.ok([verb]);
        if (/\bapi\b/.test(shown)) throw new Error(`It shows:\n${shown}`);
        return true;
      });
    await gone("alerts");
    await gone("top");
    await gone("slo");
  },
  LONG,
);

test("what cannot be used is refused as a whole", async () => {
  const home = openHome();
  await home.serve();
  const declared = async (kind: string, spec: object): Promise<string> => {
    const document = (rest: object): string => JSON.stringify(rest);
    const folder = home.declare(
      [
        document({ kind: "System", metadata: { name: "bad" } }),
        document({ kind, metadata: { name: "one" }, spec }),
      ].join("\n---\n"),
      { folder: `bad-${kind}` },
    );
    const { code, stderr } = await home.tutti(["up", folder, "--yes"]);
    expect(code, kind).toBe(2);
    return stderr;
  };
  const rule = { alert: "Bad", expr: "rate(up" };
  expect(await declared("AlertRule", { groups: [{ name: "g", rules: [rule] }] })).toContain(
    "spec.groups[0].rules[0]",
  );
  expect(
    await declared("Receiver", { webhook: { url: "http://127.0.0.1:1" }, matchers: ["severity"] }),
  ).toContain("InvalidMatcher");
  expect(await declared("Receiver", {})).toContain("no way to tell anybody");
  expect(
    await declared("Silence", { matchers: [{ name: "a", value: "(", isRegex: true }], duration: "1h" }),
  ).toContain("InvalidMatcher");
  expect(await declared("Monitor", { objective: 120 })).toContain("spec.objective");
  expect(await home.list("System")).toEqual([]);
});
