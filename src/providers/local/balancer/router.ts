/**
 * Which route takes a request: pure, compiled once per configuration.
 *
 * Order of preference: exact host, then the longest wildcard host, then routes without a host; within each the
 * longest path prefix; then the order of declaration. A more specific host whose paths do not match gives way to
 * a less specific one, as in the Kubernetes Gateway API.
 */

/** What the router needs to know of a route. */
export interface Routable {
  readonly host?: string;
  readonly path?: string;
  readonly listeners?: readonly string[];
}

interface Entry<R> {
  readonly prefix: string;
  readonly listeners: ReadonlySet<string> | undefined;
  readonly route: R;
}

interface Wildcard<R> {
  readonly suffix: string;
  readonly entries: Entry<R>[];
}

/** A path prefix without its closing slash, so `/` is "" and matches everything. */
function trimmed(path: string | undefined): string {
  return (path ?? "").replace(/\/+$/, "");
}

function matchesPrefix(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || path.charCodeAt(prefix.length) === 47;
}

function find<R>(entries: readonly Entry<R>[] | undefined, listener: string, path: string): R | undefined {
  if (entries === undefined) return undefined;
  for (const entry of entries) {
    if (entry.listeners !== undefined && !entry.listeners.has(listener)) continue;
    if (matchesPrefix(path, entry.prefix)) return entry.route;
  }
  return undefined;
}

export class Router<R extends Routable> {
  readonly #exact = new Map<string, Entry<R>[]>();
  readonly #wildcards: Wildcard<R>[] = [];
  readonly #any: Entry<R>[] = [];

  constructor(routes: readonly R[]) {
    for (const route of routes) {
      const entry: Entry<R> = {
        prefix: trimmed(route.path),
        listeners: route.listeners === undefined ? undefined : new Set(route.listeners),
        route,
      };
      this.#entriesFor(route.host).push(entry);
    }
    // Sorting is stable: equal prefixes keep the order of declaration.
    const byLength = (a: Entry<R>, b: Entry<R>): number => b.prefix.length - a.prefix.length;
    for (const entries of this.#exact.values()) entries.sort(byLength);
    for (const wildcard of this.#wildcards) wildcard.entries.sort(byLength);
    this.#any.sort(byLength);
    this.#wildcards.sort((a, b) => b.suffix.length - a.suffix.length);
  }

  /**
   * The route for a request, or undefined.
   * `host` is lower-case without port; `path` is normalised (see `normalisedPath`) and without query.
   */
  match(listener: string, host: string, path: string): R | undefined {
    const exact = find(this.#exact.get(host), listener, path);
    if (exact !== undefined) return exact;
    for (const wildcard of this.#wildcards) {
      if (host.length <= wildcard.suffix.length || !host.endsWith(wildcard.suffix)) continue;
      const found = find(wildcard.entries, listener, path);
      if (found !== undefined) return found;
    }
    return find(this.#any, listener, path);
  }

  #entriesFor(host: string | undefined): Entry<R>[] {
    if (host === undefined) return this.#any;
    const name = host.toLowerCase();
    if (!name.startsWith("*.")) return getOrCreate(this.#exact, name);
    const suffix = name.slice(1);
    const known = this.#wildcards.find((one) => one.suffix === suffix);
    if (known !== undefined) return known.entries;
    const created: Wildcard<R> = { suffix, entries: [] };
    this.#wildcards.push(created);
    return created.entries;
  }
}

function getOrCreate<R>(map: Map<string, Entry<R>[]>, key: string): Entry<R>[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created: Entry<R>[] = [];
  map.set(key, created);
  return created;
}

const DOTS = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * The path with its dot segments removed (RFC 3986 §5.2.4, percent-encoded dots included), so that `/public/../admin`
 * is routed, and forwarded, as what the member would make of it. Paths without dot segments come back as they are.
 */
export function normalisedPath(path: string): string {
  if (!DOTS.test(path)) return path;
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  segments.forEach((segment, index) => {
    const plain = segment.replace(/%2e/gi, ".");
    const last = index === segments.length - 1;
    if (plain === "..") kept.pop();
    else if (plain !== ".") {
      kept.push(segment);
      return;
    }
    if (last) kept.push("");
  });
  return `/${kept.join("/")}`;
}
