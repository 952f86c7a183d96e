/**
 * Containers that run to their end. The engine itself keeps how they ended, and their streams apart, until they are removed.
 * What they read is a file that a shell of the image opens: an attached stream would be cut off with the control plane.
 */
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import {
  type Exit,
  type Identity,
  type InstanceSpec,
  TerminalError,
  fileTooLarge,
} from "../../provider/provider.ts";
import type { ContainerState, Containers } from "./containers.ts";
import { endingOf } from "./ending.ts";

const INPUT = "/run/tutti/input";
const READING = `exec "$@" <${INPUT}`;

/** As the rest of the class makes it. */
export function completing(spec: InstanceSpec): InstanceSpec {
  const { once, command, files = [] } = spec.run;
  if (once === undefined) return spec;
  const words = typeof command === "object" ? command.map(verbatim) : command;
  const { input = "" } = once;
  if (input === "")
    return { ...spec, run: { ...spec.run, ...(words === undefined ? {} : { command: words }) } };
  if (typeof words !== "object")
    throw new TerminalError({
      code: "InputNeedsCommand",
      path: "command",
      message: "What reads the input is not named: the image says what it runs.",
      hint: "Give the command.",
    });
  const file = { path: INPUT, content: input, mode: "0444" };
  const reading = ["/bin/sh", "-c", READING, "sh", ...words];
  return { ...spec, run: { ...spec.run, command: reading, files: [...files, file] } };
}

/** So that nothing in it is replaced from the environment (provider/environment.ts). */
function verbatim(word: string): string {
  return word.replaceAll(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, "$$$$($1)");
}

/** Undefined while it runs, or when it never did. */
export function endIn(
  identity: Identity,
  found: ContainerState | undefined,
  secrets: readonly string[],
): Exit | undefined {
  if (found === undefined || !["exited", "dead"].includes(found.State.Status)) return undefined;
  const { OOMKilled: isOutOfMemory } = found.State;
  return {
    identity,
    ...endingOf({ found, isOutOfMemory, output: "" }, secrets),
    ...(isOutOfMemory ? { isOutOfMemory } : {}),
  };
}

/** The file at a path of a container, which need not run. */
export async function fileIn(
  containers: Containers,
  name: string,
  path: string,
  most: number,
): Promise<Uint8Array | undefined> {
  const folder = (await containers.inspect(name))?.Config.WorkingDir || "/";
  const archive = await containers.archive(name, path.startsWith("/") ? path : `${folder}/${path}`);
  if (archive === undefined) return undefined;
  const entries = archive.pipe(extract());
  for await (const entry of entries) {
    if (entry.header.type !== "file") return undefined;
    if ((entry.header.size ?? 0) > most) {
      archive.destroy();
      throw fileTooLarge(path, most);
    }
    return buffer(entry);
  }
  return undefined;
}
