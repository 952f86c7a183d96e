/**
 * Databases that are on a server already: which there are, taking one over, letting one go. Whose a database is stands in
 * its mark, so one that was adopted is found again by whoever looks (P2). Adopting adds a login beside those that are in
 * use; data, owner and the other logins stay as they are.
 */
import { ADOPT, nothingToAdopt } from "../../provider/adoption.ts";
import type { DatabaseServers, ServerAccess } from "../../provider/database-server.ts";
import {
  type CallContext,
  type Desired,
  type Found,
  type Observation,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { allLogins } from "./accounts.ts";
import type { DatabaseSpec, EngineKnowledge, PresentDatabase, WantedDatabase } from "./engine.ts";

export interface AdoptionParts {
  readonly source: DatabaseServers;
  readonly engineOf: (spec: DatabaseSpec) => EngineKnowledge;
  readonly wantedOf: (desired: Desired<DatabaseSpec>, context: ProviderContext) => WantedDatabase;
}

type Adoption = Required<Pick<Provider<DatabaseSpec>, "list" | "adopt" | "release">>;

/** `ensure`: that of the provider, which it ends with. */
export function adoptionOf(
  { source, engineOf, wantedOf }: AdoptionParts,
  ensure: (desired: Desired<DatabaseSpec>, context: ProviderContext) => Promise<Observation>,
): Adoption {
  return {
    list: async (context, where) => {
      const spec = { engine: "postgres", settings: {}, ...where, class: source.class } as DatabaseSpec;
      const engine = engineOf(spec);
      const present = await engine.list(await accessTo(source, spec, context));
      return present.map((one) => foundOf(one, engine, source.class));
    },
    adopt: async (desired, id, context) => {
      const engine = engineOf(desired.spec);
      const name = desired.spec.database ?? desired.identity.name;
      if (id !== name && id !== "true") throw otherName(id, name);
      const access = await source.ensure(desired, context);
      const wanted = wantedOf(desired, context);
      await engine.within(access, wanted, async (session) => {
        const found = await session.find();
        if (found === undefined)
          throw nothingToAdopt("database", name, "`tutti discover` lists those the server has.");
        const { uid = "", of = "" } = found.mark ?? {};
        if (uid !== "" && uid !== desired.identity.uid) throw foreign(name, of);
      });
      return ensure({ ...desired, annotations: { ...desired.annotations, [ADOPT]: name } }, context);
    },
    release: async (desired, context) => {
      const engine = engineOf(desired.spec);
      const access = await source.ensure(desired, context);
      await engine.within(access, wantedOf(desired, context), async (session) => {
        const mark = (await session.find())?.mark;
        if (mark?.uid !== desired.identity.uid) return;
        // What was adopted is as it was before: our login goes. What was made keeps its logins, for they are all it has.
        if (mark.isAdopted === true) await session.remove(mark, allLogins(desired, mark), true);
        else await session.release(allLogins(desired, mark));
      });
    },
  };
}

async function accessTo(
  source: DatabaseServers,
  spec: DatabaseSpec,
  context: CallContext,
): Promise<ServerAccess> {
  const identity = { kind: "Database", namespace: "", name: "", uid: "" };
  const desired = { identity, spec, status: undefined };
  const access = await source.find(desired, { ...context, readSecret: () => undefined });
  if (access === undefined) throw new Error("The server does not run.");
  return access;
}

function foundOf(
  { name, owner, mark, description }: PresentDatabase,
  { engine }: EngineKnowledge,
  className: string,
): Found {
  return {
    id: name,
    name,
    spec: {
      class: className,
      engine,
      database: name,
      ...(owner === undefined ? {} : { user: owner }),
    },
    description,
    ...(mark === undefined || mark.uid === "" ? {} : { ownedBy: `the Database ${mark.of}` }),
  };
}

function otherName(id: string, name: string): TerminalError {
  return new TerminalError({
    code: "AdoptedDiffers",
    path: "spec.database",
    message: `The database '${id}' is to be adopted, but '${name}' is declared.`,
    hint: `Set spec.database to '${id}'.`,
  });
}

function foreign(name: string, of: string): TerminalError {
  return new TerminalError({
    code: "OwnedByAnother",
    path: "spec.database",
    message: `The database '${name}' belongs to the Database ${of} already, here or at another control plane.`,
    hint: "Let that go first (`tutti forget`), or choose another.",
  });
}
