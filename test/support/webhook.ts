/** Who is told of alerts: a server that keeps what a Receiver's webhook sends. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { until } from "./until.ts";

/** Alertmanager's webhook format, version 4. */
export interface Message {
  readonly version: string;
  readonly groupKey: string;
  readonly status: "firing" | "resolved";
  readonly receiver: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: "firing" | "resolved";
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
}

export type Told = Message["alerts"][number];

export interface Webhook {
  readonly url: string;
  readonly messages: readonly Message[];
  /** All alerts of all messages so far. */
  readonly alerts: () => readonly Told[];
  /** Waits until the alert has been told of in that state; gives it and its message. */
  readonly told: (
    alertname: string,
    status: Told["status"],
    patience?: number,
  ) => Promise<{ readonly alert: Told; readonly message: Message }>;
}

/** Closed when the test has finished. */
export async function openWebhook(): Promise<Webhook> {
  const messages: Message[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => {
      messages.push(JSON.parse(body) as Message);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    messages,
    alerts: () => messages.flatMap(({ alerts }) => alerts),
    told: (alertname, status, patience) =>
      until(
        `the message that ${alertname} is ${status}`,
        () => {
          for (const message of messages)
            for (const alert of message.alerts)
              if (alert.labels["alertname"] === alertname && alert.status === status)
                return { alert, message };
          return undefined;
        },
        patience,
      ),
  };
}

/** A system of its own with a Receiver that is told at once; of everything but the watchdog, if nothing else is said. */
export function tells(url: string, matchers: readonly string[] = ['alertname!="Watchdog"']): string {
  return documents(
    { kind: "System", metadata: { name: "pager" } },
    {
      kind: "Receiver",
      metadata: { name: "desk" },
      spec: {
        webhook: { url },
        matchers,
        groupBy: ["..."],
        groupWait: "0s",
        groupInterval: "1s",
        repeatInterval: "4h",
      },
    },
  );
}

export interface RuleOptions {
  readonly for?: string;
  readonly keepFiringFor?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** An AlertRule evaluated every second, with one alert. */
export function alertRule(alert: string, expr: string, options: RuleOptions = {}): object {
  return {
    kind: "AlertRule",
    metadata: { name: alert.toLowerCase() },
    spec: {
      groups: [
        {
          name: alert,
          interval: "1s",
          rules: [
            {
              alert,
              expr,
              for: options.for ?? "0s",
              ...(options.keepFiringFor === undefined ? {} : { keep_firing_for: options.keepFiringFor }),
              labels: { severity: "critical", ...options.labels },
              annotations: { summary: `${alert} is so.` },
            },
          ],
        },
      ],
    },
  };
}

/** YAML of several documents (JSON is YAML). */
export function documents(...all: readonly object[]): string {
  return all.map((document) => JSON.stringify(document, null, 1)).join("\n---\n");
}
