/**
 * Images built from folders.
 *
 *   folder, options --digest of the content--> tag --on the engine?--> id
 *                                               \--no--> build --> tag, id
 *
 *  B1 The tag is the content's: what has it was built from just that, and an unchanged folder is not built again.
 *  B2 With a digest that content is run or nothing: a folder that has changed since is a new plan's.
 *  B3 The same content is built once at a time.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ContainerSettings } from "../../provider/container.ts";
import { TerminalError } from "../../provider/provider.ts";
import { BuildContext } from "./build-context.ts";
import { BuildLog } from "./build-log.ts";
import type { Engine } from "./engine.ts";
import type { RegistryCredentials } from "./images.ts";
import { imageId } from "./import-image.ts";
import { PatienceError, followProgress } from "./progress.ts";
import { parseReference } from "./reference.ts";
import { Shared } from "./shared.ts";

export interface WantedBuild {
  readonly build: NonNullable<ContainerSettings["build"]>;
  /** Absolute; what the context is relative to. */
  readonly folder: string;
  /** What `pin` said. */
  readonly digest?: string;
  /** What the result is called beside its tag. */
  readonly image?: string;
  /** For the images that it begins from. */
  readonly credentials?: RegistryCredentials;
}

/** Milliseconds: a build may compile for long, and say nothing for a good while. */
const WITHIN = 3_600_000;
const PATIENCE = 900_000;

export class Builds {
  readonly #engine: Engine;
  readonly #running = new Shared<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A digest of what would be built now. Builds nothing. */
  async pin(wanted: WantedBuild, signal: AbortSignal): Promise<string> {
    return digestOf(wanted, await read(wanted), signal);
  }

  /** The id of the image, built when the engine does not have it. */
  async ensure(wanted: WantedBuild, signal: AbortSignal): Promise<string> {
    const there = wanted.digest === undefined ? undefined : await this.#find(tagOf(wanted.digest), signal);
    const id = there ?? (await this.#fromFolder(wanted, signal));
    if (wanted.image !== undefined) await this.#name(id, wanted.image, signal);
    return id;
  }

  async #fromFolder(wanted: WantedBuild, signal: AbortSignal): Promise<string> {
    const context = await read(wanted);
    const digest = await digestOf(wanted, context, signal);
    if (wanted.digest !== undefined && wanted.digest !== digest) throw changedSince(context);
    const tag = tagOf(digest);
    return (
      (await this.#find(tag, signal)) ??
      this.#running.run(tag, signal, (ending) => this.#build(wanted, context, tag, ending))
    );
  }

  async #build(
    wanted: WantedBuild,
    context: BuildContext,
    tag: string,
    signal: AbortSignal,
  ): Promise<string> {
    const log = new BuildLog(context.folder);
    const { stream, digest } = context.tar();
    try {
      await followProgress(
        (abortSignal) =>
          this.#engine.docker.buildImage(stream, { ...optionsOf(wanted), abortSignal } as object),
        { signal, within: WITHIN, patience: PATIENCE, onLine: (line) => log.note(line) },
      );
    } catch (error) {
      throw signal.aborted || error instanceof PatienceError ? error : log.failure(error);
    } finally {
      stream.destroy();
    }
    // B1: named only now, by what was sent.
    if (tagOf(digestWith(wanted, await digest)) !== tag) throw changing(context);
    const id = log.image();
    await this.#name(id, tag, signal);
    return id;
  }

  #find(tag: string, signal: AbortSignal): Promise<string | undefined> {
    return imageId(this.#engine, tag, signal);
  }

  async #name(id: string, name: string, signal: AbortSignal): Promise<void> {
    const { repository: repo, tag } = parseReference(name);
    await this.#engine.call((docker, abortSignal) => docker.getImage(id).tag({ repo, tag, abortSignal }), {
      signal,
    });
  }
}

async function read({ build, folder }: WantedBuild): Promise<BuildContext> {
  const path = resolve(folder, build.context);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new TerminalError({
      code: "BuildContextNotFound",
      path: "spec.build.context",
      message: `The folder '${path}' that the image is to be built from is not there.`,
      hint: "Give a folder relative to the declaration.",
    });
  const context = await BuildContext.read(path, build.dockerfile);
  if (!context.has(build.dockerfile))
    throw new TerminalError({
      code: "DockerfileNotFound",
      path: "spec.build.dockerfile",
      message: `The folder '${path}' has no file '${build.dockerfile}'.`,
      hint: "Write one, or give its path relative to that folder.",
    });
  return context;
}

async function digestOf(wanted: WantedBuild, context: BuildContext, signal: AbortSignal): Promise<string> {
  return digestWith(wanted, await context.digest(signal));
}

function digestWith({ build: { dockerfile, target, args } }: WantedBuild, content: string): string {
  const sorted = Object.entries(args).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([content, dockerfile, target ?? null, sorted]);
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function tagOf(digest: string): string {
  return `tutti.dev/build:${digest.replace(/^sha256:/, "")}`;
}

function optionsOf({ build: { dockerfile, target, args }, credentials }: WantedBuild): object {
  return {
    dockerfile,
    ...(target === undefined ? {} : { target }),
    buildargs: args,
    rm: true,
    forcerm: true,
    ...(credentials?.registry === undefined
      ? {}
      : { registryconfig: { [credentials.registry]: { ...credentials } } }),
  };
}

function changedSince({ folder }: BuildContext): TerminalError {
  return new TerminalError({
    code: "BuildChanged",
    path: "spec.build",
    message: `The image that the plan was made with is not on the engine any more, and the folder '${folder}' has changed since.`,
    hint: "Apply again, which builds the folder as it is.",
  });
}

function changing({ folder }: BuildContext): Error {
  return new Error(`The folder '${folder}' changed while it was being built; it is built again.`);
}
