/**
 * A user namespace in which root is nobody: what runs in it is still user 0 to the files of the machine, without any of
 * root's powers. It needs no folder to be reachable by others, and most homes of root are not (`/root` has mode 0700).
 */
import { execFile } from "node:child_process";

const NOBODY = 65_534;

/** `unshare` becomes the program, so no process is added. */
export function inUserNamespace(command: readonly string[]): readonly string[] {
  return ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--", ...command];
}

/** Kept for the life of this process. */
export function userNamespacesWork(): Promise<boolean> {
  return (works ??= new Promise((resolve) => {
    const [program = "", ...args] = inUserNamespace(["true"]);
    execFile(program, args, { timeout: 10_000 }, (error) => resolve(error === null));
  }));
}
let works: Promise<boolean> | undefined;
