/**
 * What a worker knows of its clients (who stays with which server, who has used how much of a limit), taken along to the
 * worker that follows in a reload. Routes that need it hold their requests until it is there (wait.ts).
 */
import type { Runtime } from "./runtime.ts";

export interface Client {
  readonly table: string;
  readonly key: string;
  readonly server?: string;
  /** Requests in the period of the limit. */
  readonly rate?: number;
}

/** Taking more along would hold requests for longer than it is worth. */
const MOST = 20_000;
/** What stands in a command must be one word; a client with a stranger key begins anew. */
const KEY = /^[\w.:-]+$/;

export async function readClients(runtime: Runtime, worker: number): Promise<readonly Client[]> {
  const tables = [...(await runtime.ask(worker, "show table")).matchAll(/^# table: (\S+), .*used:[1-9]/gm)];
  const found: Client[] = [];
  for (const [, table = ""] of tables) {
    const text = await runtime.ask(worker, `show table ${table}`);
    for (const line of text.split("\n")) {
      const key = /\bkey=(\S+)/.exec(line)?.[1];
      const server = /\bserver_key=(\S+)/.exec(line)?.[1];
      const rate = /\bgpc0_rate\(\d+\)=(\d+)/.exec(line)?.[1];
      if (key === undefined || !KEY.test(key) || found.length >= MOST) continue;
      if (server !== undefined) found.push({ table, key, server });
      else if (rate !== undefined) found.push({ table, key, rate: Number(rate) });
    }
  }
  return found;
}

export async function writeClients(
  runtime: Runtime,
  worker: number,
  clients: readonly Client[],
): Promise<void> {
  if (clients.length === 0) return;
  const ids = await serverIds(runtime, worker);
  const commands = clients.flatMap(({ table, key, server, rate }) => {
    const id = server === undefined ? undefined : ids.get(`${table}/${server}`);
    if (rate !== undefined) return [`set table ${table} key ${key} data.gpc0_rate ${rate}`];
    return id === undefined ? [] : [`set table ${table} key ${key} data.server_id ${id}`];
  });
  await runtime.tell(worker, commands);
}

/** Numbers are each worker's own. */
async function serverIds(runtime: Runtime, worker: number): Promise<ReadonlyMap<string, string>> {
  const text = await runtime.ask(worker, "show servers state");
  return new Map(
    text.split("\n").map((line) => {
      const [, backend = "", id = "", name = ""] = line.split(" ");
      return [`${backend}/${name}`, id];
    }),
  );
}
