/** Changes as people make them: saved plans, approval, queue, undo and hold, with the real command line and kill -9. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Milliseconds: each verb is a process of its own. */
const LONG = 240_000;

interface Declared {
  readonly x?: number;
  readonly changes?: string;
  readonly more?: string;
}

const declaration = ({ x = 1, changes = "{}", more = "" }: Declared = {}): string => `
kind: System
metadata: { name: shop }
spec: { changes: ${changes} }
---
kind: Resource
metadata: { name: a }
spec: { class: data, config: { x: ${x} } }
---
kind: Resource
metadata: { name: b }
spec: { class: data, config: { x: "\${resource.a.status.output.x}" } }
${more}`;

const service = (name: string, command: string, more = ""): string => `
---
kind: Service
metadata: { name: ${name} }
spec: { command: ${JSON.stringify(command)}${more} }
`;

const APPROVED = `{ approval: { chain: [{ name: owners, users: [maria, kim] }] } }`;

async function state(home: TestHome, change: string): Promise<string> {
  return String((await home.get(`Change/${change}`))?.status?.["state"] ?? "InProgress");
}

const ended = (home: TestHome, change: string, wanted: string): Promise<string> =>
  until(`${change} to be ${wanted}`, async () => {
    const found = await state(home, change);
    return found === wanted ? found : undefined;
  });

test(
  "a saved plan is applied exactly as it is, or refused with what is wrong with it",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(declaration()), "--yes"]);
    const folder = home.declare(declaration({ x: 2 }));
    const file = join(folder, "plan.json");
    const planned = await home.tutti(["plan", folder, "-o", file]);
    expect(planned).toMatchObject({ code: 0 });
    expect(planned.stdout).toContain("~ resource/a");
    const text = readFileSync(file, "utf8");

    const refused = async (content: string, code: string): Promise<string> => {
      const other = join(folder, "other.json");
      writeFileSync(other, content);
      const outcome = await home.tutti(["apply", other]);
      expect(outcome, outcome.stderr).toMatchObject({ code: 2 });
      expect(outcome.stderr).toContain(code);
      return outcome.stderr;
    };
    const changed = (edit: (plan: Record<string, any>) => void): string => {
      const plan = JSON.parse(text) as Record<string, any>;
      edit(plan);
      return JSON.stringify(plan);
    };
    await refused(
      changed((plan) => void (plan["declared"][1].spec.config.x = 3)),
      "PlanEdited",
    );
    await refused(
      changed((plan) => void (plan["plan"].summary.update = 0)),
      "PlanEdited",
    );
    await refused(
      changed((plan) => void (plan["tutti"] = "0.0.1")),
      "OtherVersion",
    );
    await refused(
      changed((plan) => void (plan["controlPlane"] = "0123456789abcdef")),
      "OtherControlPlane",
    );
    await refused(
      changed((plan) => void (plan["format"] = "tutti.plan/9")),
      "OtherPlanFormat",
    );
    await refused(
      changed((plan) => void delete plan["mac"]),
      "PlanCutOff",
    );
    expect(await refused(text.slice(0, text.length / 2), "PlanCutOff")).toContain("cut off or edited");

    // Somebody changes what it would change: refused, and what moved is named.
    await home
      .client()
      .patch(
        { kind: "Resource", plural: "resources", group: "tutti.dev", version: "v1", namespaced: true },
        "a",
        {
          spec: { config: { x: 7 } },
        },
      );
    const stale = await home.tutti(["apply", file]);
    expect(stale.code).toBe(5);
    expect(stale.stderr).toMatch(/resource\/a: It was changed: generation 1 is 2 now\./);
    expect(await home.list("Change")).toHaveLength(1);

    // As it was planned, it is carried out.
    await home.ok(["plan", folder, "--out", file]);
    await home.ok(["apply", file, "--wait", "--yes"]);
    expect((await home.get("Resource/a"))?.spec?.["config"]).toEqual({ x: 2 });
    expect(await ended(home, "shop-2", "Succeeded")).toBe("Succeeded");
  },
  LONG,
);

test(
  "what needs approval waits for it, and nobody approves what he asked for",
  async () => {
    const home = openHome();
    await home.serve();
    const folder = home.declare(declaration({ changes: APPROVED }));
    const asked = await home.tutti(["apply", folder]);
    expect(asked.code).toBe(6);
    expect(asked.stderr).toMatch(/change\/shop-1 waits for approval by owners: maria, kim/);
    expect(await home.list("Resource")).toEqual([]);

    // Killed while it waits, it waits on.
    await home.killControlPlane();
    await home.serve();
    expect(await state(home, "shop-1")).toBe("Pending");

    const self = await home.tutti(["approve", "shop-1", "--yes"]);
    expect(self.code).not.toBe(0);
    expect(self.stderr).toMatch(/\+ resource\/a[^]*SelfApproval/);
    expect((await home.tutti(["approve", "shop-1", "--yes", "--as", "jo"])).stderr).toContain(
      "NotAnApprover",
    );
    await home.ok(["approve", "change/shop-1", "--yes", "--as", "maria", "--comment", "looked at it"]);
    await ended(home, "shop-1", "Succeeded");
    const shown = await home.ok(["changes", "shop-1"]);
    expect(shown).toMatch(/approve by maria, .*looked at it[^]*✓ resource\/b +create +Succeeded/);
    expect(await home.ok(["changes", "shop"])).toMatch(/^shop-1 +shop +apply +user:admin +Succeeded/m);

    // 'up' waits; Ctrl-C leaves it waiting. Then the base moves.
    home.declare(declaration({ x: 2, changes: APPROVED }));
    const up = home.start(["up", folder]);
    await until("up to wait", () => up.said().includes("waits for approval") || undefined);
    up.child.kill("SIGINT");
    expect((await up.done).code).toBe(130);
    expect(await state(home, "shop-2")).toBe("Pending");
    await home
      .client()
      .patch(
        { kind: "Resource", plural: "resources", group: "tutti.dev", version: "v1", namespaced: true },
        "a",
        {
          spec: { config: { x: 7 } },
        },
      );
    await ended(home, "shop-2", "Void");
    const late = await home.tutti(["approve", "shop-2", "--yes", "--as", "maria"]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("approval/shop-2 is void");
    expect(await home.ok(["changes", "shop-2"])).toMatch(/The base has moved.*resource\/a: It was changed/);

    // Rejected, 'up' that waits says so.
    const again = home.start(["up", folder]);
    await until("up to wait", () => again.said().includes("shop-3 waits for approval") || undefined);
    await home.ok(["reject", "shop-3", "--yes", "--as", "kim", "--comment", "not on a Friday"]);
    const rejected = await again.done;
    expect(rejected.code).toBe(3);
    expect(rejected.stderr).toContain("kim rejected it: not on a Friday");

    // Withdrawn by who asked.
    expect((await home.tutti(["apply", folder])).code).toBe(6);
    await home.ok(["cancel", "change/shop-4"]);
    await ended(home, "shop-4", "Rejected");
    expect((await home.get("Resource/a"))?.spec?.["config"]).toEqual({ x: 7 });
  },
  LONG,
);

test(
  "a change is taken back, said before what cannot be, and goes on after kill -9",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(declaration()), "--yes"]);
    const folder = home.declare(declaration({ x: 2, more: service("api", "exec sleep 1000") }));
    const up = home.start(["up", folder, "--yes"]);
    await until("the change to be there", async () => (await home.get("Change/shop-2")) ?? undefined);
    await home.killControlPlane();
    await home.serve();
    await ended(home, "shop-2", "Succeeded");
    await up.done;

    const shown = await home.tutti(["undo", "shop-2"]);
    expect(shown.code).toBe(3);
    expect(shown.stderr).toMatch(/- +service\/api[^]*Nobody can be asked/);
    await home.ok(["undo", "shop-2", "--yes"]);
    expect(await home.get("Service/api")).toBeUndefined();
    expect((await home.get("Resource/a"))?.spec?.["config"]).toEqual({ x: 1 });
    expect(await home.ok(["changes", "shop-2"])).toContain("by shop-3");
    const twice = await home.tutti(["undo", "shop-2", "--yes"]);
    expect(twice.stderr).toContain("AlreadyUndone");
  },
  LONG,
);

test(
  "a change is held, goes on when it is resumed, and the next one waits for its turn",
  async () => {
    const home = openHome();
    const changes = "{ concurrency: queue }";
    const gate = join(home.folder("gates"), "open");
    // Ready once the gate is there; what needs it cannot begin before.
    const first = service(
      "first",
      "exec sleep 1000",
      `, probes: { readiness: { command: [test, -e, ${gate}], period: 200ms } }`,
    );
    const second = service("second", "exec sleep 1000", ", dependsOn: [service/first]");
    const folder = home.declare(declaration({ changes }));
    await home.ok(["up", folder, "--yes"]);
    home.declare(declaration({ changes, more: first + second }));
    await home.ok(["apply", folder, "--yes"]);
    await home.ok(["hold", "shop-2"]);
    await ended(home, "shop-2", "Held");
    expect((await home.tutti(["hold", "shop-9"])).stderr).toContain("There is no change 'shop-9'");

    // What it does not touch is changed beside it; what it does waits.
    home.declare(declaration({ x: 2, changes, more: first + second }));
    await home.ok(["up", folder, "--yes", "--no-wait"]);
    await ended(home, "shop-3", "Succeeded");
    home.declare(declaration({ x: 2, changes, more: first + second.replace("1000", "1001") }));
    const queued = await home.tutti(["apply", folder, "--yes"]);
    expect(queued.code).toBe(6);
    expect(queued.stderr).toContain("It waits for change/shop-2, which touches the same resources.");

    // Killed meanwhile, everything is as it was: held, and waiting.
    await home.killControlPlane();
    await home.serve();
    writeFileSync(gate, "");
    await until("first to be ready", async () => {
      const found = await home.get("Service/first");
      return Number(found?.status?.["readyReplicas"] ?? 0) === 1 || undefined;
    });
    expect(await state(home, "shop-2")).toBe("Held");
    expect(await home.instances("second")).toEqual([]);
    await home.ok(["resume", "change/shop-2"]);
    await ended(home, "shop-2", "Succeeded");
    await ended(home, "shop-4", "Succeeded");
    expect(await home.ok(["changes", "--open", "-o", "name"])).toBe("");
  },
  LONG,
);

test(
  "what has failed is taken back by itself where that is asked for",
  async () => {
    const home = openHome();
    const folder = home.declare(declaration());
    await home.ok(["up", folder, "--yes"]);
    const bad = service("bad", "exit 3", ", rollout: { progressDeadline: 2s }");
    home.declare(declaration({ x: 2, more: bad }));
    const up = await home.tutti(["up", folder, "--yes", "--on-failure", "rollBack"]);
    expect(up.code).toBe(1);
    await ended(home, "shop-2", "RolledBack");
    await ended(home, "shop-3", "Succeeded");
    expect((await home.get("Resource/a"))?.spec?.["config"]).toEqual({ x: 1 });
    expect(await home.get("Service/bad")).toBeUndefined();
    expect(await home.ok(["changes", "shop-2"])).toMatch(/RolledBack: service\/bad has failed[^]*shop-3/);
  },
  LONG,
);
