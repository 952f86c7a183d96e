/** `client.changes`: what may be done with Changes. */
import type { Resource } from "../model/resource.ts";
import type { ChangeResource, OnFailure, StepOutcome } from "../planner/change.ts";
import type { Plan } from "../planner/plan.ts";
import type { Applied, Scope } from "./client.ts";
import type { Call, Transport } from "./transport.ts";

/** All reject as the client's methods do. Names are of Changes; `namespace` in the options, else `default`. */
export interface Changes {
  /** How far each step is, with times and causes. */
  steps(change: string, options?: Scope): Promise<readonly StepOutcome[]>;
  /** The plan that would take it back, whose warnings say what does not come back; ApiError 422 when there is none. */
  inverse(change: string, options?: Scope): Promise<Plan>;
  /** Takes it back, by the very plan that `inverse` gave. */
  undo(
    change: string,
    asked: { readonly hash: string; readonly onFailure?: OnFailure },
    options?: Scope,
  ): Promise<Applied>;
  /** Nothing further of it begins. */
  hold(change: string, options?: Scope): Promise<ChangeResource>;
  resume(change: string, options?: Scope): Promise<ChangeResource>;
  /** Withdraws it before it begins. */
  cancel(change: string, options?: Scope): Promise<ChangeResource>;
}

export class HttpChanges implements Changes {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async steps(change: string, options: Scope = {}): Promise<readonly StepOutcome[]> {
    const answer = await this.#transport.json(callTo("GET", change, "steps", options));
    return (answer as { readonly items: readonly StepOutcome[] }).items;
  }

  async inverse(change: string, options: Scope = {}): Promise<Plan> {
    const answer = await this.#transport.json(callTo("GET", change, "inverse", options));
    return (answer as { readonly plan: Plan }).plan;
  }

  async undo(
    change: string,
    asked: { readonly hash: string; readonly onFailure?: OnFailure },
    options: Scope = {},
  ): Promise<Applied> {
    return (await this.#transport.json({
      ...callTo("POST", change, "undo", options),
      body: asked,
    })) as Applied;
  }

  hold(change: string, options: Scope = {}): Promise<ChangeResource> {
    return this.#ask(change, "hold", options);
  }

  resume(change: string, options: Scope = {}): Promise<ChangeResource> {
    return this.#ask(change, "resume", options);
  }

  cancel(change: string, options: Scope = {}): Promise<ChangeResource> {
    return this.#ask(change, "cancel", options);
  }

  async #ask(change: string, verb: string, options: Scope): Promise<ChangeResource> {
    const answer = await this.#transport.json({ ...callTo("POST", change, verb, options), body: {} });
    return answer as Resource as ChangeResource;
  }
}

function callTo(
  method: string,
  change: string,
  verb: string,
  { namespace = "default", signal }: Scope,
): Call {
  const path = `/apis/tutti.dev/v1/namespaces/${encodeURIComponent(namespace)}/changes/${encodeURIComponent(change)}/${verb}`;
  return { method, path, signal };
}
