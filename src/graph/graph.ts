/**
 * A directed graph over names: `add("api", ["db"])` says that api needs db first. Knows nothing of resources.
 * All orders are deterministic: ties are broken by insertion.
 */
export class Graph {
  readonly #needs = new Map<string, ReadonlySet<string>>();

  /** Adds a node and what it needs. Needed names become nodes of their own. Repeating adds to what is there. */
  add(node: string, needs: Iterable<string> = []): void {
    const edges = new Set(this.#needs.get(node));
    // Most nodes of most graphs need nothing.
    if (edges.size === 0) this.#needs.set(node, NONE);
    for (const need of needs) {
      if (!this.#needs.has(need)) this.#needs.set(need, NONE);
      edges.add(need);
    }
    if (edges.size > 0) this.#needs.set(node, edges);
  }

  has(node: string): boolean {
    return this.#needs.has(node);
  }

  get nodes(): readonly string[] {
    return [...this.#needs.keys()];
  }

  needs(node: string): readonly string[] {
    return [...(this.#needs.get(node) ?? [])];
  }

  /** The nodes that need `node`, directly. */
  dependents(node: string): readonly string[] {
    return this.nodes.filter((other) => this.#needs.get(other)?.has(node) === true);
  }

  /**
   * A cycle as a path whose last name repeats the first, or undefined. Depth-first search with three colours
   * (Cormen et al., Introduction to Algorithms, §22.3), without recursion so that long chains cannot overflow the stack.
   */
  cycle(): readonly string[] | undefined {
    const done = new Set<string>();
    for (const start of this.#needs.keys()) {
      const found = this.#cycleFrom(start, done);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * The nodes in layers: each needs only nodes of earlier layers, so all of one layer can be worked on at once
   * (Kahn's algorithm). Nodes on or behind a cycle are left out: ask `cycle()` first.
   */
  layers(): readonly (readonly string[])[] {
    const open = new Map([...this.#needs].map(([node, needs]) => [node, needs.size]));
    const dependents = new Map<string, string[]>();
    for (const [node, needs] of this.#needs) {
      for (const need of needs) {
        const list = dependents.get(need);
        if (list === undefined) dependents.set(need, [node]);
        else list.push(node);
      }
    }
    const layers: string[][] = [];
    let ready = [...open].filter(([, count]) => count === 0).map(([node]) => node);
    while (ready.length > 0) {
      layers.push(ready);
      ready = ready
        .flatMap((node) => dependents.get(node) ?? [])
        .filter((node) => {
          const left = (open.get(node) ?? 0) - 1;
          open.set(node, left);
          return left === 0;
        });
    }
    return layers;
  }

  /** One order in which everything comes after what it needs. */
  order(): readonly string[] {
    return this.layers().flat();
  }

  #edges(node: string): ReadonlySet<string> {
    return this.#needs.get(node) ?? NONE;
  }

  #cycleFrom(start: string, done: Set<string>): readonly string[] | undefined {
    if (done.has(start) || this.#edges(start).size === 0) return undefined;
    const path: string[] = [start];
    const onPath = new Set(path);
    const iterators = [this.#edges(start).values()];
    while (path.length > 0) {
      const step = iterators.at(-1)?.next();
      if (step === undefined || step.done === true) {
        const finished = path.pop() as string;
        onPath.delete(finished);
        done.add(finished);
        iterators.pop();
        continue;
      }
      if (onPath.has(step.value)) return [...path.slice(path.indexOf(step.value)), step.value];
      if (done.has(step.value)) continue;
      path.push(step.value);
      onPath.add(step.value);
      iterators.push(this.#edges(step.value).values());
    }
    return undefined;
  }
}

const NONE: ReadonlySet<string> = new Set();
