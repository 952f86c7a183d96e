/** Steady load over kept connections, as a browser or another service makes it: a request follows the answer before it. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./until.ts";

export interface Failure {
  readonly at: number;
  readonly reason: string;
}

export interface Load {
  readonly answered: () => number;
  readonly failures: () => readonly Failure[];
  /** Answers by body. */
  readonly bodies: () => ReadonlyMap<string, number>;
  /** Resolves when so many more requests have been answered. */
  readonly more: (requests: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface LoadOptions {
  readonly connections?: number;
  readonly method?: string;
  readonly path?: string;
  /** Milliseconds from an answer to the next request of a connection: for load that goes on while something else is waited for. */
  readonly pause?: number;
}

/** Every answer other than 2xx, and every request without one, is a failure. */
export function loadOn(
  url: string,
  { connections = 16, method = "GET", path = "/", pause = 0 }: LoadOptions = {},
): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failures: Failure[] = [];
  const bodies = new Map<string, number>();
  let answered = 0;
  let running = true;
  const one = async (): Promise<void> => {
    const { status, body } = await ask(url + path, { agent, method });
    answered += 1;
    bodies.set(body, (bodies.get(body) ?? 0) + 1);
    if (status < 200 || status > 299) throw new Error(`answered ${status}: ${body.slice(0, 200)}`);
  };
  const loops = Array.from({ length: connections }, async () => {
    while (running) {
      await one().catch((error: unknown) =>
        failures.push({ at: Date.now(), reason: error instanceof Error ? error.message : String(error) }),
      );
      if (pause > 0) await sleep(pause);
    }
  });
  return {
    answered: () => answered,
    failures: () => failures,
    bodies: () => bodies,
    more: async (requests) => {
      const wanted = answered + requests;
      await until(`${requests} more answers`, () => answered >= wanted, 60_000);
    },
    stop: async () => {
      running = false;
      await Promise.all(loops);
      agent.destroy();
    },
  };
}

export function ask(
  url: string,
  options: {
    readonly agent?: Agent;
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
  } = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const { body: sent, ...rest } = options;
  return new Promise((resolve, reject) => {
    const asked = request(url, { timeout: 30_000, ...rest }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.once("error", reject);
    });
    asked.once("timeout", () => asked.destroy(new Error("no answer within 30 s")));
    asked.once("error", reject);
    asked.end(sent);
  });
}
