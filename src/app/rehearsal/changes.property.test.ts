/**
 * Whole Changes, whatever happens: a System is asked for, changed, undone and taken down at random, under every policy, while
 * providers fail, hang and lose answers, people approve, reject, hold and resume, and the control plane is killed at any
 * commit. At every commit all that is stored is valid and every Change is in a state that may follow the last; in the end, once
 * nothing fails any more, there is what the newest Revision says, once each, and every Change has come to its end.
 *
 * Short here; `TUTTI_LONG=1` runs thousands. `TUTTI_SEED=n` runs one.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kindNamed } from "../../kinds/registry.ts";
import { isReady } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Draft, addressOf } from "../../model/resource.ts";
import { type ChangeResource, stateOf } from "../../planner/change.ts";
import { type RevisionView, contentOf } from "./fixtures/revisions.ts";
import { ChangeBench, MADE, type Manner, PLACES, SYSTEM, isOver } from "./fixtures/change-bench.ts";

const isLong = process.env["TUTTI_LONG"] === "1";
const seed = process.env["TUTTI_SEED"];
const SIZE = 5;

interface Member {
  readonly index: number;
  readonly kind: "Resource" | "Volume" | "Service" | "Set";
  readonly value: number;
  readonly refersTo: readonly number[];
  readonly isBounded: boolean;
  readonly replaceOn: number;
}

interface Program {
  readonly members: readonly Member[];
  readonly onFailure: "continue" | "hold" | "rollBack";
  readonly approval: "none" | "always" | "destructive" | "expires";
}

type Action =
  | { readonly type: "ask"; readonly program: Program }
  | { readonly type: "down" }
  | {
      readonly type: "undo" | "hold" | "resume" | "withdraw" | "approve" | "reject";
      readonly index: number;
    }
  | { readonly type: "crash" }
  | { readonly type: "crashAfter"; readonly commits: number }
  | { readonly type: "wait"; readonly for: number };

const member: fc.Arbitrary<Member> = fc.record({
  index: fc.nat(SIZE - 1),
  kind: fc.constantFrom("Resource", "Resource", "Resource", "Volume", "Service", "Set"),
  value: fc.nat(2),
  refersTo: fc.uniqueArray(fc.nat(SIZE - 1), { maxLength: 2 }),
  isBounded: fc.boolean(),
  replaceOn: fc.nat(1),
});

const program: fc.Arbitrary<Program> = fc.record({
  members: fc.uniqueArray(member, { selector: ({ index }) => index, minLength: 1, maxLength: SIZE }),
  onFailure: fc.constantFrom("continue", "hold", "rollBack"),
  approval: fc.constantFrom(
    "none",
    "none",
    "none",
    "none",
    "none",
    "none",
    "always",
    "destructive",
    "expires",
  ),
});

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ type: fc.constant("ask" as const), program }) },
  { weight: 1, arbitrary: fc.constant<Action>({ type: "down" }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom("undo", "hold", "resume", "withdraw", "approve", "approve", "approve", "reject"),
      index: fc.nat(5),
    }) as fc.Arbitrary<Action>,
  },
  { weight: 1, arbitrary: fc.constant<Action>({ type: "crash" }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("crashAfter" as const),
      commits: fc.integer({ min: 1, max: 15 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      for: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(1_000, 8_000, 40_000)),
    }),
  },
);

const manner: fc.Arbitrary<Manner> = fc.record({
  concurrency: fc.constantFrom("supersede", "queue"),
  isInWaves: fc.boolean(),
});

const nameOf = ({ kind, index }: Pick<Member, "kind" | "index">): string => `${kind.toLowerCase()}-${index}`;

/** Each may refer to those of a lower number that yield something. */
function manifestOf(one: Member, all: readonly Member[]): object {
  const sources = all.filter(
    ({ index, kind }) => one.refersTo.includes(index) && index < one.index && kind === "Resource",
  );
  const refs = Object.fromEntries(
    sources.map((source) => [`r${source.index}`, `\${resource.${nameOf(source)}.status.output.value}`]),
  );
  const name = nameOf(one);
  const lifecycle = one.isBounded
    ? { lifecycle: { retries: 1, timeouts: { create: "5s", update: "5s", delete: "5s" } } }
    : {};
  const config = { value: one.value, ...refs };
  if (one.kind === "Resource")
    return {
      kind: "Resource",
      metadata: { name },
      spec: { class: "simulated", config, replaceOn: one.replaceOn, ...lifecycle },
    };
  if (one.kind === "Volume")
    return { kind: "Volume", metadata: { name }, spec: { class: "simulated", ...lifecycle } };
  if (one.kind === "Service")
    return {
      kind: "Service",
      metadata: { name },
      spec: { class: "simulated", command: `run ${one.value}`, replicas: one.value, ports: [], env: refs },
    };
  const [source] = sources;
  return {
    kind: "ResourceSet",
    metadata: { name },
    spec: {
      forEach: source === undefined ? one.value : `\${resource.${nameOf(source)}.status.output.value}`,
      template: {
        kind: "Resource",
        spec: { class: "simulated", config: { value: one.value } },
      },
    },
  };
}

function declared(
  { members, onFailure, approval }: Program,
  { concurrency, isInWaves }: Manner,
): readonly object[] {
  const policy =
    approval === "none" ? {} : { approval: approval === "expires" ? { expires: "30s" } : { when: approval } };
  const gate = { for: "1s", timeout: "1m" };
  const waves = {
    locations: PLACES.map((name) => ({ name })),
    waves: PLACES.map((name) => ({ locations: [name], gate })),
  };
  const spec = { changes: { onFailure, concurrency, ...policy }, ...(isInWaves ? waves : {}) };
  return [
    { kind: "System", metadata: { name: SYSTEM }, spec },
    ...members.map((one) => manifestOf(one, members)),
  ];
}

async function act(bench: ChangeBench, one: Action): Promise<void> {
  switch (one.type) {
    case "wait":
      return bench.clock.advance(one.for);
    case "crash":
      return bench.crash();
    case "crashAfter":
      return bench.crashAfter(one.commits);
    case "ask":
      return void (await bench.ask({ resources: declared(one.program, bench) }));
    case "down":
      return void (await bench.ask({ resources: [], action: "down" }));
    default:
      return actOn(bench, one.type, one.index);
  }
}

async function actOn(
  bench: ChangeBench,
  what: Extract<Action, { readonly index: number }>["type"],
  index: number,
): Promise<void> {
  const waiting = bench.changes.filter(
    ({ spec }) => spec.approval !== undefined && spec.revision === undefined,
  );
  const all = what === "approve" || what === "reject" ? waiting : bench.changes;
  const change = all[index % Math.max(1, all.length)];
  if (change === undefined) return;
  if (what === "undo") await bench.ask({ resources: [], action: "undo", undoes: change.metadata.name });
  else if (what === "approve" || what === "reject") await bench.decide(change, what);
  else if (what === "hold") await bench.askOf(change, { hold: true });
  else if (what === "withdraw") await bench.askOf(change, { withdrawn: "user:jo" });
  else await bench.askOf(change, { hold: false, resumes: (change.spec.resumes ?? 0) + 1 });
}

/** Nothing fails any more, whoever is asked says yes, what is held is resumed: all must come to its end. */
async function settle(bench: ChangeBench): Promise<void> {
  bench.calm();
  await bench.revive();
  for (let round = 0; round < 60; round += 1) {
    for (const change of bench.changes.filter((one) => !isOver(one))) {
      const state = stateOf(change);
      if (state === "Pending") await bench.decide(change, "approve");
      if (change.spec.hold === true || state === "Held")
        await bench.askOf(change, { hold: false, resumes: (change.spec.resumes ?? 0) + 1 });
    }
    await bench.clock.advance(20_000);
    if (round > 3 && bench.changes.every(isOver)) break;
  }
  // What failed for good is looked at again now and then.
  await bench.clock.advance(700_000);
}

function faultsAtEnd(bench: ChangeBench): readonly string[] {
  const { world, content } = bench;
  const faults: string[] = [...bench.faults, ...world.troubles];
  for (const change of bench.changes)
    if (!isOver(change))
      faults.push(`${addressOf(change)} is ${stateOf(change)}: ${change.status?.message ?? ""}`);
  const wanted = content.filter(({ kind }) => (MADE as readonly string[]).includes(kind));
  const made = [...world.things.values()].map(({ kind, name }) => `${kind} ${name}`).toSorted();
  const there = wanted.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted();
  if (made.join() !== there.join()) faults.push(`There is ${made.join()}, and declared is ${there.join()}.`);
  for (const [uid, times] of world.made) if (times > 1) faults.push(`${uid} was made ${times} times.`);
  for (const resource of content)
    if (kindNamed(resource.kind)?.kind !== "ConfigMap" && !isReady(resource))
      faults.push(`${addressOf(resource)} is not ready: ${JSON.stringify(resource.status)}`);
  return [...faults, ...contentFaults(bench), ...rolledBackFaults(bench)];
}

/** What is there is what the newest Revision says. */
function contentFaults({ store, content }: ChangeBench): readonly string[] {
  const newest = contentOf(store, SYSTEM).at(-1);
  if (newest === undefined) return content.map((one) => `${addressOf(one)} is there, and no revision.`);
  const said = new Map(newest.resources.filter(isMember).map((draft) => [addressOf(draft), draft]));
  const faults: string[] = [];
  for (const resource of content) {
    const draft = said.get(addressOf(resource));
    said.delete(addressOf(resource));
    if (draft === undefined) faults.push(`${addressOf(resource)} is there, and in no revision.`);
    else if (!equal(draft.spec, resource.spec))
      faults.push(`${addressOf(resource)} is other than in its revision.`);
  }
  return [...faults, ...[...said.keys()].map((address) => `${address} is in the revision, and not there.`)];
}

function isMember({ kind }: Draft): boolean {
  return kind !== "System" && kind !== "ResourceSet";
}

/** What was taken back at once left exactly what was there before. */
function rolledBackFaults({ store, changes }: ChangeBench): readonly string[] {
  const revisions = contentOf(store, SYSTEM);
  const numbered = (number: number): RevisionView | undefined =>
    revisions.find((revision) => revision.number === number);
  return changes.flatMap((change: ChangeResource) => {
    if (stateOf(change) !== "RolledBack") return [];
    const inverse = changes.find(({ metadata }) => metadata.name === change.status?.undoneBy);
    const { revision = 0 } = change.spec;
    const stages = (change.status?.stages ?? [{}]).length;
    const [before, after] = [numbered(revision - 1), numbered(inverse?.spec.revision ?? 0)];
    if (before === undefined || after?.number !== revision + stages) return [];
    return before.text === after.text
      ? []
      : [`${addressOf(change)} was taken back, and left something else:\n${before.text}\n${after.text}`];
  });
}

describe("Changes", () => {
  it(
    "come to their end and leave what was agreed to, whatever fails and whenever the control plane is killed",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(action, { minLength: 2, maxLength: 20 }),
          manner,
          fc.nat(1_000_000),
          async (actions, asked, number) => {
            const bench = new ChangeBench(number, asked);
            await bench.start();
            for (const one of actions) {
              await act(bench, one);
              if (one.type !== "crashAfter") await bench.revive();
            }
            await settle(bench);
            const faults = faultsAtEnd(bench);
            await bench.stop();
            expect(faults).toEqual([]);
          },
        ),
        {
          endOnFailure: process.env["TUTTI_SHRINK"] !== "1",
          numRuns: isLong ? Number(process.env["TUTTI_RUNS"] ?? 3_000) : 40,
          ...(seed === undefined ? {} : { seed: Number(seed) }),
        },
      );
    },
    isLong ? 3_600_000 : 60_000,
  );

  it(
    "survive a kill at every commit of a Change that is staged, fails and is taken back",
    async () => {
      for (const onFailure of isLong ? ON_FAILURE : ON_FAILURE.slice(-1))
        for (const asked of isLong ? MANNERS : MANNERS.slice(-1))
          for (let commits = 1; await isKilledAt(commits, onFailure, asked); commits += isLong ? 1 : 3);
    },
    isLong ? 600_000 : 60_000,
  );
});

const ON_FAILURE = ["continue", "hold", "rollBack"] as const;
const MANNERS: readonly Manner[] = [
  { concurrency: "supersede", isInWaves: false },
  { concurrency: "queue", isInWaves: false },
  { concurrency: "supersede", isInWaves: true },
  { concurrency: "queue", isInWaves: true },
];

/** False: the control plane had no such commit, it lived to the end. */
async function isKilledAt(commits: number, onFailure: Program["onFailure"], asked: Manner): Promise<boolean> {
  const bench = new ChangeBench(commits, asked);
  await bench.start();
  const whole = (value: number): Program => ({
    onFailure,
    approval: "always",
    members: [
      { index: 0, kind: "Resource", value, refersTo: [], isBounded: true, replaceOn: value },
      { index: 1, kind: "Volume", value, refersTo: [], isBounded: true, replaceOn: 0 },
      { index: 2, kind: "Set", value, refersTo: [0], isBounded: false, replaceOn: 0 },
      { index: 3, kind: "Service", value, refersTo: [0], isBounded: false, replaceOn: 0 },
    ],
  });
  bench.crashAfter(commits);
  let isKilled = false;
  for (const value of [1, 2]) {
    await bench.ask({ resources: declared(whole(value), asked) });
    for (let round = 0; round < 4; round += 1) {
      await bench.clock.advance(500);
      isKilled ||= bench.isDead;
      await bench.revive();
      for (const change of bench.changes.filter((one) => stateOf(one) === "Pending"))
        await bench.decide(change, "approve");
    }
  }
  await settle(bench);
  const faults = faultsAtEnd(bench);
  await bench.stop();
  expect(faults, `killed at commit ${commits}, ${onFailure}, ${JSON.stringify(asked)}`).toEqual([]);
  return isKilled;
}
