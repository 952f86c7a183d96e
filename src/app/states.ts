/** The API of AWS Step Functions at `/states`, loaded by the first who asks. */
import type { Serve } from "../api/mount.ts";
import type { Clock } from "../clock/clock.ts";
import type { Store } from "../store/store.ts";
import type { Workflows } from "./workflows.ts";

export interface StatesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly workflows: Workflows;
  readonly token: string;
}

const PREFIX = "states";

export function statesMount({ store, clock, workflows, token }: StatesParts): Serve {
  let serve: Promise<Serve> | undefined;
  const load = async (): Promise<Serve> => {
    const { statesApi } = await import("../api/states/states-api.ts");
    return statesApi({ ...workflows.states({ store, clock }), token, prefix: PREFIX });
  };
  return async (request, gone) => (await (serve ??= load()))(request, gone);
}
