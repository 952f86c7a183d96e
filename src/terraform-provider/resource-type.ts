/** What each type of the provider does, whatever it is of: kinds one way, Systems another. */
import type { Client } from "../client/client.ts";
import type { AttributePath, PluginDiagnostic } from "../terraform/diagnostic.ts";
import type { WireSchema } from "../terraform/messages.ts";
import type { Type } from "../terraform/types.ts";
import type { Members } from "../terraform/value.ts";

/** What a call may make use of. */
export interface Session {
  /** The control plane that the configuration names. Rejects with Refused when there is none. */
  readonly client: () => Promise<Client>;
  /** Where resources are that do not say it. */
  readonly namespace: string;
  /** Shown with TF_LOG=info. */
  readonly log: (message: string) => void;
  /** Aborted when Terraform is interrupted. */
  readonly signal: AbortSignal;
}

export interface Planned {
  readonly value: Members;
  readonly replaceBecause: readonly AttributePath[];
}

/** What there is afterwards: null when nothing. With errors as well when it is there, but not as it should be. */
export interface Outcome {
  readonly state: Members | null;
  readonly diagnostics: readonly PluginDiagnostic[];
}

interface Described {
  readonly schema: WireSchema;
  readonly type: Type;
}

/** All reject with what `complaintsOf` understands. */
export interface ResourceType extends Described {
  readonly validate: (config: Members) => readonly PluginDiagnostic[];
  /** `prior`: null to make it. What is unknown in the result is known when it is applied. */
  readonly plan: (session: Session, prior: Members | null, config: Members) => Promise<Planned>;
  /** Makes it, or makes it so. */
  readonly apply: (session: Session, prior: Members | null, planned: Members) => Promise<Outcome>;
  readonly remove: (session: Session, prior: Members) => Promise<void>;
  /** Null when it is gone. */
  readonly read: (session: Session, prior: Members) => Promise<Members | null>;
  /** What there is of that id, as people write it after `terraform import`. */
  readonly taken: (session: Session, id: string) => Promise<Members>;
}

export interface DataType extends Described {
  readonly look: (session: Session, config: Members) => Promise<Members>;
}
