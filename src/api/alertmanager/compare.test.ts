/** Beside Debian's Alertmanager: the same configuration and the same alerts, and what comes of them is the same. */
import { afterEach, expect, it } from "vitest";
import { type Running, Sink, startOurs, startReal } from "./fixtures/servers.ts";

interface Posted {
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly startsAt?: string;
  readonly endsAt?: string;
}

interface GotAlert {
  readonly labels: Record<string, string>;
  readonly fingerprint: string;
  readonly receivers: readonly { readonly name: string }[];
  readonly status: { readonly state: string; readonly inhibitedBy: string[]; readonly silencedBy: string[] };
}

const started: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});

/** Both, each with a sink of its own. */
class Pair {
  readonly #sides: readonly { readonly running: Running; readonly sink: Sink }[];

  private constructor(sides: Pair["sides"]) {
    this.#sides = sides;
  }

  get sides() {
    return this.#sides;
  }

  static async start(configuration: string): Promise<Pair> {
    const sides = await Promise.all(
      [startOurs, startReal].map(async (start) => {
        const sink = await Sink.start();
        started.push(sink);
        const running = await start(configuration.replaceAll("SINK", sink.url));
        started.push(running);
        return { running, sink };
      }),
    );
    return new Pair(sides);
  }

  async post(path: string, body: unknown): Promise<readonly unknown[]> {
    return Promise.all(
      this.#sides.map(async ({ running }) => {
        const response = await fetch(`${running.url}/api/v2/${path}`, {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        });
        expect(response.status).toBe(200);
        const text = await response.text();
        return text === "" ? undefined : (JSON.parse(text) as unknown);
      }),
    );
  }

  async get<T>(path: string): Promise<readonly T[]> {
    return Promise.all(
      this.#sides.map(async ({ running }) => {
        const response = await fetch(`${running.url}/api/v2/${path}`);
        return (await response.json()) as T;
      }),
    );
  }

  /** Waits until both sinks have so many, then demands that they have the same, group by group. */
  async told(count: number): Promise<readonly Record<string, unknown>[]> {
    await Promise.all(this.#sides.map(({ sink }) => sink.until(count)));
    const [ours = [], real = []] = this.#sides.map(({ sink }) =>
      sink.received
        .slice(0, count)
        .map(({ path, payload }) => ({ path, ...payload }) as Record<string, unknown>)
        .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : keyOf(one) > keyOf(other) ? 1 : 0)),
    );
    expect(ours).toEqual(real);
    return ours;
  }

  /** The same alerts in the same states, and the same groups. */
  async sameAlerts(query = ""): Promise<readonly ReturnType<typeof essence>[]> {
    const [ours = [], real = []] = (await this.get<GotAlert[]>(`alerts${query}`)).map((all) =>
      all.map(essence),
    );
    expect(ours).toEqual(real);
    const [ourGroups, realGroups] = (
      await this.get<{ alerts: GotAlert[]; labels: unknown; receiver: unknown }[]>(`alerts/groups${query}`)
    ).map((groups) =>
      groups.map(({ alerts, labels, receiver }) => ({ labels, receiver, alerts: alerts.map(essence) })),
    );
    expect(ourGroups).toEqual(realGroups);
    return ours;
  }
}

function keyOf(payload: Record<string, unknown>): string {
  return `${String(payload["path"])} ${String(payload["groupKey"])}`;
}

/** Without what differs by time or at random: of several alerts that inhibit, Alertmanager names any. */
function essence({ labels, fingerprint, receivers, status }: GotAlert) {
  const { state, inhibitedBy, silencedBy } = status;
  const counts = { inhibitedBy: inhibitedBy.length, silencedBy: silencedBy.length };
  return { labels, fingerprint, receivers, status: { state, ...counts } };
}

function alert(alertname: string, more: Record<string, string> = {}): Posted {
  return {
    labels: { alertname, ...more },
    annotations: { summary: `${alertname} says "hello"` },
    startsAt: new Date(Date.now() - 200).toISOString(),
  };
}

function ended(one: Posted): Posted {
  return { ...one, endsAt: new Date(Date.now() - 1).toISOString() };
}

const timing = "group_wait: 1s, group_interval: 2s, repeat_interval: 1h";

it("grouped alerts, one more, and resolves", async () => {
  const pair = await Pair.start(`
route: { receiver: team, group_by: [cluster], ${timing} }
receivers: [{ name: team, webhook_configs: [{ url: "SINK/team" }] }]
`);
  const down = alert("Down", { cluster: "a", instance: "2", job: "x" });
  const slow = alert("Slow", { cluster: "a", instance: "1", job: "x" });
  await pair.post("alerts", [down, slow, alert("Full", { cluster: 'b "quoted"\n' })]);
  await pair.told(2);
  await pair.sameAlerts();
  await pair.post("alerts", [alert("More", { cluster: "a" })]);
  await pair.told(3);
  await pair.post("alerts", [ended(down), ended(slow)]);
  const told = await pair.told(4);
  expect(told.map(({ status }) => status)).toEqual(["firing", "firing", "firing", "firing"]);
  await pair.sameAlerts();
});

it("a tree of routes, older and newer matchers, continue, and group_by of all labels", async () => {
  const pair = await Pair.start(`
route:
  receiver: root.default
  group_wait: 1s
  routes:
    - match_re: { service: "foo.*|bar" }
      receiver: services
      group_by: ['...']
      continue: true
      routes:
        - matchers: ['severity="critical"', "{team!~\\"x.+\\"}"]
          receiver: pager
    - match: { service: foo1 }
      receiver: second
      group_by: [service, nothing]
receivers:
  - { name: root.default, webhook_configs: [{ url: "SINK/root" }] }
  - { name: services, webhook_configs: [{ url: "SINK/services" }] }
  - { name: pager, webhook_configs: [{ url: "SINK/pager", max_alerts: 1 }] }
  - { name: second, webhook_configs: [{ url: "SINK/second" }] }
`);
  await pair.post("alerts", [
    alert("A", { service: "foo1", severity: "critical" }),
    alert("B", { service: "foo1", severity: "critical", team: "xy" }),
    alert("C", { service: "bar" }),
    alert("D", { service: "barn" }),
  ]);
  await pair.told(5);
  await pair.sameAlerts();
  await pair.sameAlerts("?receiver=second");
  await pair.sameAlerts(`?filter=${encodeURIComponent('service=~"foo.*"')}`);
});

it("an alert inhibits those it should, and they are told once it has resolved", async () => {
  const pair = await Pair.start(`
route: { receiver: team, group_by: [alertname], ${timing} }
inhibit_rules:
  - { source_matchers: ['severity="critical"'], target_matchers: ['severity=~"warning|critical"'], equal: [host, rack] }
receivers: [{ name: team, webhook_configs: [{ url: "SINK/team" }] }]
`);
  const source = alert("HostDown", { host: "h1", severity: "critical" });
  await pair.post("alerts", [source]);
  await pair.told(1);
  await pair.post("alerts", [
    alert("Slow", { host: "h1", severity: "warning" }),
    alert("Slower", { host: "h2", severity: "warning" }),
    alert("AlsoCritical", { host: "h1", severity: "critical" }),
  ]);
  await pair.told(3);
  const inhibited = (await pair.sameAlerts()).filter(({ status }) => status.state === "suppressed");
  expect(inhibited.map(({ labels }) => labels["alertname"])).toEqual(["Slow"]);
  await pair.sameAlerts("?inhibited=false");
  await pair.sameAlerts("?active=false");
  await pair.post("alerts", [
    ended(source),
    ended(alert("AlsoCritical", { host: "h1", severity: "critical" })),
  ]);
  const told = await pair.told(6);
  expect(told.map(({ groupKey }) => groupKey)).toContain('{}:{alertname="Slow"}');
});

it("a silence silences, and what it silenced is told when it is expired", async () => {
  const pair = await Pair.start(`
route: { receiver: team, group_by: [alertname], ${timing} }
receivers: [{ name: team, webhook_configs: [{ url: "SINK/team" }] }]
`);
  const answers = await pair.post("silences", {
    matchers: [
      { name: "alertname", value: "Quiet|Still", isRegex: true, isEqual: true },
      { name: "env", value: "prod", isRegex: false, isEqual: false },
    ],
    startsAt: new Date(Date.now() - 1000).toISOString(),
    endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    createdBy: "somebody",
    comment: "work",
  });
  await pair.post("alerts", [alert("Quiet"), alert("Quiet", { env: "prod" }), alert("Loud")]);
  await pair.told(2);
  const silenced = (await pair.sameAlerts()).filter(({ status }) => status.state === "suppressed");
  expect(silenced).toHaveLength(1);
  await pair.sameAlerts("?silenced=false");
  const ids = answers.map((answer) => (answer as { silenceID: string }).silenceID);
  await Promise.all(
    pair.sides.map(({ running }, at) =>
      fetch(`${running.url}/api/v2/silence/${ids[at] ?? ""}`, { method: "DELETE" }),
    ),
  );
  await pair.told(3);
  const states = await pair.get<{ status: { state: string } }[]>("silences");
  expect(states.map((all) => all.map(({ status }) => status.state))).toEqual([["expired"], ["expired"]]);
});

it("routes that are muted or not active by the time tell nobody", async () => {
  const pair = await Pair.start(`
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  routes:
    - { matchers: [kind="muted"], mute_time_intervals: [never, always] }
    - { matchers: [kind="inactive"], active_time_intervals: [never] }
    - { matchers: [kind="active"], active_time_intervals: [always], mute_time_intervals: [never] }
time_intervals:
  - { name: always, time_intervals: [{ times: [{ start_time: "00:00", end_time: "24:00" }], location: Australia/Sydney }] }
  - { name: never, time_intervals: [{ years: ["1999:2000"], days_of_month: ["-3:-1"], months: ["may:august"] }] }
receivers: [{ name: team, webhook_configs: [{ url: "SINK/team" }] }]
`);
  await pair.post(
    "alerts",
    ["muted", "inactive", "active", "other"].map((kind) => alert(`Is_${kind}`, { kind })),
  );
  const told = await pair.told(2);
  expect(told.map(({ groupKey }) => groupKey)).toEqual([
    '{}/{kind="active"}:{alertname="Is_active"}',
    '{}:{alertname="Is_other"}',
  ]);
  await pair.sameAlerts();
});

it("what nothing changes is told again after repeat_interval; receivers that do not want resolves get none", async () => {
  const pair = await Pair.start(`
route: { receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1s }
receivers: [{ name: team, webhook_configs: [{ url: "SINK/team", send_resolved: false }] }]
`);
  const one = alert("Again");
  const other = alert("Again", { instance: "2" });
  await pair.post("alerts", [one, other]);
  await pair.told(3);
  await pair.post("alerts", [ended(other)]);
  const isAlone = ({ sink }: Pair["sides"][number]): boolean =>
    (sink.received.at(-1)?.payload["alerts"] as readonly unknown[] | undefined)?.length === 1;
  for (const side of pair.sides) while (!isAlone(side)) await side.sink.until(side.sink.received.length + 1);
  const [ours, real] = pair.sides.map(({ sink }) => sink.received.at(-1)?.payload);
  expect(ours).toEqual(real);
});
