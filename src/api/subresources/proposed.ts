/** What of a System a request wants planned: the restrictions and requests beside the declaration itself. */
import type { ProposeInput } from "../../planner/propose.ts";
import type { RefreshQuery } from "../../planner/refreshed.ts";
import { isObject } from "../body.ts";
import { badRequest } from "../status-error.ts";

type Requested = Pick<ProposeInput, "targets" | "excludes" | "replaces" | "forget" | "adopts" | "undoes">;

const LISTS = ["targets", "excludes", "replaces", "forget"] as const;

export function requestedOf(body: Readonly<Record<string, unknown>>): Requested {
  const lists = LISTS.flatMap((name) => {
    const addresses = body[name];
    if (addresses === undefined) return [];
    if (!Array.isArray(addresses) || !addresses.every((address) => typeof address === "string"))
      throw badRequest(`${name}: it must be a list of addresses, such as database/orders.`);
    return addresses.length === 0 ? [] : [[name, addresses as readonly string[]]];
  });
  return { ...(Object.fromEntries(lists) as Requested), ...adoptsOf(body["adopts"]), ...undoneOf(body) };
}

/** `refresh: false`, or `since`: what of the things is looked at. */
export function sinceIn({ refresh, since }: Readonly<Record<string, unknown>>): Pick<RefreshQuery, "since"> {
  if (refresh !== undefined && typeof refresh !== "boolean")
    throw badRequest("refresh: it must be true or false.");
  if (since !== undefined && typeof since !== "string") throw badRequest("since: it must be a text.");
  if (refresh === false) return { since: false };
  return since === undefined ? {} : { since };
}

function adoptsOf(adopts: unknown): Pick<Requested, "adopts"> {
  if (adopts === undefined) return {};
  if (!isObject(adopts) || !Object.values(adopts).every((id) => typeof id === "string"))
    throw badRequest("adopts: it must map addresses to ids of what exists.");
  return { adopts: adopts as Readonly<Record<string, string>> };
}

function undoneOf({ action, undoes }: Readonly<Record<string, unknown>>): Pick<Requested, "undoes"> {
  if (action !== "undo") return {};
  if (typeof undoes === "string" && undoes !== "") return { undoes };
  throw badRequest("undoes: name the Change that is to be taken back.");
}
