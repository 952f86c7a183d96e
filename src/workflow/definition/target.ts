/** Texts by which steps name resources. */
import { refuse } from "../../diagnostics/diagnostic.ts";

export interface Target {
  /** As written: `service`. */
  readonly kind: string;
  readonly name: string;
}

export interface ConditionText extends Target {
  /** `Gone`, or the type of a condition. */
  readonly condition: string;
  readonly status: "True" | "False" | "Unknown";
}

const TARGET = /^([a-zA-Z]+)\/([a-z0-9][a-z0-9.-]*)$/;

/** `service/api`. Refuses with InvalidTarget. */
export function parseTarget(text: string): Target {
  const match = TARGET.exec(text.trim());
  if (match === null)
    return refuse({
      code: "InvalidTarget",
      message: `'${text}' does not name a resource.`,
      hint: "Write its kind and name, for example service/api.",
    });
  return { kind: match[1] ?? "", name: match[2] ?? "" };
}

/** `service/api Ready`, `service/api Ready=False`, `database/orders Gone`. Refuses with InvalidConditionText. */
export function parseConditionText(text: string): ConditionText {
  const match = /^(\S+)\s+([A-Za-z][A-Za-z0-9]*)(?:=(True|False|Unknown))?$/.exec(text.trim());
  const target = TARGET.exec(match?.[1] ?? "");
  if (match === null || target === null || (match[2] === "Gone" && match[3] !== undefined))
    return refuse({
      code: "InvalidConditionText",
      message: `'${text}' is not a condition of a resource.`,
      hint: "Write for example service/api Ready, service/api Ready=False, or service/api Gone.",
    });
  return {
    kind: target[1] ?? "",
    name: target[2] ?? "",
    condition: match[2] ?? "",
    status: (match[3] as ConditionText["status"] | undefined) ?? "True",
  };
}

/** `Ready`, `Ready=False`: of a resource that is named elsewhere. Refuses with InvalidConditionText. */
export function parseAwaited(text: string): Pick<ConditionText, "condition" | "status"> {
  const match = /^([A-Za-z][A-Za-z0-9]*)(?:=(True|False|Unknown))?$/.exec(text.trim());
  if (match === null)
    return refuse({
      code: "InvalidConditionText",
      message: `'${text}' is not a condition.`,
      hint: "Write for example Ready, or Ready=False.",
    });
  return { condition: match[1] ?? "", status: (match[2] as ConditionText["status"] | undefined) ?? "True" };
}
