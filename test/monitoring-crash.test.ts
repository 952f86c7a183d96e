import { expect, test } from "vitest";
import type { Seen, TestHome } from "./support/home.ts";
import {
  type Matrix,
  amtool,
  dispatched,
  evaluations,
  query,
  ruleGroups,
  samples,
  silences,
} from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";
import { alertRule, documents, openWebhook, tells } from "./support/webhook.ts";

/** Milliseconds: what is older is on disk. */
const FLUSHED = 1000;

async function alertNamed(home: TestHome, name: string): Promise<Seen | undefined> {
  return (await home.list("Alert")).find(({ spec }) => spec["labels"]["alertname"] === name);
}

async function inState(home: TestHome, name: string, state: string): Promise<Seen> {
  return until(`${name} being ${state}`, async () => {
    const alert = await alertNamed(home, name);
    return alert?.status?.["state"] === state ? alert : undefined;
  });
}

test(
  "a control plane that is killed loses no flushed sample, no time of an alert, no silence, and tells nobody twice",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const webhook = await openWebhook();
    await home.ok([
      "up",
      home.declare(tells(webhook.url, ['alertname=~"Loud|Muted|Hushed"']), { folder: "pager" }),
    ]);
    const rules = documents(
      { kind: "System", metadata: { name: "watch" } },
      alertRule("Waiting", "vector(1)", { for: "1h" }),
      alertRule("Loud", "vector(1)", { for: "1s" }),
      alertRule("Muted", "vector(1)", { for: "2s" }),
      alertRule("Hushed", "vector(1)", { for: "2s" }),
      {
        kind: "Silence",
        metadata: { name: "muted" },
        spec: { matchers: [{ name: "alertname", value: "Muted" }], duration: "2h", comment: "declared" },
      },
    );
    const silenced = await amtool(home, [
      "silence",
      "add",
      "--author=test",
      "--comment=by amtool",
      "--duration=2h",
      "alertname=Hushed",
    ]);
    expect(silenced).toMatchObject({ code: 0 });
    await home.ok(["up", home.declare(rules)]);
    await webhook.told("Loud", "firing");
    await inState(home, "Muted", "firing");
    await inState(home, "Hushed", "firing");
    const waiting = await inState(home, "Waiting", "pending");
    const loud = await inState(home, "Loud", "firing");
    await evaluations(home, 2);
    const before = await declaredSilences(home);
    expect(before).toHaveLength(2);

    const known = (await samples(home, '{__name__=~".+"}[5m]', Date.now() / 1000)).filter(isMeasured);
    const asked = Date.now();
    await until("the flush", () => Date.now() > asked + FLUSHED);
    await home.killControlPlane();
    const killed = Date.now();
    const serving = await home.serve();
    console.log(`answers again ${Date.now() - killed} ms after it was killed`);

    const kept = await samples(home, '{__name__=~".+"}[10m]', Date.now() / 1000);
    console.log(`after: ${home.registration()?.url}, ${known.length} series`);
    expect(missing(known, kept)).toEqual([]);
    await evaluations(home, 2, "Loud");
    await evaluations(home, 2);
    expect((await alertNamed(home, "Waiting"))?.status).toMatchObject({
      state: "pending",
      activeAt: waiting.status?.["activeAt"] as string,
    });
    expect((await alertNamed(home, "Loud"))?.status).toMatchObject({
      state: "firing",
      activeAt: loud.status?.["activeAt"] as string,
      firedAt: loud.status?.["firedAt"] as string,
    });
    const [state] = await query(home, 'ALERTS_FOR_STATE{alertname="Waiting"}');
    expect(Number(state?.value[1])).toBe(Math.trunc(Date.parse(String(waiting.status?.["activeAt"])) / 1000));
    expect(await declaredSilences(home)).toEqual(before);
    const muted = (await dispatched(home)).filter(({ status }) => status.state === "suppressed");
    expect(muted.map(({ labels }) => labels["alertname"]).toSorted()).toEqual(["Hushed", "Muted"]);
    expect(
      (await ruleGroups(home)).every(({ rules: all }) => all.every(({ health }) => health === "ok")),
    ).toBe(true);
    expect(webhook.alerts().map(({ labels, status }) => `${labels["alertname"]} ${status}`)).toEqual([
      "Loud firing",
    ]);

    await home.ok(["down", "watch", "-y"]);
    const { alert } = await webhook.told("Loud", "resolved");
    expect(alert.startsAt).toBe(webhook.alerts()[0]?.startsAt);
    serving.child.kill("SIGTERM");
    await serving.done;
  },
);

interface Kept {
  readonly comment: string;
  readonly id: string;
  readonly state: string;
}

async function declaredSilences(home: TestHome): Promise<readonly Kept[]> {
  const all = await silences(home);
  return all
    .filter(({ comment }) => comment === "declared" || comment === "by amtool")
    .map(({ comment, id, status }) => ({ comment, id, state: status.state }))
    .toSorted((a, b) => a.comment.localeCompare(b.comment));
}

/** Of what may be measured anew at the very same time nobody speaks. */
function isMeasured({ metric }: Matrix): boolean {
  return metric["__name__"] !== undefined;
}

function missing(before: readonly Matrix[], after: readonly Matrix[]): readonly string[] {
  const keyOf = ({ metric }: Matrix): string =>
    JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const found = new Map(after.map((series) => [keyOf(series), new Map(series.values)]));
  return before.flatMap((series) => {
    const now = found.get(keyOf(series));
    const lost = series.values.filter(([time, value]) => now?.get(time) !== value);
    return lost.length === 0 ? [] : [`${keyOf(series)}: ${JSON.stringify(lost)}`];
  });
}
