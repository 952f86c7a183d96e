/** What a provider is called: `hashicorp/random`, `registry.terraform.io/hashicorp/random`; and which versions will do. */
import { TerminalError } from "../../provider/provider.ts";

export interface Address {
  readonly host: string;
  readonly namespace: string;
  readonly type: string;
}

const HOST = "registry.terraform.io";
const PART = /^[0-9A-Za-z](?:[0-9A-Za-z_-]*[0-9A-Za-z])?$/;

/** Refuses with TerminalError. */
export function addressOfSource(source: string, path = "spec.source"): Address {
  const parts = source.toLowerCase().split("/");
  const [type = "", namespace = "hashicorp", host = HOST] = parts.toReversed();
  if (parts.length <= 3 && PART.test(type) && PART.test(namespace) && /^[a-z0-9.:-]+$/.test(host))
    return { host, namespace, type };
  throw new TerminalError({
    code: "InvalidProviderSource",
    path,
    message: `'${source.slice(0, 120)}' is not the address of a provider.`,
    hint: "Write namespace/type, as in hashicorp/random, or host/namespace/type.",
  });
}

export function addressText({ host, namespace, type }: Address): string {
  return `${host}/${namespace}/${type}`;
}

export interface Version {
  readonly numbers: readonly [number, number, number];
  readonly pre: string;
  readonly text: string;
}

/** Undefined for what is no version. */
export function versionOf(text: string): Version | undefined {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const [, major = "0", minor = "0", patch = "0", pre = ""] = match;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre, text: text.trim().replace(/^v/, "") };
}

/** What comes before a release is less than it. */
export function compareVersions(one: Version, other: Version): number {
  for (const index of [0, 1, 2] as const) {
    const difference = one.numbers[index] - other.numbers[index];
    if (difference !== 0) return difference;
  }
  if (one.pre === other.pre) return 0;
  if (one.pre === "" || other.pre === "") return one.pre === "" ? 1 : -1;
  return comparePre(one.pre.split("."), other.pre.split("."));
}

function comparePre(one: readonly string[], other: readonly string[]): number {
  for (let index = 0; ; index += 1) {
    const [a, b] = [one[index], other[index]];
    if (a === undefined || b === undefined) return one.length - other.length;
    if (a === b) continue;
    const [isNumber, otherIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
    if (isNumber && otherIsNumber) return Number(a) - Number(b);
    if (isNumber !== otherIsNumber) return isNumber ? -1 : 1;
    return a < b ? -1 : 1;
  }
}

type Test = (version: Version) => boolean;

/** `>= 2.0, < 3.0`, `~> 1.2`, `1.2.3`; a pre-release only by its exact version. Refuses with TerminalError. */
export function constraint(text: string | undefined, path = "spec.version"): Test {
  if (text === undefined || text.trim() === "") return ({ pre }) => pre === "";
  const tests = text.split(",").map((part) => oneConstraint(part.trim(), path));
  return (version) => tests.every((test) => test(version));
}

function oneConstraint(text: string, path: string): Test {
  const match = /^(=|!=|>=|<=|>|<|~>)?\s*(.+)$/.exec(text);
  const wanted = versionOf(match?.[2] ?? "");
  if (match === null || wanted === undefined)
    throw new TerminalError({
      code: "InvalidVersion",
      path,
      message: `'${text.slice(0, 80)}' is not a version constraint.`,
      hint: "Write for example 3.5.1, '>= 3.0, < 4.0', or '~> 3.5'.",
    });
  const sign = match[1] ?? "=";
  if (sign === "=") return (version) => compareVersions(version, wanted) === 0;
  const test = sign === "~>" ? upTo(wanted) : RELATIONS[sign];
  return (version) => version.pre === "" && test?.(compareVersions(version, wanted), version) === true;
}

const RELATIONS: Readonly<Record<string, (order: number, version: Version) => boolean>> = {
  "!=": (order) => order !== 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
};

/** The last number that is given may grow. */
function upTo(wanted: Version): (order: number, version: Version) => boolean {
  const given = wanted.text.split("-")[0]?.split(".").length ?? 1;
  const fixed = Math.max(given - 1, 1);
  return (order, { numbers }) =>
    order >= 0 && wanted.numbers.slice(0, fixed).every((number, index) => numbers[index] === number);
}
