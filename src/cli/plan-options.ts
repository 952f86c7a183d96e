/** What `plan`, `up` and `apply` are asked beside the declaration: for which part of it, and what is made anew. */
import type { Command } from "commander";
import type { Proposed } from "../client/client.ts";
import { misuse } from "./exit.ts";

export interface RequestOptions {
  readonly target?: readonly string[];
  readonly exclude?: readonly string[];
  readonly replace?: readonly string[];
  readonly refresh?: boolean;
  readonly since?: string;
}

export function withRequestOptions(command: Command): Command {
  return command
    .option("--target <address>", "only this, with all that it needs; may be repeated", addresses)
    .option("--exclude <address>", "all but this, and what needs it; may be repeated", addresses)
    .option("--replace <address>", "make this anew although nothing asks for it; may be repeated", addresses)
    .option("--refresh <boolean>", "whether to look for what others changed (default: true)", truth)
    .option("--since <moment>", "look only at what may have changed since: a revision, a change, or 2h");
}

function addresses(value: string, before: readonly string[] = []): readonly string[] {
  const given = value.split(",").map((address) => address.trim());
  const wrong = given.find((address) => !/^[^/\s]+\/[^/\s]+$/.test(address));
  if (wrong !== undefined)
    misuse(`'${wrong.slice(0, 80)}' is not an address.`, "Write <kind>/<name>, for example database/orders.");
  return [...before, ...given];
}

function truth(value: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  return misuse(`--refresh takes true or false, not '${value.slice(0, 40)}'.`, "Write --refresh=false.");
}

export function requestedIn(options: RequestOptions): Omit<Partial<Proposed>, "resources" | "action"> {
  const { target, exclude, replace, refresh, since } = options;
  return {
    ...(target === undefined ? {} : { targets: target }),
    ...(exclude === undefined ? {} : { excludes: exclude }),
    ...(replace === undefined ? {} : { replaces: replace }),
    ...(refresh === undefined ? {} : { refresh }),
    ...(since === undefined ? {} : { since }),
  };
}
