/**
 * What runs the containers of a run. It is chosen with the run's first pod and kept in a file, so that a run neither goes over
 * from containers to processes of this machine when the engine is away for a moment, nor starts what runs already once more
 * by other means after a restart.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Choice =
  | {
      readonly is: "docker";
      /** As $DOCKER_HOST has it; absent: the usual one. */
      readonly endpoint?: string;
    }
  | {
      readonly is: "process";
      /** Why it is not docker, a sentence, where people should know. */
      readonly why?: string;
    };

export type Choose = () => Choice | Promise<Choice>;

export class Choices {
  readonly #folder: string;
  readonly #choose: Choose;
  readonly #made = new Map<string, Promise<Choice>>();

  constructor(folder: string, choose: Choose) {
    this.#folder = folder;
    this.#choose = choose;
  }

  /** `told`: called with what people should know of a choice that is made now. */
  of(run: string, told: (why: string) => void): Promise<Choice> {
    const made = this.#made.get(run) ?? this.#find(run, told);
    this.#made.set(run, made);
    made.catch(() => this.#made.delete(run));
    return made;
  }

  async #find(run: string, told: (why: string) => void): Promise<Choice> {
    const file = join(this.#folder, createHash("sha256").update(run).digest("hex").slice(0, 32));
    const kept = textOf(file);
    if (kept !== undefined) return JSON.parse(kept) as Choice;
    const choice = await this.#choose();
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(choice));
    renameSync(`${file}.new`, file);
    if (choice.is === "process" && choice.why !== undefined) told(choice.why);
    return choice;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
