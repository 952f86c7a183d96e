/**
 * What every provider must do (P1-P7 of provider.ts), as a suite of tests. An implementation's test calls it with a way to
 * open the provider; what an implementation cannot do is skipped with its reason.
 */
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import { Keyring, isSealed } from "../model/sealed.ts";
import {
  type Desired,
  type Exit,
  type Identity,
  type InstanceProvider,
  type InstanceSpec,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "./provider.ts";

export const conformanceContext: ProviderContext = {
  clock: systemClock,
  keyring: new Keyring(new Uint8Array(32).fill(7)),
  signal: new AbortController().signal,
  readSecret: () => undefined,
};

export interface Opened<P> {
  readonly provider: P;
  /** Another one on the same outside thing, as after a crash: the first is no longer used. */
  readonly reopen: () => Promise<P>;
  readonly cleanup: () => Promise<void>;
}

export interface ProviderSubject {
  readonly open: () => Promise<Opened<Provider>>;
  readonly desired: Desired;
  /** Names of the outputs that are secrets. */
  readonly secretOutputs?: readonly string[];
  /** Why `observe` sees something before anything was made. */
  readonly alwaysThere?: string;
  /** Why nothing can be kept. */
  readonly holdsNoData?: string;
  /** Changes what was made as somebody else would; absent where nothing of it can be read back (`Observation.actual`). */
  readonly spoil?: (desired: Desired) => Promise<void>;
  /** Takes away what was made as somebody else would; absent where nothing is told of that (`Provider.watch`). */
  readonly takeAway?: (desired: Desired) => Promise<void>;
  /** Makes, as somebody else would, what `desired` could have made, and gives its id; absent where nothing is adopted. */
  readonly foreign?: (desired: Desired) => Promise<string>;
}

export function providerConformance(name: string, subject: ProviderSubject): void {
  const { desired, alwaysThere, holdsNoData } = subject;
  const context = conformanceContext;
  describe(`${name} keeps the provider contract`, () => {
    let opened: Opened<Provider> | undefined;
    const open = async (): Promise<Opened<Provider>> => (opened = await subject.open());
    afterEach(async () => {
      await opened?.cleanup();
      opened = undefined;
    });

    it.skipIf(alwaysThere !== undefined)("sees nothing before anything is made", async () => {
      const { provider } = await open();
      expect(await provider.observe(desired, context)).toBeUndefined();
    });

    it("makes it, and observes what it made", async () => {
      const { provider } = await open();
      const made = await untilReady(provider, desired);
      expect(await provider.observe(desired, context)).toEqual(made);
    });

    it("makes it once, however often it is asked", async () => {
      const { provider } = await open();
      const first = await untilReady(provider, desired);
      expect(await provider.ensure(desired, context)).toEqual(first);
    });

    it("is found again by who knows nothing but its identity", async () => {
      const { provider, reopen } = await open();
      const made = await untilReady(provider, desired);
      const again = await reopen();
      expect(await again.ensure(desired, context)).toEqual(made);
    });

    it("gives secret outputs sealed only", async () => {
      const { provider } = await open();
      const { outputs } = await untilReady(provider, desired);
      for (const output of subject.secretOutputs ?? []) expect(isSealed(outputs[output]), output).toBe(true);
    });

    it("removes it, and removing it again changes nothing", async () => {
      const { provider } = await open();
      await untilReady(provider, desired);
      expect(await provider.remove(desired, { ...context, keepData: false })).toEqual([]);
      expect(await provider.remove(desired, { ...context, keepData: false })).toEqual([]);
      if (alwaysThere === undefined) expect(await provider.observe(desired, context)).toBeUndefined();
    });

    it.skipIf(holdsNoData !== undefined)(
      "keeps what it holds when told to, says so, and finds it again",
      async () => {
        const { provider } = await open();
        await untilReady(provider, desired);
        expect(await provider.remove(desired, { ...context, keepData: true })).not.toEqual([]);
        expect((await untilReady(provider, desired)).ready).toBe(true);
        await provider.remove(desired, { ...context, keepData: false });
      },
    );

    it("says nothing of what cannot be read back but parts of the spec that it was made from", async () => {
      const { provider } = await open();
      const { actual } = await untilReady(provider, desired);
      if (actual !== undefined) expect(desired.spec).toMatchObject(actual);
    });

    it.skipIf(subject.spoil === undefined)(
      "tells how it was changed by others, and sets it back",
      async () => {
        const { provider } = await open();
        const made = await untilReady(provider, desired);
        await subject.spoil?.(desired);
        expect((await provider.observe(desired, context))?.actual).not.toEqual(made.actual);
        expect((await untilReady(provider, desired)).actual).toEqual(made.actual);
      },
    );

    it.skipIf(subject.takeAway === undefined)(
      "tells who watches that others took it away, and tells nothing any more once that is over",
      async () => {
        const { provider } = await open();
        await untilReady(provider, desired);
        const ending = new AbortController();
        let [times, wake] = [0, (): void => undefined];
        const changed = (): void => {
          times += 1;
          wake();
        };
        provider.watch?.(desired, changed, { ...context, signal: ending.signal });
        await subject.takeAway?.(desired);
        // It may be told of before, for nothing.
        for (
          let seen = 0;
          times === 0 || (await provider.observe(desired, context)) !== undefined;
          seen = times
        )
          if (times === seen) await new Promise<void>((resolve) => (wake = resolve));
        ending.abort(new Error("over"));
        const before = times;
        await untilReady(provider, desired);
        await subject.takeAway?.(desired);
        await untilReady(provider, desired);
        expect(times).toBe(before);
      },
    );

    it("makes a second one beside the first where it says so, and removes them one by one", async () => {
      const { provider } = await open();
      if (provider.canCreateBeforeDestroy !== true) return;
      const second = {
        ...desired,
        identity: { ...desired.identity, uid: `${desired.identity.uid}.2` },
      };
      const first = await untilReady(provider, desired);
      await untilReady(provider, second);
      await provider.remove(second, { ...context, keepData: false });
      if (alwaysThere === undefined) expect(await provider.observe(second, context)).toBeUndefined();
      expect(await provider.ensure(desired, context)).toEqual(first);
      await provider.remove(desired, { ...context, keepData: false });
    });

    it("says how much there is, and never less than is used", async () => {
      const { provider } = await open();
      for (const { name, limit, used, needs } of (await provider.capacities?.(context)) ?? []) {
        expect(name).toMatch(/\w/);
        expect(limit ?? used).toBeGreaterThanOrEqual(0);
        expect(needs(desired.spec as Readonly<Record<string, unknown>>)).toBeGreaterThanOrEqual(0);
      }
    });

    it.skipIf(subject.foreign === undefined)(
      "lists what others made, adopts it as it is, once, and makes no second one",
      async () => {
        const { provider } = await open();
        const id = (await subject.foreign?.(desired)) ?? "";
        const found = (await provider.list?.(context, {}))?.find((one) => one.id === id);
        expect(found).toMatchObject({ id, description: expect.stringMatching(/\w/) as string });
        expect(found?.owner).toBeUndefined();
        await provider.adopt?.(desired, id, context);
        await provider.adopt?.(desired, id, context);
        await untilReady(provider, desired);
        const after = (await provider.list?.(context, {}))?.filter((one) => one.id === id);
        expect(after).toHaveLength(1);
        await provider.remove(desired, { ...context, keepData: false });
      },
    );

    it.skipIf(subject.foreign === undefined)(
      "refuses to adopt what is not there, for good, and makes nothing instead",
      async () => {
        const { provider } = await open();
        await expect(provider.adopt?.(desired, "there-is-no-such-thing", context)).rejects.toBeInstanceOf(
          TerminalError,
        );
        if (alwaysThere === undefined) expect(await provider.observe(desired, context)).toBeUndefined();
      },
    );

    it("lets go of it and leaves it there, for others to find", async () => {
      const { provider } = await open();
      if (provider.release === undefined) return;
      await untilReady(provider, desired);
      const mine = (await provider.list?.(context, {}))?.find(
        ({ owner }) => owner?.uid === desired.identity.uid,
      );
      await provider.release(desired, context);
      await provider.release(desired, context);
      if (mine === undefined) return;
      expect((await provider.list?.(context, {}))?.find((one) => one.id === mine.id)).toMatchObject({
        id: mine.id,
      });
    });
  });
}

async function untilReady(provider: Provider, desired: Desired): ReturnType<Provider["ensure"]> {
  const observation = await provider.ensure(desired, conformanceContext);
  return observation.ready ? observation : untilReady(provider, desired);
}

export interface InstanceSubject {
  readonly open: () => Promise<Opened<InstanceProvider>>;
  /** Prints `started`, and its variable GREETING, then goes on until it is asked to end. */
  readonly lasting: InstanceSpec;
  /** Ends by itself with code 3. */
  readonly ending: InstanceSpec;
  /** Cannot be started. */
  readonly impossible: InstanceSpec;
  /** Why nothing is printed and nothing can be run beside it. */
  readonly silent?: string;
}

export function instanceConformance(name: string, subject: InstanceSubject): void {
  const { lasting, ending, impossible, silent } = subject;
  const context = conformanceContext;
  const identity: Identity = {
    kind: "Instance",
    namespace: "default",
    name: "api-1",
    uid: "00000000-0000-4000-8000-000000000001",
  };
  describe(`${name} keeps the contract of instances`, () => {
    let opened: Opened<InstanceProvider> | undefined;
    const open = async (): Promise<Opened<InstanceProvider>> => (opened = await subject.open());
    afterEach(async () => {
      await opened?.cleanup();
      opened = undefined;
    });

    it("starts an instance once, however often it is asked", async () => {
      const { provider } = await open();
      const first = await provider.start(identity, lasting, context);
      const second = await provider.start(identity, lasting, context);
      expect(second.identity).toEqual(first.identity);
      await provider.stop(identity, lasting, context);
    });

    it("finds after a crash what ran before it", async () => {
      const { provider, reopen } = await open();
      const started = await provider.start(identity, lasting, context);
      const again = await reopen();
      expect((await again.find(identity, undefined))?.identity).toEqual(started.identity);
      await again.stop(identity, lasting, context);
      expect(await again.find(identity, undefined)).toBeUndefined();
    });

    it("tells of an end by itself once, with its code", async () => {
      const { provider } = await open();
      const exits: Exit[] = [];
      const told = Promise.withResolvers<void>();
      provider.onExit((exit) => {
        exits.push(exit);
        told.resolve();
      });
      await provider.start(identity, ending, context);
      await told.promise;
      expect(exits).toMatchObject([{ identity, code: 3 }]);
      expect(await provider.find(identity, undefined)).toBeUndefined();
    });

    it("says nothing of an end that was asked for, and stops again without complaint", async () => {
      const { provider } = await open();
      const exits: Exit[] = [];
      provider.onExit((exit) => exits.push(exit));
      await provider.start(identity, lasting, context);
      await provider.stop(identity, lasting, context);
      await provider.stop(identity, lasting, context);
      await provider.purge(identity, lasting, { keepLog: false });
      expect(exits).toEqual([]);
    });

    it("gives ports that differ from each other and from those taken", async () => {
      const { provider } = await open();
      const [first = 0] = await provider.allocatePorts(1, new Set());
      const more = await provider.allocatePorts(20, new Set([first]));
      expect(new Set([first, ...more]).size).toBe(21);
    });

    it("refuses what cannot be started, with the reason, and leaves nothing", async () => {
      const { provider } = await open();
      await expect(provider.start(identity, impossible, context)).rejects.toThrow(/\w+/);
      expect(await provider.find(identity, undefined)).toBeUndefined();
    });

    it.skipIf(silent !== undefined)("gives what was printed, without the values of secrets", async () => {
      const { provider } = await open();
      const run = {
        ...lasting.run,
        env: { ...lasting.run.env, GREETING: context.keyring.seal("tell-nobody") },
      };
      await provider.start(identity, { ...lasting, run }, context);
      const lines: string[] = [];
      for await (const line of provider.logs(identity, { ...lasting, run }, { follow: true })) {
        lines.push(line.text);
        if (lines.length === 2) break;
      }
      await provider.stop(identity, { ...lasting, run }, context);
      expect(lines).toEqual(["started", "(secret)"]);
    });

    it.skipIf(silent !== undefined)(
      "runs a command beside it with its environment, and gives output and code",
      async () => {
        const { provider } = await open();
        await provider.start(identity, lasting, context);
        const session = await provider.exec(
          identity,
          lasting,
          ["/bin/sh", "-c", "echo $GREETING; exit 4"],
          { tty: false, stdin: false },
          context,
        );
        let output = "";
        for await (const chunk of session.stdout) output += Buffer.from(chunk).toString();
        expect([output, await session.exitCode]).toEqual(["hello\n", 4]);
        await provider.stop(identity, lasting, context);
      },
    );
  });
}
