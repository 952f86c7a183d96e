import type { Readable } from "node:stream";
import type { Engine } from "./engine.ts";
import { statusOf } from "./errors.ts";
import { followProgress } from "./progress.ts";

const WITHIN = 600_000;

export interface ImportedImage {
  readonly repository: string;
  readonly tag: string;
  readonly files: Readable;
  /** Lines of a Dockerfile. */
  readonly changes?: readonly string[];
}

/** Makes an image of one layer and gives its id. It has its name only when it is whole. */
export async function importImage(
  engine: Engine,
  { repository, tag, files, changes = [] }: ImportedImage,
  signal: AbortSignal,
): Promise<string> {
  let id = "";
  try {
    await followProgress(
      (abortSignal) => engine.docker.importImage(files, { changes: [...changes], abortSignal }),
      {
        signal,
        within: WITHIN,
        patience: WITHIN,
        onLine: ({ status = "" }) => {
          id = status.trim() || id;
        },
      },
    );
  } finally {
    files.destroy();
  }
  await engine.call((docker) => docker.getImage(id).tag({ repo: repository, tag }), { signal });
  return id;
}

/** Undefined when the engine has no such image. */
export async function imageId(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await engine.call((docker) => docker.getImage(name).inspect(), { signal })).Id;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
