/** Alerts and silences from the command line. What is measured is tested where something is: test/monitoring-verbs.test.ts. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { kindNamed } from "../../kinds/registry.ts";
import type { Resource } from "../../model/resource.ts";
import { type Bench, startBench, tutti } from "../fixtures/terminal.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.close());

async function put(kind: string, name: string, spec: object, status?: object): Promise<void> {
  const resource = { apiVersion: "tutti.dev/v1", kind, metadata: { name, namespace: "default" }, spec };
  const cause = { actor: "user:test", action: "test" };
  await bench.store.commit([{ type: "create", resource: resource as never }], cause);
  const key = { kind, namespace: "default", name };
  if (status !== undefined)
    await bench.store.commit([{ type: "status", key, status: status as never }], cause);
}

const silences = (): readonly Resource[] => bench.store.list({ kind: "Silence" }).items;
const matchers = (): unknown =>
  silences().map(({ spec }) =>
    (kindNamed("Silence")?.columns[0]?.value({ spec } as never) as string | undefined)?.replaceAll('"', ""),
  );

describe("tutti silence", () => {
  beforeEach(() => put("Service", "api", { command: "run", replicas: 1 }));

  it("silences a resource, or what fits Alertmanager's matchers", async () => {
    expect((await tutti("silence add service/api --for 2h", bench.access)).code).toBe(0);
    expect((await tutti("silence add svc/api severity!=critical --for 2h", bench.access)).code).toBe(0);
    expect((await tutti("silence add a=~x|y,b!~z --for 2h", bench.access)).code).toBe(0);
    expect(matchers()).toEqual(
      expect.arrayContaining([
        "tutti_namespace=default, tutti_resource=service/api",
        "tutti_namespace=default, tutti_resource=service/api, severity!=critical",
        "a=~x|y, b!~z",
      ]),
    );
  });

  it("silences a whole system, or one instance of a service", async () => {
    await put("System", "shop", {});
    await put("Instance", "api-1", { service: "api" });
    expect((await tutti("silence add system/shop --for 2h", bench.access)).code).toBe(0);
    expect((await tutti("silence add instance/api-1 --for 2h", bench.access)).code).toBe(0);
    expect(matchers()).toEqual(
      expect.arrayContaining([
        "tutti_namespace=default, tutti_system=shop",
        "tutti_namespace=default, instance=api-1",
      ]),
    );
  });

  it("refuses what would silence nothing, and says what was meant", async () => {
    const refused = async (line: string): Promise<string> => {
      const { code, err } = await tutti(line, bench.access);
      expect(code).not.toBe(0);
      return err;
    };
    expect(await refused("silence add service/apx --for 1h")).toContain("Did you mean 'api'?");
    expect(await refused("silence add srvice/api --for 1h")).toContain("Did you mean 'service'?");
    expect(await refused("silence add api --for 1h")).toContain("neither a resource nor a matcher");
    expect(await refused("silence add a=~( --for 1h")).toContain("no regular expression");
    expect(await refused('silence add a=" --for 1h')).toContain("does not continue a matcher");
    expect(await refused("silence add service/api --for 0s")).toContain("over at once");
    expect(await refused("silence add service/api --for=-2h")).toContain("no duration");
    expect(await refused("silence add service/api service/web --for 1h")).toContain(
      'tutti_resource=~"service/api|service/web"',
    );
    expect(silences()).toEqual([]);
  });

  it("has names, which are printed for programs and are taken once", async () => {
    const { out } = await tutti("silence add service/api --for 2h --name quiet -o name", bench.access);
    expect(out).toBe("silence/quiet\n");
    const { code, err } = await tutti("silence add service/api --for 2h --name quiet", bench.access);
    expect(code).toBe(2);
    expect(err).toContain("already a silence 'quiet'");
    expect((await tutti("silence end quiet", bench.access)).code).toBe(0);
    expect((await tutti("silence end quiet", bench.access)).code).toBe(1);
  });

  it("lists what is in force or to come, and what is over when asked to", async () => {
    expect((await tutti("silence list", bench.access)).err).toContain("Nothing is silenced.");
    const spec = { matchers: [{ name: "a", value: "b" }], duration: "1h" };
    await put("Silence", "now", spec, { state: "active" });
    await put("Silence", "old", spec, { state: "expired" });
    expect((await tutti("silence list -o name", bench.access)).out).toBe("silence/now\n");
    expect((await tutti("silence list --all", bench.access)).out).toMatch(/now[^]*old/);
  });
});

describe("tutti alerts", () => {
  const alert = (alertname: string, severity: string, state: string, labels: object = {}): Promise<void> =>
    put(
      "Alert",
      alertname.toLowerCase(),
      {
        labels: { alertname, severity, tutti_resource: "service/api", ...labels },
        annotations: { summary: `It is ${alertname}.` },
        rule: { name: alertname, digest: "d" },
        fingerprint: "f",
      },
      { state, value: "1", firedAt: "2026-05-04T10:00:00.000Z" },
    );

  it("says that nothing is wrong", async () => {
    await alert("Watchdog", "none", "firing");
    await alert("Old", "critical", "resolved");
    const { code, err } = await tutti("alerts", bench.access);
    expect({ code, err }).toEqual({ code: 0, err: "Nothing is wrong.\n" });
  });

  it("shows what fires first, and of which instance it is", async () => {
    await alert("Slow", "warning", "pending", { instance: "api-1" });
    await alert("Late", "warning", "firing");
    await alert("Down", "critical", "firing");
    const { out } = await tutti("alerts", bench.access);
    const cells = out.split("\n").map((line) => line.split(/ {2,}/));
    expect(cells.map(([state, , severity, name]) => `${state} ${severity} ${name}`)).toEqual([
      "STATE SEVERITY ALERT",
      "firing critical Down",
      "firing warning Late",
      "pending warning Slow",
      " undefined undefined",
    ]);
    expect(out).toContain("service/api (api-1)");
  });

  it("tells all of one, also of what is not shown otherwise", async () => {
    await alert("Watchdog", "none", "firing");
    const { out } = await tutti("alerts Watchdog", bench.access);
    expect(out).toMatch(/^Watchdog: firing for .*, severity none\n {2}It is Watchdog\./);
    expect(out).not.toContain("undefined");
    expect((await tutti("alerts svc/api -o name", bench.access)).out).toBe("alert/watchdog\n");
    expect((await tutti("alerts nope", bench.access)).err).toContain("There is no alert of 'nope'");
  });

  it("shows also what is over with --all", async () => {
    await alert("Old", "critical", "resolved");
    expect((await tutti("alerts Old", bench.access)).err).toContain("--all shows also what is over");
    expect((await tutti("alerts Old --all", bench.access)).out).toContain("Old: resolved");
  });
});
