/**
 * Names of the service and names of resources. State machines and executions may be called `Order_Pipeline`; resources are in
 * lower case. The mapping loses nothing, and leaves alone what is good in both:
 *
 *     letter in upper case   the letter and a dot        OrderPipeline -> o.rderp.ipeline
 *     _                      -.                          order_1       -> order-.1
 *     .                      0.                          v1.2          -> v10.2
 *     begins with - or _     2. before                   _x            -> 2.-.x
 *     ends with none of      2.0 after                   orderX        -> orderx.2.0
 *     a-z and 0-9
 *
 * ARNs carry the namespace where the service has the account.
 */
const GOOD = /^[A-Za-z0-9._-]{1,80}$/;

/** Undefined where the name has signs that are not served: more than letters, digits, `-`, `_`, `.`, or over 80 of them. */
export function resourceName(name: string): string | undefined {
  if (!GOOD.test(name)) return undefined;
  const body = name.replaceAll(/[A-Z]|_|\./g, (sign) =>
    sign === "_" ? "-." : sign === "." ? "0." : `${sign.toLowerCase()}.`,
  );
  return `${/^-/.test(body) ? "2." : ""}${body}${/[a-z0-9]$/.test(body) ? "" : "2.0"}`;
}

/** What `resourceName` was given; of a resource that somebody else named otherwise, its name. */
export function serviceName(resource: string): string {
  const name = decoded(resource);
  return resourceName(name) === resource ? name : resource;
}

function decoded(resource: string): string {
  return resource
    .replace(/2\.0$/, "")
    .replace(/^2\.(?=-)/, "")
    .replaceAll(/([a-z0-])\./g, (_, sign: string) =>
      sign === "-" ? "_" : sign === "0" ? "." : sign.toUpperCase(),
    );
}

export const REGION = "local";

export type ArnType = "stateMachine" | "execution" | "express" | "activity" | "mapRun";

export interface Arn {
  readonly namespace: string;
  readonly type: ArnType;
  /** All after the type: a machine's name, `machine:name` of an execution. */
  readonly rest: readonly string[];
}

export function arn(namespace: string, type: ArnType, ...rest: readonly string[]): string {
  return ["arn:aws:states", REGION, namespace, type, ...rest].join(":");
}

/** Undefined where the text is no ARN of this service. Partition and region may be any. */
export function readArn(text: string): Arn | undefined {
  const match =
    /^arn:[\w-]+:states:[^:]*:([^:]*):(stateMachine|execution|express|activity|mapRun):(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, namespace = "", type = "", rest = ""] = match;
  return { namespace, type: type as ArnType, rest: rest.split(":") };
}

/** Of a run, by its id in the engine and its workflow. */
export function executionArn(run: string, workflow: string): string {
  const [namespace = "", name = ""] = run.split("/", 2);
  return arn(namespace, "execution", serviceName(workflow), serviceName(name));
}
