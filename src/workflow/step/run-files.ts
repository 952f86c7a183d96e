/** Files that steps leave for later steps of the same run. They go when the run has ended, or is gone. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Resource } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { type Attempt } from "../engine/step-type.ts";
import { namespaceOf, runNameOf } from "./attempt.ts";

const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed", "Cancelled"]);

export class RunFiles {
  readonly #folder: string;
  /** `NAMESPACE/NAME` of runs that have some. */
  readonly #runs: Set<string>;

  /** `folder`: absolute, of nothing else. What runs left there that ended while nobody looked goes at once. */
  constructor(folder: string, store: Pick<Store, "get" | "watch" | "revision">) {
    this.#folder = folder;
    this.#runs = new Set(foldersIn(folder).flatMap((space) => foldersIn(folder, space)));
    for (const run of this.#runs) {
      const [namespace = "", name = ""] = run.split("/");
      if (hasEnded(store.get({ kind: "Run", namespace, name }))) this.#remove(run);
    }
    store.watch(store.revision, (changes) => {
      for (const { type, key, resource } of changes)
        if (key.kind === "Run" && (type === "DELETED" || hasEnded(resource)))
          this.#remove(`${key.namespace}/${key.name}`);
    });
  }

  /** The absolute path of a file of the attempt's run; whoever writes it makes its folder. */
  path(attempt: Attempt, name: string): string {
    this.#runs.add(attempt.run);
    return join(this.#folder, namespaceOf(attempt), runNameOf(attempt), name);
  }

  #remove(run: string): void {
    if (!this.#runs.delete(run)) return;
    rmSync(join(this.#folder, run), { recursive: true, force: true });
  }
}

function hasEnded(run: Resource | undefined): boolean {
  if (run === undefined) return true;
  return ENDED.has((run.status as { readonly phase?: string } | undefined)?.phase ?? "");
}

function foldersIn(folder: string, below = ""): readonly string[] {
  try {
    return readdirSync(join(folder, below)).map((name) => (below === "" ? name : `${below}/${name}`));
  } catch {
    return []; // nothing was left there yet
  }
}
