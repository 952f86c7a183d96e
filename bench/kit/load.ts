/**
 * Requests at a balancer, from a process of its own (this file, run by itself), until it is told to stop.
 *
 * Each connection asks again when it has its answer, at most `perSecond` of all together. A quarter of them open a new
 * connection for each request; with `posts` a quarter of the requests are POSTs with a body, which nobody may repeat.
 * A request has failed when it gets no answer, one above 399, or none within ten seconds.
 */
import { type ChildProcess, fork } from "node:child_process";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** Unlimited when absent. */
  readonly perSecond?: number;
  readonly posts?: boolean;
}

export interface LoadReport {
  readonly sent: number;
  readonly failed: number;
  /** Each kind of failure once, with how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds of each answered request. */
  readonly latencies: readonly number[];
}

export class Load {
  readonly #child: ChildProcess;
  sent = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message) => {
      if (typeof message === "number") this.sent = message;
    });
  }

  static async start(options: LoadOptions): Promise<Load> {
    const child = fork(fileURLToPath(import.meta.url), [], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    child.send(options);
    const load = new Load(child);
    await new Promise((resolve) => child.once("message", resolve));
    return load;
  }

  stop(): Promise<LoadReport> {
    const report = new Promise<LoadReport>((resolve) =>
      this.#child.on("message", (message) => {
        if (typeof message === "object") resolve(message as LoadReport);
      }),
    );
    this.#child.send("stop");
    return report;
  }
}

function run(options: LoadOptions): void {
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  let [sent, running] = [0, true];
  const began = performance.now();
  const once = (agent: Agent): Promise<string | undefined> =>
    new Promise((resolve) => {
      sent += 1;
      const post = options.posts === true && sent % 4 === 0;
      const asked = request(options.url, { agent, method: post ? "POST" : "GET", timeout: 10_000 });
      asked.once("response", (response) => {
        response.resume();
        response.once("end", () =>
          resolve((response.statusCode ?? 0) < 400 ? undefined : `status ${response.statusCode}`),
        );
        response.once("error", (error) => resolve(error.message));
      });
      asked.once("timeout", () => asked.destroy(new Error("no answer within 10 s")));
      asked.once("error", (error) => resolve(error.message));
      asked.end(post ? "x".repeat(200) : undefined);
    });
  const connection = async (index: number): Promise<void> => {
    const agent = new Agent({ keepAlive: index % 4 !== 3, maxSockets: 1 });
    while (running) {
      const ahead =
        options.perSecond === undefined ? 0 : (1000 * sent) / options.perSecond - (performance.now() - began);
      if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead));
      const start = performance.now();
      const failure = await once(agent);
      if (failure === undefined) latencies.push(performance.now() - start);
      else failures[failure] = (failures[failure] ?? 0) + 1;
    }
    agent.destroy();
  };
  const timer = setInterval(() => process.send?.(sent), 50);
  const connections = Array.from({ length: options.connections }, (_, index) => connection(index));
  process.on("message", (message) => {
    if (message !== "stop") return;
    running = false;
    clearInterval(timer);
    void Promise.all(connections).then(() => {
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
      process.send?.({ sent, failed, failures, latencies } satisfies LoadReport, () => process.exit(0));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
  process.once("message", (options) => run(options as LoadOptions));
  process.once("disconnect", () => process.exit(0));
}
