/** What the supervisor is told about a process, and what it says about one. Plain values, no behaviour. */

export interface ProcessLimits {
  /** Bytes of memory for the process and everything it starts (control group). */
  readonly memoryBytes?: number;
  /** Processor cores, fractions allowed: 0.5 is half of one core (control group). */
  readonly cpu?: number;
  /** Open file descriptors of each process (rlimit). */
  readonly openFiles?: number;
}

export type LimitName = keyof ProcessLimits;

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

export interface ProcessSpec {
  /** The deterministic identity of this process in its home. One living process has it at a time (I3). */
  readonly id: string;
  /** Program and arguments; the program is looked up in `env.PATH` unless it holds a slash. */
  readonly command: readonly string[];
  /** The whole environment: nothing of the control plane's own is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Standard output and error are appended here; created with mode 0600. */
  readonly logFile: string;
  readonly user?: ProcessUser;
  readonly limits?: ProcessLimits;
}

/** A process identity that cannot be confused with a later process that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot on Linux (field 22 of /proc/pid/stat); start second of the epoch where `ps` is asked. */
  readonly startTime: number;
  /** The boot in which pid and startTime mean something; absent where the system does not tell. */
  readonly bootId?: string;
}

export interface RunningProcess extends ProcessIdentity {
  readonly id: string;
  /** True when this supervisor did not start it but found it. */
  readonly adopted: boolean;
}

export interface StartedProcess extends RunningProcess {
  /** False when a process with this id was running already and has been left alone. */
  readonly created: boolean;
  readonly enforced: readonly LimitName[];
  readonly unenforced: readonly { readonly limit: LimitName; readonly reason: string }[];
}

export interface ProcessExit extends RunningProcess {
  /** Exit code, or null when ended by a signal or when unknown (adopted processes leave no code to us). */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True when the code and signal could not be learned, because the process was not our child. */
  readonly unknown: boolean;
  /** True when it ended because of `stop` or `kill`. */
  readonly requested: boolean;
  /** The kernel killed something of it for its memory limit. */
  readonly isOutOfMemory: boolean;
  /** Milliseconds since the epoch at which the end was noticed. */
  readonly at: number;
}

/** The environment variables by which a process of ours is recognised after a crash. */
export const idMarker = "TUTTI_ID";
export const homeMarker = "TUTTI_HOME";
/** The folders of its control groups, between colons. */
export const groupsVariable = "TUTTI_GROUPS";
export const execMarker = "TUTTI_EXEC_OF";
