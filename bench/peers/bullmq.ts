/** BullMQ as a queue on Redis that syncs every write: a workflow is a job whose next step is a job that its worker adds. */
import { spawn } from "node:child_process";
import { freePort } from "./free-port.ts";
import { type Open, load } from "./peer.ts";
import { answers } from "./postgres.ts";

interface Job {
  readonly data: { readonly id: string; readonly left: number; readonly width: number };
}
interface Queue {
  add(name: string, data: object, options?: object): Promise<unknown>;
  addBulk(jobs: readonly { readonly name: string; readonly data: object }[]): Promise<unknown>;
  close(): Promise<void>;
}
interface Sdk {
  Queue: new (name: string, options: object) => Queue;
  Worker: new (
    name: string,
    process: (job: Job) => Promise<number>,
    options: object,
  ) => { close(force?: boolean): Promise<void>; on(event: string, listener: (job: Job) => void): void };
}

export const open: Open = async ({ packages, folder, step }) => {
  const { Queue, Worker } = await load<Sdk>(packages, "bullmq");
  const port = await freePort();
  const server = spawn(
    "redis-server",
    [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
    ],
    { stdio: "ignore" },
  );
  await answers(port);
  const connection = { host: "127.0.0.1", port };
  const queue = new Queue("bench", { connection });
  const open = new Map<string, { left: number; readonly done: () => void }>();
  const worker = new Worker(
    "bench",
    async ({ data }) => {
      const result = step();
      if (data.left > 1)
        await queue.add("step", { ...data, left: data.left - 1 }, { removeOnComplete: true });
      return result;
    },
    { connection, concurrency: 64 },
  );
  worker.on("completed", ({ data }) => {
    const one = open.get(data.id);
    if (one === undefined || data.left > 1 || --one.left > 0) return;
    open.delete(data.id);
    one.done();
  });
  const ended = (id: string, left: number): Promise<void> =>
    new Promise((done) => void open.set(id, { left, done }));
  return {
    servers: [server.pid as number],
    chain: async (id, steps) => {
      const end = ended(id, 1);
      await queue.add("step", { id, left: steps, width: 1 }, { removeOnComplete: true });
      await end;
    },
    fanOut: async (id, width) => {
      const end = ended(id, width);
      const job = { name: "step", data: { id, left: 1, width }, opts: { removeOnComplete: true } };
      for (let at = 0; at < width; at += 1000)
        await queue.addBulk(Array.from({ length: Math.min(1000, width - at) }, () => job));
      await end;
    },
    close: async () => {
      await worker.close(true);
      await queue.close();
      server.kill("SIGTERM");
    },
  };
};
