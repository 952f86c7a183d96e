/** Approvals: who may decide, what decisions come to, and what time does. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { validate } from "../../kinds/validate.ts";
import type { Draft } from "../../model/resource.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Actor, type Approval, type Asked, checkApproval, decisionOf, hashOfSubject } from "./decide.ts";
import { approvalController, statusOf } from "./index.ts";

const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const subject = { version: "4.2" };
const maria: Actor = { name: "maria", groups: [] };
const jo: Actor = { name: "jo", groups: [] };
const kim: Actor = { name: "kim", groups: ["release"] };

function approval(spec: object): Approval {
  const { resource, diagnostics } = validate({
    kind: "Approval",
    metadata: { name: "a" },
    spec: { subject, ...spec },
  });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const metadata = {
    ...resource.metadata,
    uid: "u",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: new Date(START).toISOString(),
  };
  return { ...resource, metadata } as unknown as Approval;
}

/** With what it comes to recorded, as controller and API do. */
function decided(one: Approval, actor: Actor, asked: Asked, now = START): Approval {
  const decision = decisionOf(one, actor, asked, now);
  const decisions = [...(one.status?.decisions ?? []), decision];
  return { ...one, status: statusOf({ ...one, status: { ...one.status, decisions } }, now) };
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics[0]?.code ?? "";
    throw error;
  }
  return "none";
}

const approve: Asked = { decision: "approve" };
const chain = [
  { name: "security", users: ["maria"] },
  { name: "release", groups: ["release"] },
];

describe("a chain", () => {
  it("is approved once each stage is, one after the other", () => {
    const asked = approval({ chain });
    expect(refusal(() => decided(asked, kim, approve))).toBe("NotAnApprover");
    const first = decided(asked, maria, approve);
    expect(first.status).toMatchObject({ state: "Pending", open: [1] });
    const second = decided(first, kim, approve);
    expect(second.status).toMatchObject({ state: "Approved", open: [] });
    expect(second.status?.conditions?.[0]?.message).toBe("Approved by maria, kim.");
  });

  it("may be gone through in any order", () => {
    const first = decided(approval({ chain, order: "any" }), kim, approve);
    expect(first.status?.open).toEqual([0]);
    expect(decided(first, maria, approve).status?.state).toBe("Approved");
  });

  it("ends with the first rejection, with who, when and why on record", () => {
    const rejected = decided(approval({ chain }), maria, { decision: "reject", comment: "Not on a Friday." });
    expect(rejected.status).toMatchObject({
      state: "Rejected",
      decisions: [
        { by: "maria", decision: "reject", comment: "Not on a Friday.", at: "2026-01-01T00:00:00.000Z" },
      ],
    });
    expect(refusal(() => decided(rejected, kim, approve))).toBe("AlreadyDecided");
  });
});

describe("a quorum", () => {
  const two = { chain: [{ users: ["maria", "jo"], quorum: 2 }] };

  it("is of different people", () => {
    const once = decided(approval(two), maria, approve);
    expect(once.status?.state).toBe("Pending");
    expect(refusal(() => decided(once, maria, approve))).toBe("AlreadyDecided");
    expect(decided(once, jo, approve).status?.state).toBe("Approved");
  });

  it("is not made by one person who also decides on behalf of another", () => {
    const once = decided(approval({ ...two, delegate: [{ from: "jo", to: "maria" }] }), maria, approve);
    expect(refusal(() => decided(once, maria, { ...approve, onBehalfOf: "jo" }))).toBe("AlreadyDecided");
  });

  it("that nobody can reach is refused", () => {
    expect(checkApproval(approval({ chain: [{ users: ["maria"], quorum: 2 }] }).spec)).toMatchObject([
      { path: "spec.chain[0].quorum" },
    ]);
  });
});

describe("a delegation", () => {
  const delegate = [{ from: "maria", to: "kim", until: "2026-01-02T00:00:00Z" }];
  const asked = approval({ chain: [{ users: ["maria"] }], delegate });

  it("lets somebody decide on behalf of another, which is on record", () => {
    const done = decided(asked, kim, { ...approve, onBehalfOf: "maria" });
    expect(done.status).toMatchObject({ state: "Approved", decisions: [{ by: "kim", onBehalfOf: "maria" }] });
  });

  it("is good for whom it names, and as long as it says", () => {
    expect(refusal(() => decided(asked, jo, { ...approve, onBehalfOf: "maria" }))).toBe("NoDelegation");
    const late = START + 25 * HOUR;
    expect(refusal(() => decided(asked, kim, { ...approve, onBehalfOf: "maria" }, late))).toBe(
      "NoDelegation",
    );
  });
});

describe("who asks", () => {
  it("does not approve it himself, nor has his right used, unless he may", () => {
    const asked = approval({ requester: "maria", delegate: [{ from: "maria", to: "kim" }] });
    expect(refusal(() => decided(asked, maria, approve))).toBe("SelfApproval");
    expect(refusal(() => decided(asked, kim, { ...approve, onBehalfOf: "maria" }))).toBe("SelfApproval");
    expect(decided(asked, jo, approve).status?.state).toBe("Approved");
    const own = approval({ requester: "maria", selfApproval: true });
    expect(decided(own, maria, approve).status?.state).toBe("Approved");
  });
});

describe("the hash", () => {
  it("binds a decision to what was seen", () => {
    const asked = approval({});
    expect(refusal(() => decided(asked, jo, { ...approve, hash: "sha256:other" }))).toBe("SubjectChanged");
    expect(decided(asked, jo, { ...approve, hash: hashOfSubject(subject) }).status?.state).toBe("Approved");
  });

  it("voids what was decided when the subject is changed, and keeps it on record", () => {
    const done = decided(approval({}), jo, approve);
    const changed = { ...done, spec: { ...done.spec, subject: { version: "4.3" } } };
    const status = statusOf(changed, START);
    expect(status).toMatchObject({ state: "Pending", open: [0] });
    expect(status.decisions).toHaveLength(1);
    expect(decided({ ...changed, status }, jo, approve).status?.state).toBe("Approved");
  });

  it("that is not the subject's is refused", () => {
    expect(checkApproval(approval({ hash: "sha256:0" }).spec)).toMatchObject([{ code: "InvalidHash" }]);
  });
});

describe("a form", () => {
  const form = { type: "object", properties: { ticket: { type: "string" } }, required: ["ticket"] };

  it("is filled in by who approves, not by who rejects", () => {
    const asked = approval({ form });
    expect(refusal(() => decided(asked, jo, approve))).toBe("InvalidForm");
    expect(decided(asked, jo, { ...approve, form: { ticket: "T-1" } }).status).toMatchObject({
      state: "Approved",
      decisions: [{ form: { ticket: "T-1" } }],
    });
    expect(decided(asked, jo, { decision: "reject" }).status?.state).toBe("Rejected");
  });
});

describe("when the time is up", () => {
  async function after(spec: object, hours: number): Promise<Approval> {
    const clock = new ManualClock(START);
    const store = createMemoryStore({ clock });
    const { resource } = validate({
      kind: "Approval",
      metadata: { name: "a" },
      spec: { subject, chain, expires: "1h", ...spec },
    });
    await store.commit([{ type: "create", resource: resource as Draft }], { actor: "user:t", action: "t" });
    const runtime = new Runtime(store, { clock });
    runtime.addController(approvalController({ store, clock }));
    runtime.start();
    await clock.advance(hours * HOUR);
    await runtime.stop();
    return store.get({ kind: "Approval", namespace: "default", name: "a" }) as Approval;
  }

  it("it is denied, or approved, as it says", async () => {
    expect((await after({}, 0.5)).status?.state).toBe("Pending");
    expect((await after({}, 2)).status).toMatchObject({
      state: "Expired",
      decidedAt: "2026-01-01T01:00:00.000Z",
    });
    expect((await after({ onExpire: "approve" }, 2)).status?.state).toBe("Approved");
  });

  it("it is asked of others, whose time runs anew", async () => {
    const escalate = { users: ["jo"], expires: "2h" };
    const escalated = await after({ onExpire: "escalate", escalate }, 2);
    expect(escalated.status).toMatchObject({
      state: "Pending",
      open: [2],
      escalatedAt: "2026-01-01T01:00:00.000Z",
      expiresAt: "2026-01-01T03:00:00.000Z",
    });
    expect(refusal(() => decided(escalated, maria, approve, START + 2 * HOUR))).toBe("NotAnApprover");
    expect(decided(escalated, jo, approve, START + 2 * HOUR).status?.state).toBe("Approved");
    expect((await after({ onExpire: "escalate", escalate }, 4)).status?.state).toBe("Expired");
  });
});
