/** What a `.dockerignore` leaves out of a build (docs.docker.com/build/concepts/context, "Syntax"): the last match decides. */

interface Pattern {
  readonly isException: boolean;
  readonly matches: RegExp;
  /** What every match begins with. */
  readonly start: string;
}

export class Ignore {
  readonly #patterns: readonly Pattern[];

  /** `never`: paths that are sent whatever the text says, since the build itself needs them. */
  constructor(text: string, never: readonly string[] = []) {
    const written = text.split(/\r?\n/).flatMap((line) => {
      const rule = line.trim();
      if (rule === "" || line.startsWith("#")) return [];
      const isException = rule.startsWith("!");
      const path = clean(isException ? rule.slice(1).trim() : rule);
      return path === ""
        ? []
        : [{ isException, matches: expression(path), start: /^[^*?[\\]*/.exec(path)?.[0] ?? "" }];
    });
    const exceptions = never.map((path) => ({
      isException: true,
      matches: exactly(clean(path)),
      start: clean(path),
    }));
    this.#patterns = [...written, ...(written.length === 0 ? [] : exceptions)];
  }

  /** A path is left out with the folder it is in, unless an exception says otherwise. */
  matches(path: string): boolean {
    const parts = path.split("/");
    const withParents = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    let isIgnored = false;
    for (const { isException, matches } of this.#patterns)
      if (withParents.some((one) => matches.test(one))) isIgnored = !isException;
    return isIgnored;
  }

  /** Something below a folder that is left out may have to be sent. */
  mayExcept(folder: string): boolean {
    const below = `${folder}/`;
    return this.#patterns.some(
      ({ isException, start }) => isException && (start.startsWith(below) || below.startsWith(start)),
    );
  }
}

function clean(path: string): string {
  return path
    .replace(/^(\.?\/)+/, "")
    .replace(/\/+/g, "/")
    .replace(/\/$/, "");
}

function exactly(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}

/** Go's filepath.Match, with `**` for any number of folders. */
function expression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/?|\*|\?|\\.|\[[^\]]*\]|[.+^${}()|[\]\\]/g, (token) => {
    if (token === "**/") return "(?:.*/)?";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token.startsWith("[") && token.length > 1) return token;
    return token.length > 1 ? token : `\\${token}`;
  });
  return new RegExp(`^${source}$`);
}
