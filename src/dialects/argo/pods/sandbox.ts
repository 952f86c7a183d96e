/**
 * The files of one pod that runs as processes. A container has a root of its own, a process has not: so every path that the
 * manifest declares (outputs, artifacts, mounts, the script) is moved into a folder of the pod, and where the command, its
 * arguments, the script or the environment name one, the moved path is put in. What is declared nowhere is the machine's own.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Where a script is, as Argo's containers see it. */
export const SCRIPT = "/argo/staging/script";

export class Sandbox {
  readonly folder: string;
  /** The longest first, so that the deepest mount has a path. */
  #moves: (readonly [from: string, to: string])[] = [];

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, "root"), { recursive: true });
  }

  /**
   * A declared path that nothing is mounted over lies below the pod's root, as do the folders above it that this machine has
   * not; those that it has are there from the start, as in an image.
   */
  declare(path: string): string {
    const to = this.of(path);
    const plain = withoutEnd(normalize(path));
    const known = path.endsWith("/") ? plain : dirname(plain);
    let top = plain;
    while (dirname(top) !== "/" && !existsSync(dirname(top))) top = dirname(top);
    mkdirSync(this.of(existsSync(known) ? known : dirname(top)), { recursive: true });
    if (!this.#moves.some(([from]) => plain === from || plain.startsWith(`${from}/`)))
      this.move(top, this.of(top));
    return to;
  }

  move(from: string, to: string): void {
    const plain = withoutEnd(from);
    this.#moves = [...this.#moves, [plain, to] as const].toSorted(
      ([one], [other]) => other.length - one.length,
    );
  }

  /** Where a path of the pod is on this machine. */
  of(path: string): string {
    const plain = withoutEnd(normalize(path));
    for (const [from, to] of this.#moves) {
      if (plain === from) return to;
      if (plain.startsWith(`${from}/`)) return join(to, plain.slice(from.length + 1));
    }
    return join(this.folder, "root", plain);
  }

  /** A text in which declared paths are moved. */
  text(text: string): string {
    if (this.#moves.length === 0) return text;
    const paths = this.#moves.map(([from]) => from.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    const pattern = new RegExp(String.raw`(?<![\w./-])(?:${paths.join("|")})(?![\w-]|\.\w)`, "g");
    const to = new Map(this.#moves);
    return text.replaceAll(pattern, (path) => to.get(path) ?? path);
  }
}

function withoutEnd(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}
