/**
 * Resources that have another name now (`System.spec.moved`): which live resource each declared one continues.
 *
 * Rules, as Terraform has them: a chain a -> b, b -> c is followed to its end; what has been moved already is passed over;
 * refused is what would need a guess: both names live, both names declared, two that become one, a circle, another kind.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, type Resource, rootName } from "../model/resource.ts";

interface Moved {
  readonly from: string;
  readonly to: string;
}

export interface Moves {
  /** By present address, the live resource that it continues. */
  readonly continued: ReadonlyMap<string, Resource>;
  /** Former addresses of those. */
  readonly former: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
}

export interface MoveContext {
  /** By address. */
  readonly declared: ReadonlyMap<string, Draft>;
  /** By address, what the System holds. */
  readonly held: ReadonlyMap<string, Resource>;
  readonly system: string;
}

export function movedIn(resources: readonly Draft[]): readonly Moved[] {
  const system = resources.find(({ kind }) => kind === "System");
  return (system?.spec as { readonly moved?: readonly Moved[] } | undefined)?.moved ?? [];
}

export function resolveMoves(moved: readonly Moved[], context: MoveContext): Moves {
  const diagnostics: Diagnostic[] = [];
  const report = (found: Omit<Diagnostic, "severity" | "address">, index: number): void =>
    void diagnostics.push({
      severity: "error",
      address: `system/${context.system}`,
      path: `spec.moved[${index}]`,
      ...found,
    });
  const next = nextOf(moved, report);
  const lines = new Map(moved.map(({ from }, index) => [from, index]));
  const continued = new Map<string, Resource>();
  const inCircles = new Set<string>();
  for (const from of next.keys()) {
    const index = lines.get(from) ?? 0;
    const to = endOf(from, next);
    if (to === undefined) {
      // Also of what is not there yet: it would be refused as soon as it is. Once for each circle.
      if (!leadsInto(inCircles, from, next)) report(circle(from), index);
      continue;
    }
    const live = context.held.get(from);
    if (live === undefined) continue;
    const problem = obstacle(from, to, continued, context);
    if (problem !== undefined) report(problem, index);
    else if (context.declared.has(to)) continued.set(to, live);
  }
  const former = [...continued.values()].map((live) => `${rootName(live.kind)}/${live.metadata.name}`);
  return { continued, former: new Set(former), diagnostics };
}

type Found = Omit<Diagnostic, "severity" | "address">;

/** One step of each chain; statements that contradict each other or themselves are reported and left out. */
function nextOf(
  moved: readonly Moved[],
  report: (found: Found, index: number) => void,
): ReadonlyMap<string, string> {
  const next = new Map<string, string>();
  for (const [index, { from, to }] of moved.entries()) {
    const [before = "", after = ""] = [from.split("/")[0], to.split("/")[0]];
    const known = next.get(from);
    if (!isAddress(from) || !isAddress(to)) report(noAddress(isAddress(from) ? to : from), index);
    else if (before !== after) report(otherKind(from, to), index);
    else if (from === to) report(circle(from), index);
    else if (known !== undefined && known !== to) report(twice(from, known, to), index);
    else next.set(from, to);
  }
  return next;
}

function isAddress(text: string): boolean {
  return /^[a-z][A-Za-z]*\/[a-z0-9][-a-z0-9.]*$/.test(text);
}

/** Whether the chain, which never ends, comes to one of these; what it passes is added to them. */
function leadsInto(circles: Set<string>, from: string, next: ReadonlyMap<string, string>): boolean {
  const passed = new Set<string>();
  let address = from;
  while (!circles.has(address) && !passed.has(address)) {
    passed.add(address);
    address = next.get(address) ?? address;
  }
  const isKnown = circles.has(address);
  for (const one of passed) circles.add(one);
  return isKnown;
}

/** Undefined when it leads back to where it was. */
function endOf(from: string, next: ReadonlyMap<string, string>): string | undefined {
  const passed = new Set<string>();
  let address = from;
  for (let to = next.get(address); to !== undefined; to = next.get(address)) {
    if (passed.has(address)) return undefined;
    passed.add(address);
    address = to;
  }
  return address;
}

function obstacle(
  from: string,
  to: string,
  continued: ReadonlyMap<string, Resource>,
  { declared, held }: MoveContext,
): Found | undefined {
  if (declared.has(from)) {
    return {
      code: "MovedStillDeclared",
      message: `${from} is said to be ${to} now, but is still declared.`,
      hint: "Take its declaration away, or take this line out of spec.moved.",
    };
  }
  if (held.has(to) && declared.has(to)) {
    return {
      code: "MovedBothExist",
      message: `${from} cannot become ${to}: both exist.`,
      hint: "Take this line out of spec.moved to delete the former one, or choose another name.",
    };
  }
  if (!continued.has(to)) return undefined;
  return {
    code: "MovedTogether",
    message: `${from} cannot become ${to}: another resource becomes that already.`,
    hint: "Give each a name of its own.",
  };
}

function noAddress(text: string): Found {
  return {
    code: "InvalidAddress",
    message: `'${text.slice(0, 80)}' is not an address.`,
    hint: "Write <kind>/<name>, for example database/orders.",
  };
}

function otherKind(from: string, to: string): Found {
  return {
    code: "MovedToAnotherKind",
    message: `${from} cannot become ${to}: a thing keeps its kind.`,
    hint: "Delete the one and declare the other.",
  };
}

function circle(address: string): Found {
  return {
    code: "MovedInCircle",
    message: `${address} would become itself again.`,
    hint: "Keep the last of its names only.",
  };
}

function twice(from: string, first: string, second: string): Found {
  return {
    code: "MovedTwice",
    message: `${from} cannot become both ${first} and ${second}.`,
    hint: "Keep one of the lines.",
  };
}
