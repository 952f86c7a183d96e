/**
 * Class `data` of kind Resource: values that pass through the graph. Nothing is made outside, so there is nothing that could
 * be found, lost or left behind: what is declared is what is there.
 */
import type { Desired, Observation, Provider } from "../../provider/provider.ts";

interface DataSpec {
  readonly config?: Readonly<Record<string, unknown>>;
}

export class DataProvider implements Provider<DataSpec> {
  readonly kind = "Resource";
  readonly class = "data";
  readonly capabilities: readonly string[] = ["values in the graph; nothing outside"];
  readonly canCreateBeforeDestroy = true;
  readonly isInside = true;

  observe({ identity, spec, status }: Desired<DataSpec>): Promise<Observation | undefined> {
    return Promise.resolve(status?.["id"] === undefined ? undefined : observation(identity.uid, spec));
  }

  ensure({ identity, spec }: Desired<DataSpec>): Promise<Observation> {
    return Promise.resolve(observation(identity.uid, spec));
  }

  remove(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
}

function observation(id: string, { config = {} }: DataSpec): Observation {
  return { ready: true, outputs: { id, output: config } };
}
