/**
 * What the command line needs from outside itself: the terminal, the environment, and ways to reach a control plane.
 * `src/app` provides the real one, tests provide streams of their own.
 */
import type { Client, Planned, Proposed, Scope } from "../client/client.ts";
import type { Clock } from "../clock/clock.ts";
import type { Plan } from "../planner/plan.ts";
import type { FileDialect } from "../sdk/load/dialect.ts";
import type { Dialect } from "../workflow/engine/program.ts";
import type { Rehearsal, RehearsalRequest } from "./rehearsal.ts";

/** Where text goes. */
export interface Output {
  write(text: string | Uint8Array): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  on(event: "drain" | "resize", listener: () => void): unknown;
  once(event: "drain", listener: () => void): unknown;
  off(event: "drain" | "resize", listener: () => void): unknown;
}

/** Where answers and input come from. */
export interface Input extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  /** Lets the process end although nothing was read to the end. */
  unref?(): unknown;
}

export interface Environment {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  readonly clock: Clock;
  /** Calls `listener` at Ctrl-C; returns how to stop listening. While nobody listens, Ctrl-C ends the process. */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** The control plane of a state folder; the one of $TUTTI_HOME, or ~/.tutti, when `home` is absent. */
  readonly controlPlane: (home: string | undefined) => ControlPlaneAccess | Promise<ControlPlaneAccess>;
  /** Formats of other tools that files of a declaration may be in. */
  readonly files?: readonly FileDialect[];
  /** In whose words workflows may be written. */
  readonly dialects?: () => Promise<readonly Dialect[]>;
  /** What there is of Terraform's providers on this machine. */
  readonly providerPackages?: () => Promise<ProviderPackages>;
}

/** Each rejects with diagnostics. `folder`: of a declaration, absolute. */
export interface ProviderPackages {
  list(folder: string): readonly { readonly source: string; readonly versions: readonly string[] }[];
  find(
    source: string,
    version: string | undefined,
    folder: string,
  ): Promise<{ readonly version: string; readonly checksums: readonly string[] }>;
  /** A TypeScript module of its types. */
  types(source: string, version: string | undefined, folder: string): Promise<string>;
}

/** Ways to the control plane of one state folder. */
export interface ControlPlaneAccess {
  /** The state folder, absolute. */
  readonly home: string;
  /** Undefined when none is running. */
  connect(): Promise<Client | undefined>;
  /** Starts one in the background and resolves when it answers. Refuses with diagnostics. */
  start(): Promise<Client>;
  /** False when none was running. What it started goes on running. */
  stop(): Promise<boolean>;
  /** Runs one in this process until the signal is aborted. Refuses with diagnostics. */
  serve(options: ServeOptions): Promise<void>;
  /** Reads the state without a control plane, to plan. */
  openOffline(): Promise<Offline>;
  /** Plays what a plan would do, from the state as it is; nothing is changed. Refuses with diagnostics. */
  rehearse(request: RehearsalRequest): Promise<Rehearsal>;
  /** What the control plane asks of who connects to it. */
  token(): string;
  /** In YAML or JSON. Refuses when there is no token yet. */
  kubeconfig(): Promise<string>;
  /** What may be wrong on this machine. */
  checks(): AsyncIterable<Check>;
}

export interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly level?: "debug" | "info" | "warn" | "error";
  readonly signal: AbortSignal;
  /** Called once it answers. */
  /** So many resources are worked on at once; no limit when absent. */
  readonly parallelism?: number;
  readonly onReady: (url: string) => void;
}

export interface Offline {
  /** As the client's. Refuses with DiagnosticError. */
  plan(system: string, proposed: Proposed, options?: Scope): Promise<Plan>;
  savedPlan(system: string, proposed: Proposed, options?: Scope): Promise<Planned>;
  close(): Promise<void>;
}

export interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "problem";
  /** What was found, one sentence. */
  readonly message: string;
  /** What to do about it, where it is not ok. */
  readonly remedy?: string;
}
