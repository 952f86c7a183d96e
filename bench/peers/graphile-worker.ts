/** graphile-worker as a queue on PostgreSQL: a workflow is a job whose next step is a job that its task adds. */
import { type Open, load } from "./peer.ts";
import { startPostgres } from "./postgres.ts";

interface Payload {
  readonly id: string;
  readonly left: number;
}
interface Aid {
  readonly job: { readonly id: string };
  addJob(task: string, payload: Payload): Promise<unknown>;
}
interface Runner {
  addJob(task: string, payload: Payload): Promise<unknown>;
  addJobs?(jobs: readonly { readonly identifier: string; readonly payload: Payload }[]): Promise<unknown>;
  stop(): Promise<void>;
  readonly events: { on(event: string, listener: (given: { job: { payload: Payload } }) => void): void };
}
interface Sdk {
  readonly run: (options: object) => Promise<Runner>;
  readonly Logger: new (factory: () => () => void) => object;
}

export const open: Open = async ({ packages, folder, step }) => {
  const { run, Logger } = await load<Sdk>(packages, "graphile-worker");
  const server = await startPostgres(folder);
  const open = new Map<string, { left: number; readonly done: () => void }>();
  const runner = await run({
    connectionString: server.url,
    concurrency: 64,
    maxPoolSize: 20,
    noHandleSignals: true,
    pollInterval: 1000,
    // Its own advice for throughput: jobs fetched and completed in batches.
    preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 1, failJobBatchDelay: 1 } },
    logger: new Logger(() => () => undefined),
    taskList: {
      step: async (payload: Payload, aid: Aid) => {
        step();
        if (payload.left > 1) await aid.addJob("step", { ...payload, left: payload.left - 1 });
      },
    },
  });
  runner.events.on("job:complete", ({ job }) => {
    const one = open.get(job.payload.id);
    if (one === undefined || job.payload.left > 1 || --one.left > 0) return;
    open.delete(job.payload.id);
    one.done();
  });
  const ended = (id: string, left: number): Promise<void> =>
    new Promise((done) => void open.set(id, { left, done }));
  return {
    servers: [server.pid],
    chain: async (id, steps) => {
      const end = ended(id, 1);
      await runner.addJob("step", { id, left: steps });
      await end;
    },
    fanOut: async (id, width) => {
      const end = ended(id, width);
      const job = { identifier: "step", payload: { id, left: 1 } };
      for (let at = 0; at < width; at += 1000) {
        const jobs = Array.from({ length: Math.min(1000, width - at) }, () => job);
        if (runner.addJobs === undefined)
          await Promise.all(jobs.map(({ payload }) => runner.addJob("step", payload)));
        else await runner.addJobs(jobs);
      }
      await end;
    },
    close: async () => {
      await runner.stop();
      // Its pool keeps idle connections and takes their end for an error.
      process.once("uncaughtException", () => undefined);
      await server.stop();
    },
  };
};
