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
  return `${body.startsWith("-") ? "2." : ""}${body}${/[a-z0-9]$/.test(body) ? "" : "2.0"}`;
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

/** The Workflow that holds a published version of a machine. */
export function versionResource(machine: string, version: number): string {
  return `${machine}-2.v${version}`;
}

const VERSION = /-2\.v(\d+)$/;

/** Of a Workflow: the one whose version it is, and which. */
export function versionIn(workflow: string): { readonly machine: string; readonly version?: number } {
  const version = VERSION.exec(workflow)?.[1];
  const machine = workflow.replace(VERSION, "");
  return version === undefined ? { machine } : { machine, version: Number(version) };
}

/**
 * The names that the Run of an execution may have: executions are called alike in two machines, runs of a namespace are not. The
 * first is taken unless it is another machine's.
 */
export function runNames(machine: string, execution: string): readonly [plain: string, full: string] {
  return [execution, `${machine}-2.x${execution}`];
}

function executionIn(run: string, machine: string): string {
  const prefix = `${machine}-2.x`;
  const name = firstRun(run);
  return serviceName(name.startsWith(prefix) ? name.slice(prefix.length) : name);
}

const REDRIVEN = /-2\.r\d+$/;

/** The Run of an execution that was run again from where it failed; `count` from 1, 0 is the first Run. */
export function redrivenRun(run: string, count: number): string {
  return count === 0 ? run : `${run}-2.r${count}`;
}

export function firstRun(run: string): string {
  return run.replace(REDRIVEN, "");
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

/** Of a run, by its id in the engine and its workflow: names as the service has them. */
export function executionOf(
  run: string,
  workflow: string,
): {
  readonly arn: string;
  readonly name: string;
  readonly machineArn: string;
  readonly machineName: string;
} {
  const [namespace = "", runName = ""] = run.split("/", 2);
  const { machine } = versionIn(workflow);
  const machineName = serviceName(machine);
  const name = executionIn(runName, machine);
  return {
    arn: arn(namespace, "execution", machineName, name),
    name,
    machineArn: arn(namespace, "stateMachine", machineName),
    machineName,
  };
}
