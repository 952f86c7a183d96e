import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { inUserNamespace, userNamespacesWork } from "../../provider/user-namespace.ts";

/**
 * PostgreSQL refuses to run as root. This decides as whom it runs:
 *
 *   we are not root                          -> `self`
 *   root, a new cluster, `nobody` can reach  -> `user`: the folders are given to it, the program drops to it
 *   root, otherwise                          -> `namespace`: a user namespace in which root is called nobody
 *   root, an existing cluster                -> whatever its owner says, so that the choice never changes under it
 *
 * Why dropping comes first: it is the real thing. In the namespace the server is still user 0 to the files of the
 * machine (without root's capabilities), so someone who becomes the database's superuser could read and write root's
 * files. Why the namespace is there at all: it needs no folder to be reachable by others, and most homes of root are not
 * (`/root` has mode 0700). Then the files stay root's and nothing is given away.
 */
export type RunAs =
  | { readonly kind: "self" }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "namespace" };

export interface Reach {
  /** The cluster's folder, existing or to be made. */
  readonly dataFolder: string;
  /** Other paths the server must be able to read. */
  readonly paths: readonly string[];
  /** The file in the folder by whose owner an existing cluster is known; PostgreSQL's when absent. */
  readonly mark?: string;
  /** The system's own user for such a server, if there is one. */
  readonly user?: string;
}

/** @throws DiagnosticError `PostgresNeedsUnprivilegedUser` when none of the ways is open. */
export async function decideRunAs(reach: Reach): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { kind: "self" };
  const owner = clusterOwner(reach);
  if (owner !== undefined && owner.uid !== 0) return { kind: "user", ...owner };
  const user = unprivilegedUser(reach.user);
  const droppable =
    user !== undefined && [reach.dataFolder, ...reach.paths].every((path) => canReach(path, user));
  if (owner === undefined && droppable) return { kind: "user", ...user };
  if (await userNamespacesWork()) return { kind: "namespace" };
  if (droppable) return { kind: "user", ...user };
  throw new DiagnosticError([
    {
      severity: "error",
      code: "PostgresNeedsUnprivilegedUser",
      message: `A database server does not run as root, ${reach.dataFolder} cannot be reached by an unprivileged user, and user namespaces are not available.`,
      hint: "Run Tutti as an ordinary user, or set TUTTI_HOME to a folder every user may enter.",
    },
  ]);
}

/** The command as it has to be started for this choice; the user itself is set by whoever starts it. */
export function commandAs(runAs: RunAs, command: readonly string[]): readonly string[] {
  return runAs.kind === "namespace" ? inUserNamespace(command) : command;
}

export function userOf(runAs: RunAs): { readonly user?: { readonly uid: number; readonly gid: number } } {
  return runAs.kind === "user" ? { user: { uid: runAs.uid, gid: runAs.gid } } : {};
}

function clusterOwner({ dataFolder, mark = "PG_VERSION" }: Reach): { uid: number; gid: number } | undefined {
  const version = statSync(join(dataFolder, mark), { throwIfNoEntry: false });
  return version === undefined ? undefined : { uid: version.uid, gid: version.gid };
}

/** The server's own user, whoever called sudo, else nobody. PostgreSQL wants an entry in the user database. */
function unprivilegedUser(own: string | undefined): { uid: number; gid: number } | undefined {
  const found = own === undefined ? undefined : userNamed(own);
  if (found !== undefined) return found;
  const [uid, gid] = [Number(process.env["SUDO_UID"]), Number(process.env["SUDO_GID"])];
  return uid > 0 && gid > 0 ? { uid, gid } : userNamed("nobody");
}

function userNamed(name: string): { uid: number; gid: number } | undefined {
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((entry) => entry.startsWith(`${name}:`));
    const fields = line?.split(":");
    return fields === undefined ? undefined : { uid: Number(fields[2]), gid: Number(fields[3]) };
  } catch {
    return undefined;
  }
}

/** Whether every folder above an existing or future path may be entered, by its mode bits. */
export function canReach(path: string, user: { readonly uid: number; readonly gid: number }): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder)) {
      const { mode, uid, gid } = statSync(folder);
      const execute = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & execute) === 0) return false;
    }
    if (folder === dirname(folder)) return true;
  }
}
