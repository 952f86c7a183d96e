/**
 * How long things take in a rehearsal: as assumed, else as measured. The most exact word wins: an address, a pattern with a
 * star (the longer one first), a class, a kind. What lies between two bounds is drawn from the seed, the address and how often
 * it was asked, so that nothing else has any bearing on it.
 */
import { createHash } from "node:crypto";
import { parseDuration } from "../../model/duration.ts";
import { rootName } from "../../model/resource.ts";
import type { Assumptions, Span } from "./assumptions.ts";

export type Deed = "create" | "update" | "remove";

export interface Subject {
  readonly kind: string;
  readonly class: string;
  readonly address: string;
}

interface Measured {
  readonly create: string;
  /** Where it was measured; absent: nobody has. */
  readonly from?: string;
}

/** By `kind@class`, then by kind. What changes something takes as long as what makes it, what removes it half as long. */
const USUAL: Readonly<Record<string, Measured>> = {
  "service@process": { create: "160ms", from: "a small Node server, docs/benchmarks.md, Healing" },
  "service@docker": { create: "110ms", from: "one container, docs/benchmarks.md, Containers" },
  service: { create: "1s" },
  "database@embedded": {
    create: "2200ms",
    from: "docs/benchmarks.md, From the command to a shop that answers",
  },
  database: { create: "5s" },
  "loadBalancer@embedded": { create: "50ms" },
  loadBalancer: { create: "1s" },
  "volume@directory": { create: "10ms" },
  volume: { create: "1s" },
  "network@loopback": { create: "1ms" },
  network: { create: "500ms" },
  "dnsZone@embedded": { create: "10ms" },
  "dnsRecord@embedded": { create: "5ms" },
  "resource@data": { create: "0s" },
  resource: { create: "1s" },
};
const OTHER: Measured = { create: "1s" };

export class Latencies {
  readonly #assumptions: Assumptions;
  /** What was asked for, one phrase each. */
  readonly #used = new Map<string, string>();
  /** How often each was drawn. */
  readonly #draws = new Map<string, number>();

  constructor(assumptions: Assumptions) {
    this.#assumptions = assumptions;
  }

  /** Milliseconds. */
  of(subject: Subject, deed: Deed): number {
    const assumed = this.#assumed(subject, deed);
    if (assumed !== undefined) return this.#drawn(assumed, `${subject.address} ${deed}`);
    const root = rootName(subject.kind);
    const name = [`${root}@${subject.class}`, root].find((one) => USUAL[one] !== undefined);
    const { create, from = "not measured" } = USUAL[name ?? ""] ?? OTHER;
    this.#used.set(name ?? root, `${name ?? root}: ${create} (${from})`);
    return parseDuration(create) / (deed === "remove" ? 2 : 1);
  }

  /** What was taken from measurements, or from nowhere, in the order of the alphabet. */
  get usual(): readonly string[] {
    return [...this.#used.values()].toSorted();
  }

  #assumed({ kind, class: className, address }: Subject, deed: Deed): Span | undefined {
    const root = rootName(kind);
    const fitting = Object.keys(this.#assumptions.latencies)
      .filter((name) => name === root || name === `${root}@${className}` || fits(address, name))
      .toSorted((a, b) => exactness(b) - exactness(a));
    for (const name of fitting) {
      const value = this.#assumptions.latencies[name];
      const one = typeof value === "object" && !("between" in value) ? value[deed] : value;
      if (one !== undefined) return one as Span;
    }
    return undefined;
  }

  #drawn(span: Span, what: string): number {
    if (typeof span === "string") return parseDuration(span);
    const nth = (this.#draws.get(what) ?? 0) + 1;
    this.#draws.set(what, nth);
    const [least, most] = span.between.map(parseDuration) as [number, number];
    return Math.round(least + (most - least) * chance(`${this.#assumptions.seed} ${what} ${nth}`));
  }
}

/** In [0, 1), and always the same of the same text. */
export function chance(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
}

/** Whether an address is meant: a star stands for anything. */
export function fits(address: string, pattern: string): boolean {
  if (!pattern.includes("*")) return address === pattern;
  const parts = pattern.split("*");
  const [first = "", ...rest] = parts;
  const last = rest.pop() ?? "";
  if (!address.startsWith(first) || address.length < first.length + last.length || !address.endsWith(last))
    return false;
  let place = first.length;
  for (const part of rest) {
    const found = address.indexOf(part, place);
    if (found < 0) return false;
    place = found + part.length;
  }
  return place <= address.length - last.length;
}

function exactness(name: string): number {
  if (name.includes("/") && !name.includes("*")) return 10_000;
  return (name.includes("@") ? 1_000 : name.includes("*") ? 2_000 : 0) + name.length;
}
