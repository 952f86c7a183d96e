/** What LXD refuses, in sentences for people: what only they can mend, and what is tried again. */
import { TerminalError } from "../../provider/provider.ts";
import { LxdError } from "./client.ts";

interface Refusal {
  readonly matches: RegExp;
  readonly code: string;
  readonly path: string;
  readonly hint: string;
}

/** What a declaration is at fault for: LXD will say the same again. */
const REFUSALS: readonly Refusal[] = [
  {
    matches:
      /image.*not found|not found.*image|no matching image|couldn't be found for image|requested image/i,
    code: "ImageMissing",
    path: "spec.image",
    hint: "`lxc image list` lists those it has; images:NAME and ubuntu:NAME are fetched from public servers.",
  },
  {
    matches:
      /IP address.*(already|in use|not within|outside)|(already|duplicate).*IP address|not usable because it's outside|is already (defined|reserved)/i,
    code: "AddressTaken",
    path: "spec.networks",
    hint: "Choose a free address in the network's range, or leave it out.",
  },
  {
    matches: /(subnet|network|CIDR|address).*(overlaps|in use|already)|overlap/i,
    code: "RangeTaken",
    path: "spec.cidr",
    hint: "Choose a range that is free, or leave it out: LXD then finds one.",
  },
  {
    matches: /automatically find an unused/i,
    code: "NoFreeRange",
    path: "spec.cidr",
    hint: "Name a range of addresses in spec.cidr.",
  },
  {
    matches: /invalid value.*ipv[46]\.address|not an IPv[46]|invalid CIDR/i,
    code: "InvalidRange",
    path: "spec.cidr",
    hint: "Write it as 10.1.0.0/24.",
  },
  {
    matches: /not authorized|certificate is restricted|Forbidden/i,
    code: "NotAuthorised",
    path: "spec.location",
    hint: "Have LXD trust the Location's certificate (`lxc config trust add`), and let it use the project.",
  },
];

/** A refusal as what comes of it: a TerminalError, or an Error that is a sentence and is tried again. */
export function inWords(error: unknown, what: string): Error {
  if (!(error instanceof LxdError)) return error instanceof Error ? error : new Error(String(error));
  const message = `LXD does not ${what}: ${error.message}.`;
  const found = REFUSALS.find(({ matches }) => matches.test(error.message));
  return found === undefined
    ? new Error(message, { cause: error })
    : new TerminalError({ code: found.code, path: found.path, message, hint: found.hint });
}

/** Says of the whole work what it was about, when LXD refuses a part of it. */
export async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inWords(error, what);
  }
}
