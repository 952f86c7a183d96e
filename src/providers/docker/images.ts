/**
 * Which image a declaration means, and having it on the engine.
 *
 *   pin:    declaration --engine, else registry--> digest, for the plan
 *   ensure: image, digest --on the engine? else pulled--> id of the very image to run
 *
 *  G1 What is pinned is run: with a digest the tag is not looked at any more.
 *  G2 A registry that hangs holds up nothing but who waits for its image, and that only for a time.
 *  G3 The same image is pulled once at a time, however many wait for it; nobody waits: it is pulled no more.
 *  G4 Credentials go to their registry only.
 */
import type { ImageInspectInfo } from "dockerode";
import type { ContainerSettings } from "../../provider/container.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";
import { statusOf } from "./errors.ts";
import { pullFailure } from "./pull-failure.ts";
import { PatienceError, followProgress } from "./progress.ts";
import { Shared } from "./shared.ts";
import { Transfer } from "./transfer.ts";
import { type Reference, isSameRepository, parseReference } from "./reference.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  /** The only one they are for; the image's own when absent. */
  readonly registry?: string;
}

export interface WantedImage {
  readonly image: string;
  /** `sha256:...` of a registry's manifest, or of an image that only the engine has. */
  readonly digest?: string;
  readonly policy?: NonNullable<ContainerSettings["pull"]>["policy"];
  readonly credentials?: RegistryCredentials;
}

export interface ImageOptions {
  /** Milliseconds for a pull in all; five minutes when absent. */
  readonly within?: number;
  /** Milliseconds that a pull may stand still; a minute when absent. */
  readonly patience?: number;
}

/** A registry is asked for a digest while somebody waits for a plan. */
const ASK_PATIENCE = 20_000;

export class Images {
  readonly #engine: Engine;
  readonly #within: number;
  readonly #patience: number;
  readonly #pulls = new Shared<void>();

  constructor(engine: Engine, { within = 300_000, patience = 60_000 }: ImageOptions = {}) {
    this.#engine = engine;
    this.#within = within;
    this.#patience = patience;
  }

  /** The id of the image to run, which is on the engine then. */
  async ensure(wanted: WantedImage, signal: AbortSignal): Promise<string> {
    const { image, policy = "missing" } = wanted;
    const reference = parsed(image);
    const digest = wanted.digest ?? reference.digest;
    const name = digest === undefined ? image : `${reference.repository}@${digest}`;
    if (digest !== undefined || policy !== "always") {
      const there = await this.#find(name, digest, signal);
      if (there !== undefined) return there.Id;
    }
    if (policy === "never") throw neverPulled(image, wanted.digest);
    const { credentials } = wanted;
    const key = JSON.stringify([name, credentials?.username, credentials?.registry]);
    await this.#pulls.run(key, signal, (ending) => this.#pull(name, reference, credentials, ending));
    const pulled = await this.#find(name, digest, signal);
    if (pulled === undefined)
      throw new Error(`The image '${name}' was pulled, but the engine has it no more.`);
    return pulled.Id;
  }

  /**
   * The digest that the declaration means now: the engine's image as its registry knows it, or by its id where it comes from
   * none; the registry's with policy `always` and where the engine has no such image. Undefined when only the engine may be
   * asked, and has none.
   */
  async pin(wanted: WantedImage, signal: AbortSignal): Promise<string | undefined> {
    const { image, policy = "missing", credentials } = wanted;
    const reference = parsed(image);
    if (reference.digest !== undefined) return reference.digest;
    const there = policy === "always" ? undefined : await this.#find(image, undefined, signal);
    if (there !== undefined) return digestOf(there, reference) ?? there.Id;
    return policy === "never" ? undefined : this.#digestAtRegistry(image, reference, credentials, signal);
  }

  async #find(
    name: string,
    digest: string | undefined,
    signal: AbortSignal,
  ): Promise<ImageInspectInfo | undefined> {
    const inspect = async (what: string): Promise<ImageInspectInfo | undefined> => {
      try {
        return await this.#engine.call(
          (docker, abortSignal) => docker.getImage(what).inspect({ abortSignal } as object),
          { signal },
        );
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    };
    return (await inspect(name)) ?? (digest === undefined ? undefined : inspect(digest));
  }

  async #digestAtRegistry(
    image: string,
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const authconfig = authFor(reference, credentials);
    const patience = Math.min(ASK_PATIENCE, this.#patience);
    const late = AbortSignal.timeout(patience);
    try {
      const found = (await this.#engine.call(
        (docker) => docker.getImage(image).distribution(authconfig === undefined ? {} : { authconfig }),
        { signal: AbortSignal.any([signal, late]) },
      )) as { readonly Descriptor: { readonly digest: string } };
      return found.Descriptor.digest;
    } catch (error) {
      if (late.aborted && !signal.aborted)
        throw pullFailure(image, reference, new PatienceError(`nothing came for ${patience / 1000} s`), "");
      if (isUnknownCall(error)) return this.#digestByPulling(image, reference, credentials, signal);
      if (statusOf(error) === undefined) throw error;
      throw pullFailure(image, reference, error, "");
    }
  }

  /** Podman asks no registry for a digest alone. */
  async #digestByPulling(
    image: string,
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const wanted = {
      image,
      policy: "always",
      ...(credentials === undefined ? {} : { credentials }),
    } as const;
    const id = await this.ensure(wanted, signal);
    const pulled = await this.#find(image, undefined, signal);
    return pulled === undefined ? id : (digestOf(pulled, reference) ?? id);
  }

  async #pull(
    name: string,
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const transfer = new Transfer();
    const { repository, tag, digest } = parseReference(name);
    const query = { fromImage: repository, tag: digest ?? tag };
    try {
      await followProgress(
        (abortSignal) =>
          this.#engine.docker.createImage(authFor(reference, credentials), { ...query, abortSignal }),
        {
          signal,
          within: this.#within,
          patience: this.#patience,
          onLine: (line) => transfer.note(line),
        },
      );
    } catch (error) {
      throw signal.aborted ? error : pullFailure(name, reference, error, transfer.describe());
    }
  }
}

/** From a Secret's opened values; undefined when it holds none. */
export function credentialsOf(secret: Readonly<Record<string, string>>): RegistryCredentials | undefined {
  const { username, password, registry } = secret;
  if (username === undefined || password === undefined) return undefined;
  return { username, password, ...(registry === undefined ? {} : { registry }) };
}

/** G4 */
function authFor({ registry }: Reference, credentials: RegistryCredentials | undefined): object | undefined {
  if (credentials === undefined) return undefined;
  const { username, password, registry: own } = credentials;
  if (own !== undefined && parseReference(`${own.replace(/^https?:\/\//, "")}/any`).registry !== registry)
    return undefined;
  return { username, password, serveraddress: registry === "docker.io" ? DOCKER_HUB : registry };
}

/** What Docker Hub is called where one signs in. */
const DOCKER_HUB = "https://index.docker.io/v1/";

/** The engine has no such call: its answer is a bare page. */
function isUnknownCall(error: unknown): boolean {
  return statusOf(error) === 404 && (error as { json?: unknown }).json instanceof Uint8Array;
}

function digestOf({ RepoDigests }: ImageInspectInfo, { repository }: Reference): string | undefined {
  for (const known of (RepoDigests as readonly string[] | null) ?? []) {
    const { repository: of, digest } = parseReference(known);
    if (digest !== undefined && isSameRepository(of, repository)) return digest;
  }
  return undefined;
}

function parsed(image: string): Reference {
  if (/^[a-z0-9][\w.\-/:]*(@sha256:[0-9a-f]{64})?$/i.test(image)) return parseReference(image);
  throw new TerminalError({
    code: "InvalidImage",
    path: "spec.image",
    message: `'${image}' is not the name of an image.`,
    hint: "Write it as registry.example.com/path/name:tag.",
  });
}

export function neverPulled(image: string, digest: string | undefined): TerminalError {
  const which = digest === undefined ? "" : ` (${digest})`;
  return new TerminalError({
    code: "ImageNotFound",
    path: "spec.image",
    message: `The engine has no image '${image}'${which}, and the pull policy is 'never'.`,
    hint: "Load or build it there, or let it be pulled: spec.pull.policy: missing.",
  });
}
