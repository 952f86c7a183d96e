/** What is handed between those who execute templates. */
import type { Origin } from "../library.ts";
import type { Arguments, Template, TemplateReference } from "../manifest.ts";
import type { Scope } from "../variables.ts";
import type { Ground } from "./ground.ts";
import type { Node } from "./node.ts";
import type { Places } from "./places.ts";

/** A template that is to be executed as a node. */
export interface Call {
  readonly name: string;
  readonly displayName: string;
  /** Of its step in the journal. */
  readonly path: string;
  readonly reference: TemplateReference;
  readonly origin: Origin;
  readonly arguments: Arguments;
  /** Part of an exit handler: goes on when the run is stopped. */
  readonly isExit: boolean;
  readonly depth: number;
  /** Aborted when the steps or dag around it is over: daemons end then. */
  readonly until?: AbortSignal;
  /** The name of the step or task, as `{{steps.name}}` and `{{tasks.name}}` give it. */
  readonly member?: { readonly kind: "steps" | "tasks"; readonly name: string };
}

export interface Context {
  readonly ground: Ground;
  /** Never rejects but for faults of ours. */
  execute(call: Call): Promise<Node>;
}

/** A template whose inputs and variables are in place. */
export interface Body {
  readonly call: Call;
  readonly name: string;
  readonly path: string;
  readonly template: Template;
  readonly origin: Origin;
  /** `pod.name` and the like, and around them the globals. */
  readonly locals: Scope;
  /** When retries must be over, milliseconds since the epoch. */
  readonly deadline: number;
  /** Aborted when it is over. */
  readonly ended: AbortController;
}

/** What the children of a steps or dag template have in common. */
export interface Boundary {
  readonly body: Body;
  readonly kind: "steps" | "tasks";
  readonly places: Places;
  /** Children that did not succeed. */
  unsuccessful: number;
}

export const FAIL_FAST = "template has failed or errored children and failFast enabled";

export function isFailingFast({ body, unsuccessful }: Boundary): boolean {
  return body.template.failFast === true && unsuccessful > 0;
}
