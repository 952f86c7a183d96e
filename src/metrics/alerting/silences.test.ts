import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { MemoryState, Scene } from "./fixtures/scene.ts";
import { silenceState } from "./silence.ts";
import { type ManagedSilence, type PostedSilence, SilenceRefused, Silences } from "./silences.ts";

const HOUR = 3_600_000;
const noisy = Labels.of({ alertname: "Noisy", env: "prod" });

class Kept {
  readonly clock = new ManualClock();
  readonly state = new MemoryState();
  silences = new Silences(this.clock, this.state, []);

  posted(more: Partial<PostedSilence> = {}): PostedSilence {
    return {
      matchers: [{ name: "alertname", value: "Noisy", isRegex: false, isEqual: true }],
      startsAt: this.clock.now(),
      endsAt: this.clock.now() + HOUR,
      createdBy: "me",
      comment: "work",
      annotations: {},
      ...more,
    };
  }

  stateOf(id: string): string | undefined {
    const silence = this.silences.get(id);
    return silence && silenceState(silence, this.clock.now());
  }

  restart(): void {
    this.silences = new Silences(this.clock, this.state, this.state.load().silences);
  }
}

describe("a silence", () => {
  it("is pending until it starts, silences until it ends, and is forgotten long after", async () => {
    const known = new Kept();
    const id = known.silences.set(
      known.posted({ startsAt: known.clock.now() + HOUR, endsAt: known.clock.now() + 2 * HOUR }),
    );
    expect(known.stateOf(id)).toBe("pending");
    expect(known.silences.silencedBy(noisy)).toEqual([]);
    await known.clock.advance(HOUR);
    expect(known.stateOf(id)).toBe("active");
    expect(known.silences.silencedBy(noisy)).toEqual([id]);
    await known.clock.advance(HOUR);
    expect(known.stateOf(id)).toBe("expired");
    expect(known.silences.silencedBy(noisy)).toEqual([]);
    await known.clock.advance(120 * HOUR);
    known.silences.forgetOld();
    expect(known.silences.list()).toEqual([]);
    expect(known.state.load().silences).toEqual([]);
  });

  it("is there after a kill -9, and its end too", () => {
    const known = new Kept();
    const one = known.silences.set(known.posted());
    const other = known.silences.set(known.posted());
    known.silences.expire(other);
    known.restart();
    expect([known.stateOf(one), known.stateOf(other)]).toEqual(["active", "expired"]);
    expect(known.silences.silencedBy(noisy)).toEqual([one]);
  });

  it("keeps its id when its end, comment or author change, and gets another when it would rewrite history", async () => {
    const known = new Kept();
    const id = known.silences.set(known.posted());
    await known.clock.advance(60_000);
    const silence = known.silences.get(id);
    if (silence === undefined) throw new Error("no silence");
    expect(known.silences.set({ ...silence, endsAt: silence.endsAt + HOUR, comment: "more" })).toBe(id);
    const matchers = [{ name: "alertname", value: "Other", isRegex: false, isEqual: true }];
    const other = known.silences.set({ ...silence, matchers });
    expect(other).not.toBe(id);
    expect([known.stateOf(id), known.stateOf(other)]).toEqual(["expired", "active"]);
    expect(known.silences.get(other)?.startsAt).toBe(known.clock.now());
  });

  it("that is expired before it starts never silences", () => {
    const known = new Kept();
    const id = known.silences.set(
      known.posted({ startsAt: known.clock.now() + HOUR, endsAt: known.clock.now() + 2 * HOUR }),
    );
    known.silences.expire(id);
    expect(known.silences.get(id)).toMatchObject({ startsAt: known.clock.now(), endsAt: known.clock.now() });
    known.silences.expire(id);
  });

  it.each([
    ["matches everything", { matchers: [{ name: "a", value: ".*", isRegex: true, isEqual: true }] }],
    ["has no matchers", { matchers: [] }],
    ["has a bad expression", { matchers: [{ name: "a", value: "(", isRegex: true, isEqual: true }] }],
    ["ends before it starts", { startsAt: 2, endsAt: 1 }],
    ["changes one that is not there", { id: "3a9b0c1e-0000-4000-8000-000000000000" }],
  ])("that %s is refused", (_title, more) => {
    const known = new Kept();
    expect(() => known.silences.set(known.posted(more))).toThrow(SilenceRefused);
    expect(known.silences.list()).toEqual([]);
  });

  it("of negative matchers silences what lacks them", () => {
    const known = new Kept();
    const id = known.silences.set(
      known.posted({ matchers: [{ name: "env", value: "prod|stage", isRegex: true, isEqual: false }] }),
    );
    expect(known.silences.silencedBy(noisy)).toEqual([]);
    expect(known.silences.silencedBy(Labels.of({ alertname: "x" }))).toEqual([id]);
  });
});

describe("silences that something else declares", () => {
  const managed = (known: Kept, owner: string, more: Partial<ManagedSilence> = {}): ManagedSilence => ({
    owner,
    matchers: [{ name: "alertname", value: "Noisy", isRegex: false, isEqual: true }],
    startsAt: known.clock.now(),
    endsAt: known.clock.now() + HOUR,
    createdBy: owner,
    comment: "",
    ...more,
  });

  it("are those of the last list, under ids that stay the same, and are not saved", () => {
    const known = new Kept();
    known.silences.setManaged([managed(known, "change/1"), managed(known, "silence/a")]);
    const before = known.silences.silencedBy(noisy);
    expect(before).toHaveLength(2);
    known.silences.setManaged([
      managed(known, "silence/a", { comment: "changed" }),
      managed(known, "change/2"),
    ]);
    const after = known.silences.silencedBy(noisy);
    expect(after.filter((id) => before.includes(id))).toHaveLength(1);
    known.silences.setManaged([]);
    expect(known.silences.silencedBy(noisy)).toEqual([]);
    expect(known.state.load().silences).toEqual([]);
  });

  it("leave those of people alone, and cannot be changed by them", () => {
    const known = new Kept();
    const own = known.silences.set(known.posted());
    known.silences.setManaged([managed(known, "change/1")]);
    known.silences.setManaged([]);
    expect(known.stateOf(own)).toBe("active");
    known.silences.setManaged([managed(known, "change/1")]);
    const id = known.silences.silencedBy(noisy).find((each) => each !== own) ?? "";
    expect(() => known.silences.expire(id)).toThrow("is declared by change/1");
    expect(() => known.silences.set(known.posted({ id }))).toThrow("is declared by change/1");
  });

  it("that are none are left out and said", () => {
    const known = new Kept();
    const problems = known.silences.setManaged([
      managed(known, "change/1"),
      managed(known, "bad", { matchers: [] }),
    ]);
    expect([...problems.keys()]).toEqual(["bad"]);
    expect(known.silences.list()).toHaveLength(1);
  });

  it("end with what declares them: what still fires is told then", async () => {
    const scene = new Scene(`
route: { receiver: team, group_wait: 10s, group_interval: 1m }
receivers: [{ name: team, webhook_configs: [{ url: "http://127.0.0.1:9/" }] }]
`);
    const known = { clock: scene.clock } as Kept;
    scene.dispatcher.silences.setManaged([managed(known, "change/1")]);
    scene.fire("Noisy");
    await scene.clock.advance(30_000);
    expect(scene.lines()).toEqual([]);
    expect(scene.dispatcher.alerts()).toMatchObject([{ status: { state: "suppressed" } }]);
    scene.dispatcher.silences.setManaged([]);
    await scene.clock.advance(60_000);
    expect(scene.lines()).toEqual(["70s team: +Noisy"]);
  });
});
