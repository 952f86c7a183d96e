/** Which engine has something: by its location and class. */
import type { EngineHealth, Exit, InstanceProvider, Provider } from "./provider.ts";

export interface Placement {
  readonly class: string;
  readonly location: string;
}

/** The engines that run instances, wherever they are. */
export interface InstanceEngines {
  /** Refuses with TerminalError when there is none. `spec`: the rest of it says what the engine must have. */
  instance(spec: Placement): InstanceProvider;
  /** What makes things of another kind. Refuses with TerminalError when there is none. */
  provider?(kind: string, spec: Placement): Provider;
  /** Called with every end of an instance that some engine started or found. */
  onExit(listener: (exit: Exit) => void): () => void;
  onHealth(listener: (health: EngineHealth) => void): () => void;
  /** Called when a location is reached in another way from now on: what was found there is to be found again. */
  onReopened(listener: (location: string) => void): () => void;
}

/**
 * The spec of a resource with its class as it is: what was chosen for `auto` when it was made stays, though something
 * better has come since, for data and addresses do not move by themselves.
 */
export function placed<S extends Placement>(resource: {
  readonly spec: S;
  readonly status?: { readonly made?: unknown } | undefined;
}): S {
  const made = resource.status?.made as Partial<Placement> | undefined;
  const isChosen =
    resource.spec.class === "auto" &&
    made?.class !== undefined &&
    made.class !== "auto" &&
    made.location === resource.spec.location;
  return isChosen ? { ...resource.spec, class: made.class as string } : resource.spec;
}
