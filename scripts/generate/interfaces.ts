/** What comments of interfaces in a module say of their members, for schemas that describe nothing themselves. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { root } from "../sources.ts";

export interface Member {
  readonly text: string;
  /** As it is written, its first line. */
  readonly type: string;
}

interface Interface {
  readonly text: string;
  readonly members: ReadonlyMap<string, Member>;
  /** Names, some of which may be of no interface. */
  readonly parents: readonly string[];
}

const COMMENT = String.raw`(?:^ *\/\*\*((?:(?!\*\/)[^])*)\*\/\n)?`;
const INTERFACE = new RegExp(
  String.raw`${COMMENT}^(?:export )?interface (\w+)(?: extends ([^{]+))? \{\n([^]*?)^\}`,
  "gm",
);
const MEMBER = new RegExp(String.raw`${COMMENT}^ {2}readonly (\w+)\??: (.*)$`, "gm");

export class Interfaces {
  readonly #known = new Map<string, Interface>();

  constructor(file: string) {
    const source = readFileSync(resolve(root, file), "utf8");
    for (const [, comment, name = "", parents = "", body = ""] of source.matchAll(INTERFACE)) {
      const members = [...body.matchAll(MEMBER)].map(
        ([, own, member = "", type = ""]) => [member, { text: sentence(own), type }] as const,
      );
      this.#known.set(name, {
        text: sentence(comment),
        members: new Map(members),
        parents: parents.match(/\w+/g) ?? [],
      });
    }
  }

  /** The interface whose `type` is that. */
  ofType(type: string): string | undefined {
    return [...this.#known.entries()].find(
      ([, { members }]) => members.get("type")?.type === `"${type}";`,
    )?.[0];
  }

  textOf(name: string): string {
    return this.#known.get(name)?.text ?? "";
  }

  /** `retry[].errors` of an interface, or of those that it extends. */
  member(name: string, path: string): Member | undefined {
    const [first = "", ...rest] = path.split(".");
    const found = this.#own(name, first.replace("[]", ""));
    if (found === undefined || rest.length === 0) return found;
    const within = found.type.match(/\w+/g)?.find((word) => this.#known.has(word));
    return within === undefined ? undefined : this.member(within, rest.join("."));
  }

  #own(name: string, member: string): Member | undefined {
    const known = this.#known.get(name);
    if (known === undefined) return undefined;
    return (
      known.members.get(member) ??
      known.parents.map((parent) => this.#own(parent, member)).find((found) => found !== undefined)
    );
  }
}

function sentence(comment = ""): string {
  return comment
    .replaceAll(/\s*\n\s*\*\s?/g, " ")
    .replaceAll(/ \([\w/-]+\.ts\)/g, "")
    .trim();
}
