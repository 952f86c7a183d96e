/** What the engine refuses a container with, in sentences for people: what only they can mend, and what is tried again. */
import { TerminalError } from "../../provider/provider.ts";

/** HTTP status of an engine's refusal; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { readonly statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** The engine's own words. */
export function reasonOf(error: unknown): string {
  const { json } = error as { readonly json?: { readonly message?: unknown } | null };
  const words =
    typeof json?.message === "string" ? json.message : error instanceof Error ? error.message : String(error);
  // dockerode's own preface, where the engine said it in a stream.
  return words
    .replace(/^\(HTTP code \d+\) [a-z ]+ - /, "")
    .trim()
    .replace(/\.$/, "");
}

/** A refusal of the engine that is no fault of a declaration, as a sentence; other errors are sentences already. */
export function inWords(error: unknown): Error {
  if (statusOf(error) !== undefined)
    return new Error(`The container engine could not do it: ${reasonOf(error)}.`, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

interface Refusal {
  readonly matches: RegExp;
  readonly code: string;
  readonly path: string;
  readonly message: (found: RegExpExecArray) => string;
  readonly hint: string;
}

/** What a declaration is at fault for: the engine will say the same again. */
const REFUSALS: readonly Refusal[] = [
  {
    matches: /exec: "?([^":]+)"?: (?:executable file not found|stat .*no such file)/,
    code: "CommandNotFound",
    path: "spec.command",
    message: ([, program]) => `The command '${program ?? ""}' is not in the image.`,
    hint: "Give the full path of a program that the image has.",
  },
  {
    matches: /exec: "?([^":]+)"?: permission denied/,
    code: "CommandNotExecutable",
    path: "spec.command",
    message: ([, program]) => `The command '${program ?? ""}' cannot be executed in the image.`,
    hint: "Give it the permission to be executed, or start it with its interpreter.",
  },
  {
    matches: /unable to find (user|group) ([^:]+)/,
    code: "UnknownUser",
    path: "spec.user",
    message: ([, what, name]) => `The image knows no ${what ?? "user"} '${name ?? ""}'.`,
    hint: "Name one that is in its /etc/passwd, or give numbers.",
  },
  {
    matches: /could not select device driver .*gpu/,
    code: "NoGpu",
    path: "spec.gpus",
    message: () => "The engine has no GPUs to give.",
    hint: "Install the vendor's container toolkit on its host, or choose another location.",
  },
  {
    matches: /unknown capability: "?([A-Z_]+)/,
    code: "UnknownCapability",
    path: "spec.capabilities",
    message: ([, name]) => `There is no Linux capability '${name ?? ""}'.`,
    hint: "See capabilities(7) for their names.",
  },
  {
    matches: /logging plugin "?([^" :]+)/,
    code: "UnknownLogDriver",
    path: "spec.logging.driver",
    message: ([, name]) => `The engine has no log driver '${name ?? ""}'.`,
    hint: "`docker info` lists those it has.",
  },
  {
    matches: /Minimum memory limit allowed is (\S+)/i,
    code: "MemoryTooSmall",
    path: "spec.resources.memory",
    message: ([, least]) => `The engine gives no container less memory than ${least ?? "6MB"}.`,
    hint: "Ask for more.",
  },
];

const PORT_TAKEN = /(?:port is already allocated|address already in use)/i;
const PORT_IN = /(?:[\d.]+|\]|::):(\d+)(?:[:/ ]|$)/;
const DISK_FULL = /no space left on device|disk quota exceeded/i;

/** `describePort`: says who has a port, where that can be seen. */
export function startError(error: unknown, describePort: (port: number) => string): Error {
  if (statusOf(error) === undefined) return inWords(error);
  const reason = reasonOf(error);
  if (PORT_TAKEN.test(reason)) {
    const port = Number(PORT_IN.exec(reason)?.[1]);
    const who = Number.isNaN(port) ? "a port it publishes is in use" : describePort(port);
    // An instance keeps its ports: another one, with others, takes its place.
    return new TerminalError({ code: "PortInUse", message: `It could not get its port: ${who}.` });
  }
  if (DISK_FULL.test(reason))
    return new Error("The disk of the container engine is full: free some space there (`docker system df`).");
  for (const { matches, code, path, message, hint } of REFUSALS) {
    const found = matches.exec(reason);
    if (found !== null) return new TerminalError({ code, path, message: message(found), hint });
  }
  if (statusOf(error) === 400)
    return new TerminalError({
      code: "EngineRefused",
      message: `The container engine refuses it: ${reason}.`,
    });
  return inWords(error);
}
