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

  /** Rejects with what it says of its configuration when it refuses that. */
  async reload(): Promise<void> {
    await reload(this.#url(), "Prometheus");
  }

  async isReady(): Promise<boolean> {
    return isReady(this.#url());
  }

  async #ask(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    // Long queries go into the body; what has no parameters takes GET only.
    const form = new URLSearchParams(parameters);
    const sent = form.size === 0 ? {} : { method: "POST", body: form };
    const response = await fetch(`${this.#url()}/api/v1/${path}`, {
      ...sent,
      signal: AbortSignal.timeout(PATIENCE),
    });
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

export async function reload(url: string, program: string): Promise<void> {
  const response = await fetch(`${url}/-/reload`, { method: "POST", signal: AbortSignal.timeout(PATIENCE) });
  const said = await response.text();
  if (!response.ok) throw new Error(`${program} refuses its configuration: ${said.trim()}.`);
}

/** By what a silence of ours is known in the Alertmanager, which chooses ids itself. */
const MARK = "tutti:";

interface KnownSilence {
  readonly id: string;
  readonly comment: string;
  readonly createdBy: string;
  readonly status: { readonly state: string };
}

/** Those that are ours become exactly these; others are somebody's and stay. */
export async function setSilences(url: string, silences: readonly ManagedSilence[]): Promise<void> {
  const response = await fetch(`${url}/api/v2/silences`, { signal: AbortSignal.timeout(PATIENCE) });
  const all = (await response.json()) as readonly KnownSilence[];
  const ours = new Map(
    all
      .filter(({ createdBy, status }) => createdBy.startsWith(MARK) && status.state !== "expired")
      .map((silence) => [silence.createdBy.slice(MARK.length), silence]),
  );
  for (const { id, ...silence } of silences) {
    if (ours.delete(id)) continue;
    const made = await fetch(`${url}/api/v2/silences`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...silence,
        createdBy: `${MARK}${id}`,
        comment: `${silence.createdBy}: ${silence.comment}`,
      }),
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (!made.ok) throw new Error(`Alertmanager refuses a silence: ${(await made.text()).trim()}.`);
    await made.arrayBuffer();
  }
  for (const { id } of ours.values()) {
    const ended = await fetch(`${url}/api/v2/silence/${id}`, {
      method: "DELETE",
      signal: AbortSignal.timeout(PATIENCE),
    });
    await ended.arrayBuffer();
  }
}
