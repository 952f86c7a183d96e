/** Who made a resource's thing, and what it is asked about it. */
import { desiredOf } from "../controller/desired.ts";
import type { Resource } from "../model/resource.ts";
import { type Placement, placed } from "../provider/placement.ts";
import { type Desired, type Provider, TerminalError } from "../provider/provider.ts";
import type { ApiContext } from "./api-context.ts";
import { badRequest, noSuchPath } from "./status-error.ts";

export function madeBy(
  { engines }: Pick<ApiContext, "engines">,
  resource: Resource,
): { readonly provider: Provider; readonly desired: Desired } {
  const { kind, spec, status } = resource as Resource<Placement, { readonly made?: Placement }>;
  if (engines.provider === undefined || typeof spec !== "object" || !("class" in spec)) throw noSuchPath();
  const made = status?.made;
  if (made === undefined) throw badRequest("It has not been made yet.");
  try {
    const provider = engines.provider(kind, placed({ spec, status }));
    return { provider, desired: desiredOf(resource, made) };
  } catch (error) {
    if (error instanceof TerminalError) throw badRequest(error.message);
    throw error;
  }
}
