/**
 * What the functions of an own kind must stand (provider/provider.ts, P1 to P5), for any runner of tests.
 *
 *     resourceChecks(kind, { spec }) ──> [{ title, run }]    each begins with nothing, and leaves nothing
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { resourceDefinition } from "../sdk/define-resource.ts";
import type { Observed } from "../sdk/resource-functions.ts";
import { offeredHandlers } from "../workflow/worker/handler.ts";

export interface ResourceSubject {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Changes what was made as somebody else would; without it, drift is not checked. */
  readonly spoil?: () => Promise<void> | void;
  /** How often `ensure` may say that it is not ready yet; ten times when absent. */
  readonly patience?: number;
}

export interface ResourceCheck {
  readonly title: string;
  /** Rejects with what is wrong. */
  readonly run: () => Promise<void>;
}

export function resourceChecks(kind: unknown, subject: ResourceSubject): readonly ResourceCheck[] {
  const definition = resourceDefinition(kind);
  if (definition === undefined) throw new TypeError("resourceChecks takes what defineResource gives.");
  const name = definition.kind;
  const check = (title: string, work: (thing: Thing) => Promise<void>): ResourceCheck => ({
    title: `${name} ${title}`,
    run: async () => {
      const thing = new Thing(name, subject);
      try {
        await work(thing);
      } finally {
        await thing.remove();
      }
    },
  });
  const checks = [
    check("sees nothing before anything is made", async (thing) => {
      assert.equal(await thing.observe(), null);
    }),
    check("makes it, and observes what it made", async (thing) => {
      const made = await thing.made();
      assert.deepEqual(await thing.observe(), made);
    }),
    check("makes it once, however often it is asked", async (thing) => {
      const made = await thing.made();
      assert.deepEqual(await thing.made(), made);
    }),
    check("finds it again by what it is told, without any memory", async (thing) => {
      const made = await thing.made();
      thing.forget();
      assert.deepEqual(await thing.made(), made);
    }),
    check("reads back nothing but what it was made from", async (thing) => {
      const { actual = {} } = await thing.made();
      for (const [field, value] of Object.entries(actual)) assert.deepEqual(value, thing.spec[field], field);
    }),
    check("removes it, and removing it again changes nothing", async (thing) => {
      await thing.made();
      await thing.remove();
      await thing.remove();
      assert.equal(await thing.observe(), null);
    }),
  ];
  const { spoil } = subject;
  if (spoil === undefined) return checks;
  const drift = check("tells how it was changed by others, and sets it back", async (thing) => {
    const { actual } = await thing.made();
    await spoil();
    assert.notDeepEqual((await thing.observe())?.actual, actual);
    assert.deepEqual((await thing.made()).actual, actual);
  });
  return [...checks, drift];
}

class Thing {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly #kind: string;
  readonly #subject: ResourceSubject;
  readonly #uid = randomUUID();
  #outputs: unknown = {};

  constructor(kind: string, subject: ResourceSubject) {
    this.#kind = kind;
    this.#subject = subject;
    this.spec = subject.spec;
  }

  forget(): void {
    this.#outputs = {};
  }

  async observe(): Promise<Observed | null> {
    return (await this.#call("observe")) as Observed | null;
  }

  async made(): Promise<Observed> {
    const { patience = 10 } = this.#subject;
    for (let left = patience; left > 0; left -= 1) {
      const seen = (await this.#call("ensure")) as Observed;
      this.#outputs = seen.outputs ?? {};
      if (seen.ready !== false) return seen;
    }
    assert.fail(`It did not get ready, however often it was asked: ${patience} times.`);
  }

  async remove(): Promise<void> {
    await this.#call("remove");
  }

  async #call(name: string): Promise<unknown> {
    const handler = offeredHandlers().findLast((one) => one.name === `${this.#kind}.${name}`);
    assert.ok(handler, `The kind ${this.#kind} has no function '${name}'.`);
    const who = { name: "checked", namespace: "default", uid: this.#uid, location: "local" };
    const input = { ...who, spec: this.spec, outputs: this.#outputs };
    return handler.call(input as never, {
      idempotencyKey: this.#uid,
      attempt: 1,
      run: "default/checked",
      step: name,
      signal: new AbortController().signal,
      heartbeat: () => undefined,
      log: () => undefined,
    });
  }
}
