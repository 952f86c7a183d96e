/** The dispatcher's invariants, whatever happens, in virtual time. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { Labels } from "../labels.ts";
import { MemoryState, Scene, type Told, loaded } from "./fixtures/scene.ts";
import { DeliveryError } from "./integration.ts";

const SECOND = 1000;
const GROUP_WAIT = 30 * SECOND;
const GROUP_INTERVAL = 300 * SECOND;
const REPEAT_INTERVAL = 3600 * SECOND;
/** The longest pause between two attempts, with its jitter. */
const LONGEST_PAUSE = 90 * SECOND;
/** How long a sender repeats that an alert has resolved. */
const RESENT = 900 * SECOND;
const FOREVER = 1e9 * SECOND;

const configuration = `
route: { receiver: team, group_by: [group], group_wait: 30s, group_interval: 5m, repeat_interval: 1h }
receivers: [{ name: team, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }]
`;

/** Two groups of two alerts. */
const NAMES = ["a1", "a2", "b1", "b2"] as const;
type Name = (typeof NAMES)[number];

type Action =
  | { readonly do: "fire" | "resolve"; readonly name: Name }
  | { readonly do: "wait"; readonly seconds: number }
  | { readonly do: "restart" | "reload" | "break" | "mend" };

const name = fc.constantFrom(...NAMES);
const wait = fc.record({
  do: fc.constant("wait" as const),
  seconds: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 90, max: 4000 })),
});
const change = fc.record({ do: fc.constantFrom("fire" as const, "resolve" as const), name });
const calm = fc.array(fc.oneof(change, wait), { minLength: 3, maxLength: 40 });
const rough = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: change },
    { weight: 4, arbitrary: wait },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("restart" as const, "reload" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("break" as const, "mend" as const) }) },
  ),
  { minLength: 3, maxLength: 40 },
);

interface Period {
  readonly name: Name;
  readonly isFiring: boolean;
  readonly from: number;
  to: number;
}

class World {
  readonly scene: Scene;
  /** Spans in which an alert fired or had resolved. */
  readonly periods: Period[] = [];
  readonly #current = new Map<Name, Period>();
  #isBroken = false;
  readonly #origin: number;

  constructor() {
    this.scene = new Scene(configuration, { state: new MemoryState() });
    this.#origin = this.scene.clock.now();
    this.scene.onDelivery = () => {
      if (this.#isBroken) throw new DeliveryError("Broken.", { isTemporary: true });
    };
  }

  get now(): number {
    return this.scene.clock.now() - this.#origin;
  }

  async play(actions: readonly Action[]): Promise<void> {
    for (const action of actions) await this.#act(action);
    await this.#act({ do: "mend" });
    await this.scene.clock.advance(2 * GROUP_INTERVAL + LONGEST_PAUSE);
    for (const period of this.#current.values()) period.to = this.now;
    await this.scene.dispatcher.stop();
  }

  /** Deliveries of an alert's group. */
  told(group: string): readonly Told[] {
    return this.scene.told.filter(({ firing, resolved }) => (firing[0] ?? resolved[0])?.startsWith(group));
  }

  async #act(action: Action): Promise<void> {
    if (action.do === "wait") return this.scene.clock.advance(action.seconds * SECOND);
    if (action.do === "fire" || action.do === "resolve") return this.#set(action.name, action.do === "fire");
    if (action.do === "restart") {
      // A resolve that could not be told for longer than its sender repeats it does not outlive the process (D3).
      if (this.#isBroken) return undefined;
      this.scene.restart(configuration);
      for (const each of this.#current.keys()) this.#send(each);
    } else if (action.do === "reload") {
      const same = loaded(configuration);
      await this.scene.dispatcher.reload(same, this.scene.integrations(same));
    } else {
      this.#isBroken = action.do === "break";
    }
    return undefined;
  }

  #set(alert: Name, isFiring: boolean): void {
    const known = this.#current.get(alert);
    if ((known?.isFiring ?? false) !== isFiring) {
      if (known !== undefined) known.to = this.now;
      const period: Period = { name: alert, isFiring, from: this.now, to: this.now };
      this.periods.push(period);
      this.#current.set(alert, period);
    }
    this.#send(alert);
  }

  /** As Prometheus does: again and again, for a while also that it has resolved. */
  #send(alert: Name): void {
    const period = this.#current.get(alert);
    if (period === undefined || (!period.isFiring && this.now - period.from > RESENT)) return;
    const before = this.periods.findLast((each) => each.name === alert && each.isFiring);
    const startsAt = this.#origin + (before?.from ?? 0);
    const endsAt = period.isFiring ? this.scene.clock.now() + FOREVER : this.#origin + period.from;
    const labels = Labels.of({ alertname: alert, group: alert.charAt(0) });
    this.scene.dispatcher.ingest([{ labels, annotations: {}, startsAt, endsAt }]);
  }
}

function lastBefore(told: readonly Told[], time: number): Told | undefined {
  return told.findLast(({ at }) => at <= time);
}

/** What the receiver holds to be firing, from what it was told last. */
function knowsFiring(world: World, alert: Name, time: number): boolean {
  return lastBefore(world.told(alert.charAt(0)), time)?.firing.includes(alert) ?? false;
}

const LONGEST = GROUP_WAIT + GROUP_INTERVAL;

function longPeriods(world: World, isFiring: boolean, grace: number): readonly Period[] {
  return world.periods.filter((period) => period.isFiring === isFiring && period.to - period.from > grace);
}

it("no alert fires for longer than group_wait and group_interval without its receiver knowing (D1)", async () => {
  await fc.assert(
    fc.asyncProperty(calm, async (actions) => {
      const world = new World();
      await world.play(actions);
      for (const { name: alert, from, to } of longPeriods(world, true, LONGEST))
        for (const time of [from + LONGEST, to - 1])
          expect(knowsFiring(world, alert, time), alert).toBe(true);
    }),
    { numRuns: 150 },
  );
});

it("no alert has resolved for longer than that without its receiver knowing (D3)", async () => {
  await fc.assert(
    fc.asyncProperty(calm, async (actions) => {
      const world = new World();
      await world.play(actions);
      for (const { name: alert, from, to } of longPeriods(world, false, LONGEST))
        for (const time of [from + LONGEST, to - 1])
          expect(knowsFiring(world, alert, time), alert).toBe(false);
    }),
    { numRuns: 150 },
  );
});

it("a receiver is told again within repeat_interval only when something has changed (D2)", async () => {
  await fc.assert(
    fc.asyncProperty(rough, async (actions) => {
      const world = new World();
      await world.play(actions);
      for (const group of ["a", "b"]) {
        const told = world.told(group);
        for (const [at, next] of told.slice(1).entries()) {
          const last = told[at];
          if (last === undefined || next.at - last.at > REPEAT_INTERVAL) continue;
          const isNews =
            next.firing.some((each) => !last.firing.includes(each)) ||
            next.resolved.some((each) => !last.resolved.includes(each)) ||
            (next.firing.length === 0 && last.firing.length > 0);
          expect(isNews, JSON.stringify([last, next])).toBe(true);
        }
      }
    }),
    { numRuns: 150 },
  );
});

it("each resolve is told once at most, and none of what did not fire", async () => {
  await fc.assert(
    fc.asyncProperty(calm, async (actions) => {
      const world = new World();
      await world.play(actions);
      for (const alert of NAMES) {
        const told = world.scene.told.filter(({ resolved }) => resolved.includes(alert)).length;
        const happened = world.periods.filter((period) => period.name === alert && !period.isFiring).length;
        expect(told).toBeLessThanOrEqual(happened);
      }
    }),
    { numRuns: 150 },
  );
});

it("after failures, restarts and reloads the receiver knows the truth in the end", async () => {
  await fc.assert(
    fc.asyncProperty(rough, async (actions) => {
      const world = new World();
      await world.play(actions);
      for (const alert of NAMES) {
        const last = world.periods.findLast((period) => period.name === alert);
        expect(knowsFiring(world, alert, world.now), alert).toBe(last?.isFiring ?? false);
      }
    }),
    { numRuns: 150 },
  );
});
