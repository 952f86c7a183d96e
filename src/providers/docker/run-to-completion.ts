/**
 * A container that runs to its end: what prepares an instance, steps of workflows. Found again by its name: asked again after
 * a crash, it is not run twice, and what has ended is not run again until it is removed.
 */
import { inWords, startError } from "./errors.ts";
import type { ContainerBody, Containers } from "./containers.ts";
import { secretsOf } from "./secrets.ts";
import { redact } from "../../provider/redaction.ts";

export interface Completion {
  readonly code: number;
  /** It was killed because of its memory limit. */
  readonly isOutOfMemory: boolean;
  /** The end of what it printed, without the values of secrets. */
  readonly output: string;
}

/** Lines of the output. */
const KEPT = 1_000;

export async function runToCompletion(
  containers: Containers,
  what: {
    /** Deterministic. */
    readonly name: string;
    readonly body: ContainerBody;
    /** Networks beside the one in `body`. */
    readonly further?: readonly string[];
    readonly secrets?: readonly string[];
  },
  /** Aborted, it is killed and removed. */
  signal: AbortSignal,
): Promise<Completion> {
  const { name, body, further = [], secrets = [] } = what;
  try {
    await begin(containers, name, body, further, signal);
    const code = await containers.ended(name, signal);
    const found = await containers.inspect(name);
    if (code === undefined || found === undefined)
      throw new Error("A container that was to run to its end is gone: somebody removed it.");
    const output = redact(await containers.lastWords(name, KEPT), [...secretsOf(found), ...secrets]);
    return { code: found.State.ExitCode, isOutOfMemory: found.State.OOMKilled, output };
  } catch (error) {
    if (signal.aborted) {
      await containers.remove(name).catch(() => {});
      throw signal.reason;
    }
    throw error;
  }
}

async function begin(
  containers: Containers,
  name: string,
  body: ContainerBody,
  further: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const connect = async (): Promise<void> => {
    for (const network of further) await containers.connect(network, name, []);
  };
  try {
    // Not ended by the signal: an engine goes on with what it was asked, and would make it after it was removed.
    const made = await containers.create(name, body);
    signal.throwIfAborted();
    if (made === undefined && (await containers.inspect(name, signal))?.State.Status !== "created") return;
    await connect();
    await containers.start(name, signal);
  } catch (error) {
    // Made and not startable: the next attempt makes it anew.
    if (!signal.aborted) await containers.remove(name).catch(inWords);
    throw startError(error, (port) => `port ${port} is in use`);
  }
}
