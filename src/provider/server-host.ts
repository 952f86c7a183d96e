/**
 * What a provider that runs server programs on this machine (a proxy, a database) is given: supervised processes that
 * outlive the control plane and are found again by identity, folders in the state folder, sockets, ports. The local
 * provider implements it; others get it from the composition root, since providers never import each other.
 */
import type { Identity, Obstacle } from "./provider.ts";

export interface ServerProgram {
  /** Program and arguments; looked up in `env.PATH` unless it holds a slash. Secrets never stand here. */
  readonly command: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Standard output and error are appended here; rotated. */
  readonly logFile: string;
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface ServerHost {
  /** Absolute path of the folder of a resource, by name, made (0700) when it is not there; `area`: `databases`, `balancers`. */
  folder(area: string, identity: Identity): string;
  /** Removes a folder and the empty ones above it within the state folder. */
  discard(folder: string): Promise<void>;
  /** Path of a Unix socket of a resource, short enough for the system. `purpose` tells several apart. */
  socket(identity: Identity, purpose?: string): string;
  /**
   * Starts the program of a resource unless it runs; `started` says which. One process per resource and purpose, found
   * again by that after a crash (I3). `onServerExit` of the composition root has the resource looked at when it ends.
   */
  start(
    identity: Identity,
    program: ServerProgram,
    purpose?: string,
  ): Promise<{ readonly pid: number; readonly started: boolean }>;
  /** The pid of a running program; undefined when it does not run. */
  find(identity: Identity, purpose?: string): number | undefined;
  /** Asks it to end, waits, kills; idempotent. The log stays. */
  stop(
    identity: Identity,
    options?: { readonly signal?: NodeJS.Signals; readonly graceMs?: number; readonly purpose?: string },
  ): Promise<void>;
  /** False when it does not run. */
  signal(identity: Identity, signal: NodeJS.Signals, purpose?: string): boolean;
  /** The log file and its rotations go, and it is watched no more. */
  discardLog(logFile: string): void;
  /** A free port of this machine, the wished one if it is free; undefined when there is none. */
  freePort(options: {
    readonly wished?: number;
    readonly taken?: ReadonlySet<number>;
    readonly seed: string;
  }): Promise<number | undefined>;
  /** "port 8080 is in use by nginx (pid 123)". */
  describePortInUse(port: number): string;
  /** Ports in a spec that somebody else listens on. `path`: where in the spec each stands. */
  portObstacles(
    wanted: readonly { readonly path: string; readonly port: number; readonly host?: string }[],
  ): Promise<readonly Obstacle[]>;
}
