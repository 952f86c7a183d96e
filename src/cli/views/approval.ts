/** A question to people: what is asked first, then who may answer and until when. */
import { stringify } from "yaml";
import type { Approval } from "../approval.ts";
import { type Style, harmless } from "./style.ts";
import { age } from "./table.ts";

export function approvalView(
  { metadata, spec, status = {} }: Approval,
  { style, now }: { readonly style: Style; readonly now: number },
): string {
  const subject = typeof spec.subject === "string" ? spec.subject : stringify(spec.subject, { lineWidth: 0 });
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["State", status.state ?? "Pending"],
    ...approvalRows({ spec, status }, now).slice(0, 1),
    ["Asked by", spec.requester],
    ["For", spec.run === undefined ? undefined : `run/${spec.run.name}, step ${spec.run.step}`],
    ["Hash", status.hash],
    ...approvalRows({ spec, status }, now).slice(1),
  ];
  return [
    style.bold(harmless(spec.title ?? metadata.name)),
    ...subject
      .trimEnd()
      .split("\n")
      .map((line) => `  ${harmless(line)}`),
    "",
    ...rows
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => `  ${style.dim(name.padEnd(10))} ${harmless(value ?? "")}`),
  ].join("\n");
}

const EXPIRED: Readonly<Record<string, string>> = {
  deny: "then it is denied",
  approve: "then it is approved",
  escalate: "then others are asked",
};

/** Who is waited for, until when, and who has decided what. */
export function approvalRows(
  { spec, status = {} }: Pick<Approval, "spec" | "status">,
  now: number,
): readonly (readonly [string, string | undefined])[] {
  return [
    ["Waits for", stagesOf(spec, status.open ?? [])],
    [
      "Expires",
      status.expiresAt === undefined || (status.state ?? "Pending") !== "Pending"
        ? undefined
        : `${age(status.expiresAt, now)}, ${EXPIRED[spec.onExpire ?? "deny"] ?? ""}`,
    ],
    ...(status.decisions ?? []).map(
      ({ by, decision, at, comment }) =>
        [
          "Decided",
          `${decision} by ${by}, ${age(at, now)} ago${comment === undefined ? "" : `: ${comment}`}`,
        ] as const,
    ),
  ];
}

/** Who must approve, all of them: of one that nobody has looked at nothing stands in its status yet. */
export function approversText({ spec }: Pick<Approval, "spec">): string {
  return stagesOf(
    spec,
    (spec.chain ?? []).map((_stage, index) => index),
  );
}

function stagesOf({ chain = [] }: Approval["spec"], open: readonly number[]): string {
  return open
    .map((index) => {
      const { name, users = [], groups = [], quorum = 1 } = chain[index] ?? {};
      const who = [...users, ...groups.map((group) => `group ${group}`)].join(", ") || "anybody";
      return `${name === undefined ? "" : `${name}: `}${quorum > 1 ? `${quorum} of ` : ""}${who}`;
    })
    .join("; ");
}
