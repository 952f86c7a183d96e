/** What is said of a balancer's certificates: one condition and, when something changed for the worse, an event. Pure. */
import type { Happening } from "../../controller/events.ts";
import { type NewCondition, timestamp } from "../../model/condition.ts";
import { WARN_BEFORE } from "./wanted.ts";

export const CONDITION = "CertificateReady";

/** What came of one listener's certificate. */
export interface Finding {
  readonly listener: string;
  /** Until when what is in use is good, milliseconds since the epoch; undefined when there is nothing in use. */
  readonly until: number | undefined;
  /** What is the matter, in sentences; undefined when all is well. */
  readonly trouble?: string;
  /** A word for programs: `Issuing`, `Refused`, `Ending`. */
  readonly reason?: string;
  /** When it is tried again, milliseconds since the epoch. */
  readonly again?: number;
  /** When to look again. */
  readonly lookAt?: number;
}

/** Of a certificate that people gave: they are to bring the next one. */
export function findingOfGiven(
  { listener, secret }: { readonly listener: string; readonly secret: string },
  notAfter: number | undefined,
  now: number,
): Finding {
  if (notAfter === undefined)
    return {
      listener,
      until: undefined,
      reason: "Unreadable",
      trouble: `The Secret '${secret}' of listener ${listener} has no readable tls.crt: put a PEM certificate there.`,
    };
  const end = `The certificate in the Secret '${secret}' of listener ${listener}`;
  if (notAfter <= now)
    return {
      listener,
      until: notAfter,
      reason: "Expired",
      trouble: `${end} ended on ${timestamp(notAfter)}: put a new one there.`,
    };
  if (notAfter - now > WARN_BEFORE) return { listener, until: notAfter, lookAt: notAfter - WARN_BEFORE };
  return {
    listener,
    until: notAfter,
    lookAt: notAfter,
    reason: "Ending",
    trouble: `${end} ends on ${timestamp(notAfter)}: put a new one there before.`,
  };
}

/** True while every listener has a certificate that is good, though one may have to say something. */
export function conditionOfAll(findings: readonly Finding[], now: number, generation: number): NewCondition {
  const isGood = findings.every(({ until }) => until !== undefined && until > now);
  const troubled = findings.filter(({ trouble }) => trouble !== undefined);
  const worst = troubled.find(({ until }) => until === undefined || until <= now) ?? troubled[0];
  const ends = Math.min(...findings.map(({ until }) => until ?? now));
  return {
    type: CONDITION,
    status: isGood ? "True" : "False",
    reason: worst?.reason ?? "Issued",
    message:
      worst === undefined
        ? `Every certificate is good until ${timestamp(ends)}.`
        : [...new Set(troubled.map(sentencesOf))].join(" "),
    observedGeneration: generation,
  };
}

function sentencesOf({ trouble = "", again }: Finding): string {
  return again === undefined ? trouble : `${trouble} It is tried again at ${timestamp(again)}.`;
}

/** What people are told beside the condition: each trouble once, when it begins or becomes another. */
export function newsOf(findings: readonly Finding[], before: string | undefined): readonly Happening[] {
  return findings.flatMap(({ trouble, reason }): readonly Happening[] =>
    trouble === undefined ||
    reason === undefined ||
    reason === "Issuing" ||
    before?.includes(trouble) === true
      ? []
      : [{ type: "Warning", reason: `Certificate${reason}`, message: trouble }],
  );
}
