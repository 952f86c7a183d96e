/** What is asked of a Prometheus and an Alertmanager over HTTP. */
import { seriesIn, valuesIn } from "../../provider/measured.ts";
import type {
  ManagedSilence,
  MeasuredSeries,
  MeasuredValue,
  MetricsSource,
  RaisedAlert,
} from "../../provider/monitoring.ts";

const PATIENCE = 10_000;

interface Envelope {
  readonly status: "success" | "error";
  readonly data?: unknown;
  readonly error?: string;
}

export class RemotePrometheus implements MetricsSource {
  readonly #url: () => string;

  /** Asked each time: it may be another after a restart. */
  constructor(url: () => string) {
    this.#url = url;
  }

  async query(expression: string, at?: number): Promise<readonly MeasuredValue[]> {
    const time = at === undefined ? {} : { time: String(at / 1000) };
    return valuesIn(await this.#ask("query", { query: expression, ...time }));
  }

  async queryRange(
    expression: string,
    start: number,
    end: number,
    step: number,
  ): Promise<readonly MeasuredSeries[]> {
    const [from, to, every] = [start, end, step].map((milliseconds) => String(milliseconds / 1000));
    return seriesIn(
      await this.#ask("query_range", {
        query: expression,
        start: from ?? "",
        end: to ?? "",
        step: every ?? "",
      }),
    );
  }

  /** Nobody is told of its scrapes: who asks looks at an interval. */
  onScraped(): () => void {
    return () => undefined;
  }

  async alerts(): Promise<readonly RaisedAlert[]> {
    const { alerts } = (await this.#ask("alerts", {})) as { readonly alerts: readonly RaisedAlert[] };
    return alerts;
  }

  async #ask(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    // Long queries go into the body; what has no parameters takes GET only.
    const form = new URLSearchParams(parameters);
    const sent = form.size === 0 ? {} : { method: "POST", body: form };
    const response = await ask("Prometheus", `${this.#url()}/api/v1/${path}`, sent);
    const answer = (await response.json()) as Envelope;
    if (answer.status === "success") return answer.data;
    throw new Error(`Prometheus refuses the query: ${answer.error ?? `HTTP status ${response.status}`}.`);
  }
}

export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(PATIENCE) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Rejects with what it says of its configuration when it refuses that. */
export async function reload(url: string, program: string): Promise<void> {
  const response = await ask(program, `${url}/-/reload`, { method: "POST" });
  const said = (await response.text()).trim().replace(/\.$/, "");
  if (!response.ok) throw new Error(`${program} refuses its configuration: ${said}.`);
}

async function ask(program: string, url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    throw new Error(`${program} does not answer at ${new URL(url).origin}.`, { cause: error });
  }
}

interface KnownSilence extends Pick<ManagedSilence, "matchers" | "endsAt"> {
  /** The Alertmanager's: it chooses ids itself. */
  readonly id: string;
  readonly createdBy: string;
  readonly status: { readonly state: string };
}

/** Those of the Monitor become exactly these; others are somebody's and stay. */
export async function setSilences(
  url: string,
  monitor: string,
  silences: readonly ManagedSilence[],
): Promise<void> {
  const mark = `tutti:${monitor}:`;
  const response = await ask("Alertmanager", `${url}/api/v2/silences`);
  const all = (await response.json()) as readonly KnownSilence[];
  const ours = new Map(
    all
      .filter(({ createdBy, status }) => createdBy.startsWith(mark) && status.state !== "expired")
      .map((silence) => [silence.createdBy.slice(mark.length), silence]),
  );
  for (const silence of silences) {
    const known = ours.get(silence.id);
    if (known !== undefined && isSame(known, silence)) ours.delete(silence.id);
    else await silenceWith(url, mark, silence);
  }
  for (const { id } of ours.values()) {
    const ended = await ask("Alertmanager", `${url}/api/v2/silence/${id}`, { method: "DELETE" });
    await ended.arrayBuffer();
  }
}

async function silenceWith(url: string, mark: string, { id, ...silence }: ManagedSilence): Promise<void> {
  const made = await ask("Alertmanager", `${url}/api/v2/silences`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...silence,
      createdBy: `${mark}${id}`,
      comment: `${silence.createdBy}: ${silence.comment}`,
    }),
  });
  const said = (await made.text()).trim().replace(/\.$/, "");
  if (!made.ok) throw new Error(`Alertmanager refuses a silence: ${said}.`);
}

function isSame(known: KnownSilence, { matchers, endsAt }: ManagedSilence): boolean {
  return (
    Date.parse(known.endsAt) === Date.parse(endsAt) &&
    known.matchers.map(matcherText).toSorted().join() === matchers.map(matcherText).toSorted().join()
  );
}

function matcherText({ name, value, isRegex, isEqual }: ManagedSilence["matchers"][number]): string {
  return JSON.stringify([name, value, isRegex, isEqual]);
}
