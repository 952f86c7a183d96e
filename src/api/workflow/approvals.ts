/** Decisions about an Approval: who may is decided by controllers/approval, what was decided is recorded here. */
import { statusOf } from "../../controllers/approval/index.ts";
import { type Approval, type Asked, decisionOf } from "../../controllers/approval/decide.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { groupsOf } from "../authentication.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget } from "../api-context.ts";
import { objectBody } from "../body.ts";
import { formatOne } from "../formats.ts";
import { existing, formatOptions } from "../read.ts";
import { StatusError, badRequest, detailsOf } from "../status-error.ts";
import { bodyOf, committed, keyFrom, repeatedly } from "../write.ts";

const LONGEST = 10_000;

export async function decide(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const asked = askedIn(objectBody(await bodyOf(context, call)));
  const actor = { name: call.actor.replace(/^user:/, ""), groups: groupsOf(call.request) };
  const resource = await repeatedly(undefined, async () => {
    const approval = existing(context, target) as Approval;
    const now = context.clock.now();
    const decision = refusing(target, () => decisionOf(approval, actor, asked, now));
    const decisions = [...(approval.status?.decisions ?? []), decision];
    const status = statusOf({ ...approval, status: { ...approval.status, decisions } }, now);
    const expectedVersion = approval.metadata.resourceVersion;
    return committed(
      context,
      call,
      approval,
      { type: "status", key: keyFrom(target), status, expectedVersion },
      asked.decision,
    );
  });
  return { code: 200, body: formatOne(target.kind, resource, formatOptions(context, call)) };
}

/** Who may not is forbidden, what cannot be is a conflict. */
function refusing<T>(target: ResourceTarget, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const [first] = error.diagnostics;
    const [code, reason] = CODES[first?.code ?? ""] ?? [422, "Invalid"];
    const message = `${first?.message ?? ""} ${first?.hint ?? ""}`.trim();
    throw new StatusError(code, reason, message, {
      ...detailsOf(target.kind, target.name),
      diagnostics: error.diagnostics,
    });
  }
}

const CODES: Readonly<Record<string, readonly [number, string]>> = {
  AlreadyDecided: [409, "Conflict"],
  SubjectChanged: [409, "Conflict"],
  SelfApproval: [403, "Forbidden"],
  NoDelegation: [403, "Forbidden"],
  NotAnApprover: [403, "Forbidden"],
};

function askedIn(body: Readonly<Record<string, unknown>>): Asked {
  const { decision, form } = body;
  if (decision !== "approve" && decision !== "reject")
    throw badRequest("decision: it must be approve or reject.");
  return {
    decision,
    ...textIn(body, "hash"),
    ...textIn(body, "comment"),
    ...textIn(body, "onBehalfOf"),
    ...(form === undefined || form === null ? {} : { form }),
  };
}

function textIn<N extends "hash" | "comment" | "onBehalfOf">(
  body: Readonly<Record<string, unknown>>,
  name: N,
): Partial<Record<N, string>> {
  const value = body[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== "string" || value.length > LONGEST)
    throw badRequest(`${name}: it must be a text of at most ${LONGEST} characters.`);
  return { [name]: value } as Partial<Record<N, string>>;
}
