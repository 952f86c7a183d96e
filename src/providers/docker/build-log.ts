/** What a build said: the image it made, or in one sentence where it failed and its last words. */
import { TerminalError } from "../../provider/provider.ts";
import { reasonOf, statusOf } from "./errors.ts";
import { type ProgressLine, ProgressError } from "./progress.ts";

/** The folder is at fault: building it again comes to the same. */
const OF_THE_FOLDER =
  /returned a non-zero code|dockerfile parse|unknown instruction|(COPY|ADD) failed|build target|forbidden path|requires BuildKit|unknown flag|empty|not found in build context/i;

export class BuildLog {
  readonly #folder: string;
  #step = "";
  #lastLine = "";
  #image: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  note({ stream, aux }: ProgressLine): void {
    if (aux?.ID !== undefined) this.#image = aux.ID;
    const line = stream?.trim() ?? "";
    const step = /^Step (\d+\/\d+) : (.*)$/s.exec(line);
    if (step !== null) {
      this.#step = `step ${step[1] ?? ""}, ${shortened(step[2] ?? "")}`;
      this.#lastLine = "";
    } else if (line !== "" && !line.startsWith("--->") && !line.startsWith("Removing intermediate")) {
      this.#lastLine = line.split("\n").at(-1) ?? "";
    }
  }

  /** The id of what was built. */
  image(): string {
    if (this.#image === undefined) throw new Error(`The build of '${this.#folder}' ended without an image.`);
    return this.#image;
  }

  failure(error: unknown): Error {
    if (!(error instanceof ProgressError) && statusOf(error) === undefined)
      return error instanceof Error ? error : new Error(String(error));
    const reason = reasonOf(error);
    const where = this.#step === "" ? "" : ` at ${this.#step}`;
    const words = this.#lastLine === "" ? "" : `; its last words: ${shortened(this.#lastLine)}`;
    const message = `The build of '${this.#folder}' failed${where}: ${reason}${words}.`;
    return OF_THE_FOLDER.test(reason)
      ? new TerminalError({
          code: "BuildFailed",
          path: "spec.build",
          message,
          hint: "Mend it and apply again; `docker build` shows all it says.",
        })
      : new Error(message);
  }
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
