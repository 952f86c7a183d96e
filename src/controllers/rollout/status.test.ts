/** What a service says of a rollout that failed, while what is declared since waits for something. */
import { expect, it } from "vitest";
import { conditionOf } from "../../model/condition.ts";
import type { Resource } from "../../model/resource.ts";
import type { Decision } from "./situation.ts";
import { type Held, type ServiceStatus, statusOf } from "./status.ts";
import type { Template } from "./template.ts";

const service = (generation: number): Resource =>
  ({
    apiVersion: "tutti.dev/v1",
    kind: "Service",
    metadata: { name: "api", namespace: "default", generation },
    spec: {},
  }) as unknown as Resource;

const decision: Decision = {
  target: "a",
  create: 0,
  attempt: 0,
  remove: [],
  memory: { stable: "a", failed: { hash: "b", message: "New instances end." } },
  happenings: [],
  complete: true,
  available: 1,
  updated: 0,
  state: { reason: "RolledBack", message: "Rolled back." },
};

const waiting: Held = { reason: "WaitingFor", message: "Waiting for service/db, which is not ready." };

function said(
  generation: number,
  hash: string,
  { held, before }: { readonly held?: Held; readonly before?: ServiceStatus },
): ServiceStatus {
  const template = {} as Template;
  return statusOf(service(generation), before, decision, {
    now: 0,
    hash,
    template,
    replicas: 1,
    total: 1,
    held,
  });
}

const failureIn = (status: ServiceStatus): string | undefined => conditionOf({ status }, "Failed")?.reason;

it("what failed goes on being said while the same declaration waits", () => {
  const failed = said(2, "b", {});
  expect(failureIn(failed)).toBe("RolledBack");
  const held = said(2, "a", { held: waiting, before: failed });
  expect(failureIn(held)).toBe("RolledBack");
  expect(failureIn(said(2, "b", { before: held }))).toBe("RolledBack");
});

it("what is declared since has not failed because something before it did, however long it waits", () => {
  const held = said(3, "a", { held: waiting, before: said(2, "b", {}) });
  expect(failureIn(held)).toBeUndefined();
  expect(conditionOf({ status: held }, "Progressing")?.reason).toBe("WaitingFor");
  const still = said(3, "a", { held: waiting, before: held });
  expect(failureIn(still)).toBeUndefined();
  expect(still.failed).toEqual({ hash: "b", message: "New instances end." });
});

it("what is declared since and turns out to be the same has failed", () => {
  const held = said(3, "a", { held: waiting, before: said(2, "b", {}) });
  expect(failureIn(said(3, "b", { before: held }))).toBe("RolledBack");
});
