/**
 * What a server that somebody else runs has against a database that is to be made there: rights that are missing, names that
 * are taken. Asked while a plan is made, once a server however many databases go there.
 */
import type { DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import type { CallContext, Obstacle, Prospect } from "../../provider/provider.ts";
import type { DatabaseSpec, EngineKnowledge, PresentDatabase } from "./engine.ts";

interface Server {
  readonly lack: string | undefined;
  readonly present: ReadonlyMap<string, PresentDatabase>;
}

export interface ProspectParts {
  readonly source: DatabaseServers;
  readonly engine: EngineKnowledge;
  /** Of one asking: the servers that were looked at already. */
  readonly looked: Looked;
}

/** By what was asked and where: it is forgotten with the plan. */
export class Looked {
  readonly #byAsking = new WeakMap<AbortSignal, Map<string, Promise<Server>>>();

  at(asking: AbortSignal, where: string, look: () => Promise<Server>): Promise<Server> {
    const servers = this.#byAsking.get(asking) ?? new Map<string, Promise<Server>>();
    this.#byAsking.set(asking, servers);
    const known = servers.get(where) ?? look();
    servers.set(where, known);
    return known;
  }
}

/** Rejects when the server does not answer: it may when the database is made. */
export async function serverObstacles(
  prospect: Prospect,
  { source, engine, looked }: ProspectParts,
  context: CallContext,
): Promise<readonly Obstacle[]> {
  const spec = prospect.resolved?.() as DatabaseSpec | undefined;
  // Not all that it refers to is there yet.
  if (prospect.isNew !== true || spec === undefined) return [];
  const { namespace, name, adopts } = prospect;
  const desired = { identity: { kind: "Database", namespace, name, uid: "" }, spec, status: undefined };
  const access = await source.find(desired, { ...context, readSecret: () => undefined });
  if (access === undefined) return [];
  const where = JSON.stringify([engine.engine, access]); // in memory only: it holds the password
  const { lack, present } = await looked.at(context.signal, where, () => look(engine, access));
  const database = spec.database ?? name;
  return [
    ...(lack === undefined ? [] : [notAllowed(lack)]),
    ...(adopts === undefined ? taken(database, present.get(database), `${namespace}/${name}`) : []),
  ];
}

async function look(engine: EngineKnowledge, access: ServerAccess): Promise<Server> {
  const state = await engine.checkReady(access);
  if (!state.ready) throw new Error(`the server at ${access.host} cannot be used (${state.reason})`);
  const present = await engine.list(access);
  return {
    lack: await engine.lacks?.(access),
    present: new Map(present.map((one) => [one.name, one])),
  };
}

function notAllowed(lack: string): Obstacle {
  return {
    code: "NotAllowed",
    path: "spec.server.user",
    message: lack,
    hint: "Give it that right, or name another user.",
  };
}

/** What a resource of this name left for the next of its name is no obstacle. */
function taken(name: string, found: PresentDatabase | undefined, address: string): readonly Obstacle[] {
  if (found === undefined || found.mark?.of === address) return [];
  const whose =
    found.mark === undefined || found.mark.uid === "" ? "somebody else" : `the Database ${found.mark.of}`;
  return [
    {
      code: "DatabaseExists",
      path: "spec.database",
      message: `The database '${name}' is on the server already and belongs to ${whose}.`,
      hint: "Choose another name with spec.database, or adopt it: tutti import.",
    },
  ];
}
