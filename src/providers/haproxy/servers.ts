/**
 * The servers of one backend in a running worker, brought to what is wanted: looks, tells the difference, looks again.
 *
 *   (none) --add, enable--> ready --maint--> out --del, when nothing runs to it--> (none)
 *                           ready <--ready-- out
 *
 *  S1 A server is out by HAProxy's maintenance: unlike `drain` it takes sticky clients no more either; what runs goes on.
 *  S2 New servers are ready before others go out, so that a change never leaves a backend empty in between.
 */
import type { Runtime } from "./runtime.ts";
import { type Server, serverLine } from "./configuration.ts";

export interface PresentServer {
  readonly name: string;
  readonly isOut: boolean;
  /** By its checks. */
  readonly isDown: boolean;
}

const MAINTENANCE = 1;

export async function presentServers(
  runtime: Runtime,
  worker: number,
  backend: string,
): Promise<readonly PresentServer[]> {
  const text = await runtime.ask(worker, `show servers state ${backend}`);
  if (!text.startsWith("1\n"))
    throw new Error(`HAProxy's worker ${worker} says: ${text.trim() || "nothing"}`);
  return text
    .split("\n")
    .slice(1)
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, , , name = "", , operational, administrative] = line.split(" ");
      return {
        name,
        isOut: (Number(administrative) & MAINTENANCE) !== 0,
        isDown: operational === "0",
      };
    });
}

/** What makes the wanted of the present, in order; nothing when they agree. What has to go is out already then. */
export function changes(
  backend: string,
  present: readonly PresentServer[],
  wanted: readonly Server[],
  settings: string,
): readonly string[] {
  const known = new Map(present.map((server) => [server.name, server]));
  const ready = new Set(wanted.flatMap(({ name, state }) => (state === "ready" ? [name] : [])));
  const coming = wanted.filter(({ name, state }) => state === "ready" && known.get(name)?.isOut !== false);
  return [
    ...coming.flatMap((server) => {
      const at = `${backend}/${server.name}`;
      if (known.has(server.name)) return [`set server ${at} state ready`];
      return [
        `add server ${backend}/${serverLine(server, settings)}`,
        ...(settings === "" ? [] : [`enable health ${at}`]),
        `enable server ${at}`,
      ];
    }),
    ...present.flatMap(({ name, isOut }) =>
      isOut || ready.has(name) ? [] : [`set server ${backend}/${name} state maint`],
    ),
  ];
}

/** Tries to delete what is wanted no more; HAProxy refuses while something runs to it, and the next change tries again. */
export async function sweep(
  runtime: Runtime,
  worker: number,
  backend: string,
  wanted: readonly Server[],
): Promise<void> {
  const names = new Set(wanted.map(({ name }) => name));
  const leaving = (await presentServers(runtime, worker, backend)).filter(
    ({ name, isOut }) => isOut && !names.has(name),
  );
  if (leaving.length > 0)
    await runtime.tell(
      worker,
      leaving.map(({ name }) => `del server ${backend}/${name}`),
    );
}
