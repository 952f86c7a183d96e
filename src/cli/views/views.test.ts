import { describe, expect, it } from "vitest";
import { NO_STEPS, type Plan, type Step } from "../../planner/plan.ts";
import { RESTARTED_AT, type Resource } from "../../model/resource.ts";
import { kindNamed } from "../../kinds/registry.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { describeView, troubleOf } from "./describe.ts";
import { diagnosticsView } from "./diagnostics.ts";
import { LogColours, serviceLogLine } from "./logs.ts";
import { planView } from "./plan.ts";
import { editorSchema } from "./schema.ts";
import { colourStyle, fitted, harmless, plainStyle, width } from "./style.ts";
import { tableText } from "./table.ts";
import { nodeOf, treeView } from "./tree.ts";
import { whyView } from "./why.ts";

const style = plainStyle;
const NOW = Date.parse("2026-11-20T12:00:00Z");

function service(status: object | undefined, metadata: object = {}): Resource {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: {
      name: "api",
      namespace: "default",
      uid: "u",
      resourceVersion: "7",
      generation: 2,
      creationTimestamp: "2026-11-20T11:55:00Z",
      ...metadata,
    },
    spec: { command: "node api.ts", replicas: 3, env: {} },
    ...(status === undefined ? {} : { status }),
  };
}

function condition(type: string, status: "True" | "False", reason: string, message: string): object {
  return { type, status, reason, message, lastTransitionTime: "2026-11-20T11:59:00Z", observedGeneration: 2 };
}

describe("a plan", () => {
  const step = (action: Step["action"], address: string, rest: Partial<Step> = {}): Step => {
    const [kind = "", name = ""] = address.split("/");
    return { action, address, kind, name, namespace: "default", changes: [], after: [], ...rest };
  };
  const plan: Plan = {
    system: "shop",
    namespace: "default",
    action: "apply",
    steps: [
      step("create", "database/orders", { changes: [{ path: "spec.retain", after: true }] }),
      step("update", "service/api", {
        changes: [
          { path: "spec.replicas", before: 2, after: 3 },
          { path: "spec.env.URL", before: "a", unknownUntil: ["database/orders"] },
          { path: "spec.env.KEY", before: "sealed:v1:x", after: "sealed:v1:y", secret: true },
          { path: "spec.stop.grace", before: "5s" },
        ],
      }),
      step("replace", "volume/uploads", {
        changes: [{ path: "spec.class", before: "directory", after: "loop" }],
        replaceBecause: ["spec.class"],
        loses: "The files in it are lost.",
      }),
      step("delete", "database/old", { keeps: "Its data stays in /data/old." }),
      step("none", "network/inner"),
    ],
    summary: { ...NO_STEPS, create: 1, update: 1, replace: 1, delete: 1, none: 1 },
    destructive: true,
    warnings: [],
    hash: "h",
    resources: [],
  };

  it("shows what changes, never a secret, and what is lost or kept", () => {
    expect(planView(plan, { style, columns: 100 })).toBe(`Plan for shop:

  + database/orders
      spec.retain  true
  ~ service/api
      spec.replicas    2 -> 3
      spec.env.URL     "a" -> (known after database/orders)
      spec.env.KEY     (secret) -> (secret)
      spec.stop.grace  "5s" -> (default)
-/+ volume/uploads (made anew, because spec.class cannot be changed in place)
      spec.class  "directory" -> "loop"
      ! The files in it are lost.
  - database/old
      keeps Its data stays in /data/old.

1 to create, 1 to change, 1 to make anew, 1 to delete, 1 as they are.`);
  });

  it("tells what is not known yet, what is renamed, taken over, let go of, and what cannot be undone", () => {
    const steps = [
      step("unknown", "volume/cache", {
        changes: [
          { path: "spec.size", after: "${network.main.status.size}", unknownUntil: ["network/main"] },
        ],
        unknownUntil: ["network/main"],
        because: "Whether it is made anew depends on spec.size, known when network/main is ready.",
      }),
      step("move", "service/web", { movedFrom: "service/api" }),
      step("replace", "machine/a", {
        createBeforeDestroy: true,
        replaceRequested: true,
        replaceBecause: [],
        irreversible: "Its address will be another.",
      }),
      step("adopt", "network/front", { adopts: "br-7" }),
      step("forget", "network/old", { keeps: "network/old as it is" }),
      step("none", "resource/r", {
        drift: [
          { path: "spec.config.v", expected: 1, actual: 2 },
          { path: "spec.token", expected: "x", actual: "y", secret: true, answer: "report" },
          { answer: "tolerate" },
        ],
      }),
    ];
    const summary = { ...NO_STEPS, unknown: 1, move: 1, replace: 1, adopt: 1, forget: 1, none: 1 };
    const restricted = { targets: ["service/web"], excludes: ["volume/old"] };
    expect(planView({ ...plan, steps, summary, restricted }, { style, columns: 120 }))
      .toBe(`Plan for shop, only service/web with what is needed for it, without volume/old and what needs it:

  ? volume/cache (Whether it is made anew depends on spec.size, known when network/main is ready.)
      spec.size  (known after network/main)
  > service/api -> service/web
+/- machine/a (made anew, the new one first, because that was asked for)
      ! cannot be undone: Its address will be another.
 <+ network/front (takes what is there: br-7)
  x network/old
      keeps network/old as it is
    resource/r
      drift spec.config.v  1, found 2; is set back
      drift spec.token  (secret), found (secret); stays
      drift is gone; is tolerated

1 to adopt, 1 to rename, 1 to make anew, 1 to forget, 1 to be seen, 1 as they are.`);
  });

  it("in waves is shown wave by wave", () => {
    const steps = [
      step("update", "system/shop"),
      step("update", "service/api-berlin", { wave: 0 }),
      step("update", "service/api-paris", { wave: 1 }),
    ];
    const summary = { ...NO_STEPS, update: 3 };
    expect(planView({ ...plan, steps, summary }, { style, columns: 80 })).toBe(`Plan for shop:

Everywhere
  ~ system/shop
Wave 1
  ~ service/api-berlin
Wave 2
  ~ service/api-paris

3 to change.`);
  });

  it("with nothing to do says so", () => {
    expect(planView({ ...plan, steps: [step("none", "service/api")] }, { style, columns: 80 })).toBe(
      "Nothing to do: shop is as declared.",
    );
  });
});

describe("a tree", () => {
  it("waits while the status is from before the restart that people asked for", () => {
    const ready = { conditions: [condition("Ready", "True", "AllReady", "3 of 3 instances are ready.")] };
    const restarted = { annotations: { [RESTARTED_AT]: "2026-11-20T11:59:30Z" } };
    expect(nodeOf(service(ready, restarted)).state).toBe("waiting");
    const seen = { ...ready, observedRestart: "2026-11-20T11:59:30Z" };
    expect(nodeOf(service(seen, restarted)).state).toBe("ready");
  });

  it("waits for what was removed to be made anew", () => {
    const conditions = [condition("Ready", "False", "Replacing", "It was removed, and is made anew.")];
    expect(nodeOf({ ...service({ conditions }), kind: "Monitor" }).state).toBe("waiting");
  });

  it("has a line for each resource with its state, count and reason, cut to the screen", () => {
    const nodes = [
      nodeOf(
        service({
          readyReplicas: 3,
          conditions: [condition("Ready", "True", "AllReady", "3 of 3 instances are ready.")],
        }),
      ),
      nodeOf(
        service(
          {
            readyReplicas: 1,
            conditions: [
              condition(
                "Ready",
                "False",
                "RollingOut",
                "1 of 3 instances are ready: the program has not answered yet and this goes on.",
              ),
            ],
          },
          { name: "web" },
        ),
      ),
      nodeOf(
        service(
          {
            conditions: [
              condition("Ready", "False", "RolledBack", "x"),
              condition("Progressing", "False", "RolledBack", "It ended with code 1."),
            ],
          },
          { name: "worker" },
        ),
      ),
      nodeOf(service(undefined, { name: "new" })),
      nodeOf(service(undefined, { name: "old", deletionTimestamp: "2026-11-20T11:59:59Z" })),
    ];
    expect(treeView({ system: "shop", nodes, elapsed: 2100 }, { style, columns: 60 }))
      .toBe(`shop  1/5 ready  2.1s
  ✓ service/api     3/3  ready
  … service/web     1/3  1 of 3 instances are ready: the pr…
  ✗ service/worker  0/3  It ended with code 1.
  … service/new     0/3  waiting
  - service/old          is being deleted`);
  });

  it("takes a condition about an earlier generation for none", () => {
    const conditions = [{ ...condition("Ready", "True", "AllReady", "x"), observedGeneration: 1 }];
    expect(nodeOf(service({ conditions })).state).toBe("waiting");
  });

  it("says why what is to be deleted stays", () => {
    const leaving = { name: "old", deletionTimestamp: "2026-11-20T11:59:59Z" };
    const conditions = [{ type: "Paused", status: "True", reason: "Paused", message: "It is paused." }];
    expect(nodeOf(service({ conditions }, leaving))).toMatchObject({
      state: "leaving",
      reason: "is to be deleted. It is paused.",
    });
  });
});

describe("a description", () => {
  it("begins with the trouble in one sentence", () => {
    const resource = service({
      conditions: [
        condition("Ready", "False", "RolledBack", "The declared template failed."),
        condition("Progressing", "False", "RolledBack", "Instance api-1 ended with code 1 within 2s."),
      ],
    });
    const text = describeView({ resource, instances: [], events: [] }, { style, now: NOW });
    expect(text.split("\n")[0]).toBe("service/api  Instance api-1 ended with code 1 within 2s.");
    expect(text).toContain("Conditions:\n  not Ready for 1m: The declared template failed. (RolledBack)");
    expect(text).toContain("Spec:\n  command: node api.ts\n  replicas: 3");
  });

  it("has none when all is well", () => {
    expect(
      troubleOf({
        resource: service({ conditions: [condition("Ready", "True", "AllReady", "3 of 3.")] }),
        instances: [],
      }),
    ).toBeUndefined();
  });
});

describe("diagnostics", () => {
  const view = (
    source: { readonly file: string; readonly line?: number; readonly column?: number },
    text: string,
    address = "service/api",
  ): string =>
    diagnosticsView(
      [
        {
          severity: "error",
          code: "WrongType",
          address,
          path: "spec.x",
          source,
          message: "It is wrong.",
          hint: "Make it right.",
        },
      ],
      { style, cwd: "/work", line: () => text },
    );

  it("quote the line with a mark below what is meant", () => {
    expect(view({ file: "/work/shop/tutti.yaml", line: 12, column: 5 }, "    replicas: many"))
      .toBe(`error WrongType service/api spec.x
  at shop/tutti.yaml:12:5
  12 |     replicas: many
     |     ^
  It is wrong.
  → Make it right.`);
  });

  it("never quote what looks like a secret", () => {
    expect(view({ file: "/work/a.yaml", line: 1 }, "      PASSWORD: hunter2")).not.toContain("hunter2");
    expect(view({ file: "/work/a.ts", line: 1 }, '  apiKey: "hunter2",')).not.toContain("hunter2");
    expect(view({ file: "/work/a.yaml", line: 1 }, "  key: hunter2", "secret/stripe")).not.toContain(
      "hunter2",
    );
    expect(view({ file: "/work/a.yaml", line: 1 }, "  PASSWORD: ${secret.db.password}")).toContain(
      "${secret.db.password}",
    );
  });

  it("put errors before warnings and end somewhere", () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      severity: index === 29 ? ("error" as const) : ("warning" as const),
      code: `C${index}`,
      message: "x",
    }));
    const text = diagnosticsView(many, { style, cwd: "/" });
    expect(text.startsWith("error C29")).toBe(true);
    expect(text.endsWith("... and 10 more problems.")).toBe(true);
  });
});

it("why is told as a story, the last thing first", () => {
  const link = (
    revision: number,
    time: string,
    actor: string,
    action: string,
    address: string,
    summary: string,
  ): Parameters<typeof whyView>[1][number] => ({ revision, time, actor, action, address, summary });
  const chain = [
    link(
      9,
      "2026-11-20T11:59:00Z",
      "controller:rollout",
      "create 2",
      "instance/api-1",
      "instance/api-1 was created.",
    ),
    link(4, "2026-11-20T11:58:30Z", "user:admin", "scale 1 -> 3", "service/api", "spec.replicas 1 -> 3"),
  ];
  expect(whyView("instance/api-1", chain, { style, now: NOW })).toBe(`instance/api-1 changed last 1m ago.

● 2026-11-20 11:59:00  the rollout controller: create 2
    instance/api-1 was created. (revision 9)
    because, 30.0s before:
○ 2026-11-20 11:58:30  admin: scale 1 -> 3
    service/api  spec.replicas 1 -> 3 (revision 4)`);
});

it("each instance's log lines have a colour of their own, and line up", () => {
  const colours = new LogColours(colourStyle);
  const line = (instance: string): string =>
    serviceLogLine({ instance, time: "2026-11-20T12:00:00.000Z", text: "hello" }, colours, {
      timestamps: false,
      prefix: true,
    });
  expect(line("api-1")).toBe("\u001b[36mapi-1 |\u001b[39m hello");
  expect(line("api-22")).toBe("\u001b[33mapi-22 |\u001b[39m hello");
  expect(line("api-1")).toBe("\u001b[36mapi-1  |\u001b[39m hello");
});

describe("text from outside", () => {
  it("cannot control the terminal", () => {
    expect(harmless("a\u001b[2Jb\u001b]0;title\u0007c\rd\u009b31me")).toBe("abcd31me");
  });

  it("is measured by the columns it takes", () => {
    expect([width("abc"), width("日本"), width("\u001b[31mred\u001b[39m"), width("…")]).toEqual([3, 4, 3, 1]);
    expect(fitted("日本語の名前", 7)).toBe("日本語…");
    expect(
      tableText(
        ["A", "B"],
        [
          ["日本", "x"],
          ["a", "y"],
        ],
      ),
    ).toBe("A     B\n日本  x\na     y");
  });
});

it("the schema for editors takes an expression wherever something else than a text stands", () => {
  const schema = editorSchema(kindNamed("Service") as AnyKind) as any;
  const { replicas, command, rollout, env } = schema.properties.spec.properties;
  expect(replicas.anyOf).toEqual([
    expect.objectContaining({ type: "integer" }),
    expect.objectContaining({ type: "string", pattern: "\\$\\{.+\\}" }),
  ]);
  expect(replicas.description).toBe("How many instances.");
  expect(command.anyOf).toHaveLength(2);
  expect(env.anyOf).toBeDefined();
  expect(JSON.stringify(rollout)).toContain("blue-green");
  expect(JSON.stringify(schema)).not.toContain('"references"');
});
