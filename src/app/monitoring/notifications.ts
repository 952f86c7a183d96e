/**
 * The dispatcher of alerts with the configuration that is in force. A configuration that is refused leaves the one before in
 * force, and says so.
 */
import { alertmanagerApi } from "../../api/alertmanager/alertmanager-api.ts";
import type { MountAnswer, MountRequest } from "../../api/mount.ts";
import type { Clock } from "../../clock/clock.ts";
import { type Diagnostic, DiagnosticError, hasErrors } from "../../diagnostics/diagnostic.ts";
import type { Configuration } from "../../metrics/alerting/configuration/configuration.ts";
import { loadConfiguration } from "../../metrics/alerting/configuration/load.ts";
import { Dispatcher } from "../../metrics/alerting/dispatcher.ts";
import type { AlertingSample } from "../../metrics/alerting/counters.ts";
import type { DeliveryFailure, Integration } from "../../metrics/alerting/integration.ts";
import { makeIntegrations } from "../../metrics/alerting/receivers/integrations.ts";
import type { RunWorkflow } from "../../metrics/alerting/receivers/workflow.ts";
import type { AlertingState } from "../../metrics/alerting/state.ts";
import { Labels } from "../../metrics/labels.ts";
import type { AlertNotice } from "../../metrics/rules/record.ts";
import type { ManagedSilence } from "../../provider/monitoring.ts";
import { Complaints, type Say } from "./complaints.ts";

export interface NotificationsOptions {
  readonly clock: Clock;
  readonly state: AlertingState & { close(): void };
  readonly externalUrl: string;
  /** Against which relative names of template files are read. */
  readonly folder: string;
  readonly say: Say;
  readonly runWorkflow: RunWorkflow;
}

/** Tells nobody: until the first configuration is there. */
const SILENT = JSON.stringify({ route: { receiver: "nobody" }, receivers: [{ name: "nobody" }] });

const FAILURES: readonly DeliveryFailure[] = ["clientError", "serverError", "timeout", "other"];

export class Notifications {
  readonly #options: NotificationsOptions;
  readonly #dispatcher: Dispatcher;
  readonly #answer: ReturnType<typeof alertmanagerApi>;
  readonly #untold: Complaints;
  readonly #noSilences: Complaints;
  #integrations: ReadonlyMap<string, readonly Integration[]> = new Map();
  /** Both must be there before anybody is told: what is silenced from the beginning must not be told in between. */
  readonly #known = { routing: false, silences: false };

  constructor(options: NotificationsOptions) {
    this.#options = options;
    const { clock, state, externalUrl, say } = options;
    this.#untold = new Complaints(say, "a receiver is not told");
    this.#noSilences = new Complaints(say, "a silence is none");
    this.#dispatcher = new Dispatcher({
      clock,
      state,
      externalUrl,
      configuration: loadIn(SILENT).configuration,
      integrations: new Map(),
    });
    this.#answer = alertmanagerApi(this.#dispatcher);
  }

  /** Rejects with a DiagnosticError, and changes nothing, when it is none. */
  async setRouting(configuration: Readonly<Record<string, unknown>>): Promise<void> {
    const { clock, folder, runWorkflow } = this.#options;
    const { configuration: loaded, diagnostics } = loadIn(JSON.stringify(configuration));
    const made = await makeIntegrations(loaded, { clock, directory: folder, runWorkflow });
    if (hasErrors(made.diagnostics)) throw new DiagnosticError(made.diagnostics);
    this.#untold.tell([...diagnostics, ...made.diagnostics].map(({ message }) => message));
    await this.#dispatcher.reload(loaded, made.integrations);
    this.#integrations = made.integrations;
    this.#known.routing = true;
    this.#begin();
  }

  setSilences(silences: readonly ManagedSilence[]): void {
    const problems = this.#dispatcher.silences.setManaged(
      silences.map(({ id, startsAt, endsAt, ...silence }) => ({
        ...silence,
        owner: id,
        startsAt: Date.parse(startsAt),
        endsAt: Date.parse(endsAt),
      })),
    );
    this.#noSilences.tell([...problems].map(([id, problem]) => `${id}: ${problem}`));
    this.#known.silences = true;
    this.#begin();
  }

  #begin(): void {
    if (this.#known.routing && this.#known.silences) this.#dispatcher.start();
  }

  notify(alerts: readonly AlertNotice[]): void {
    this.#dispatcher.ingest(alerts.map((alert) => ({ ...alert, labels: Labels.of(alert.labels) })));
  }

  /** What has not failed yet is there as 0: only what was there before can be seen to grow. */
  get samples(): readonly AlertingSample[] {
    const counted = this.#dispatcher.samples();
    const known = new Set(counted.map(identityOf));
    return [...counted, ...this.#failures().filter((sample) => !known.has(identityOf(sample)))];
  }

  #failures(): readonly AlertingSample[] {
    return [...this.#integrations].flatMap(([receiver, integrations]) =>
      integrations.flatMap(({ kind }) =>
        FAILURES.map((reason) => ({
          name: "alertmanager_notifications_failed_total",
          labels: { integration: kind, receiver_name: receiver, reason },
          value: 0,
        })),
      ),
    );
  }

  async serve(request: MountRequest): Promise<MountAnswer> {
    const { method, path, query, body } = request;
    const reply = await this.#answer({
      method,
      path,
      query: new URLSearchParams(query),
      body: Buffer.from(body).toString("utf8"),
    });
    return { status: reply.status, headers: { "content-type": reply.type }, body: reply.body };
  }

  async stop(): Promise<void> {
    await this.#dispatcher.stop();
    this.#options.state.close();
  }
}

function identityOf({ name, labels }: AlertingSample): string {
  return JSON.stringify([name, labels["integration"], labels["receiver_name"], labels["reason"]]);
}

function loadIn(text: string): {
  readonly configuration: Configuration;
  readonly diagnostics: readonly Diagnostic[];
} {
  const { configuration, diagnostics } = loadConfiguration(text, "receivers");
  if (configuration === undefined) throw new DiagnosticError(diagnostics);
  return { configuration, diagnostics };
}
