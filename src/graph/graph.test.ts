import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph } from "./graph.ts";

const graphOf = (edges: readonly (readonly [string, string])[]): Graph => {
  const graph = new Graph();
  for (const [node, need] of edges) graph.add(node, [need]);
  return graph;
};
const name = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
const edges = fc.array(fc.tuple(name, name), { maxLength: 25 });

describe("the order of a graph", () => {
  it("has everything after what it needs, and each node once, when there is no cycle", () => {
    fc.assert(
      fc.property(edges, (pairs) => {
        const graph = graphOf(pairs.filter(([node, need]) => node > need));
        const order = graph.order();
        expect(order.toSorted()).toEqual([...graph.nodes].toSorted());
        for (const node of graph.nodes)
          for (const need of graph.needs(node)) expect(order.indexOf(need)).toBeLessThan(order.indexOf(node));
      }),
    );
  });

  it("puts what does not wait for each other into one layer", () => {
    expect(
      graphOf([
        ["api", "db"],
        ["web", "api"],
        ["worker", "db"],
      ]).layers(),
    ).toEqual([["db"], ["api", "worker"], ["web"]]);
  });

  it("leaves out what is on a cycle or behind one", () => {
    expect(
      graphOf([
        ["a", "b"],
        ["b", "a"],
        ["c", "a"],
        ["d", "e"],
      ]).order(),
    ).toEqual(["e", "d"]);
  });
});

describe("a cycle", () => {
  it("is found exactly when the order misses a node, and is a true one", () => {
    fc.assert(
      fc.property(edges, (pairs) => {
        const graph = graphOf(pairs);
        const cycle = graph.cycle();
        expect(cycle === undefined).toBe(graph.order().length === graph.nodes.length);
        if (cycle === undefined) return;
        expect(cycle[0]).toBe(cycle.at(-1));
        expect(new Set(cycle).size).toBe(cycle.length - 1);
        for (const [index, node] of cycle.slice(0, -1).entries())
          expect(graph.needs(node)).toContain(cycle[index + 1]);
      }),
      { numRuns: 500 },
    );
  });

  it("may be a node that needs itself", () => {
    expect(graphOf([["a", "a"]]).cycle()).toEqual(["a", "a"]);
  });

  it("is looked for in chains of any length", () => {
    const graph = new Graph();
    for (let index = 0; index < 50_000; index += 1) graph.add(`n${index}`, [`n${index + 1}`]);
    expect(graph.cycle()).toBeUndefined();
    expect(graph.layers().length).toBe(50_001);
  });
});

it("needs and dependents are two views of the same edges", () => {
  fc.assert(
    fc.property(edges, (pairs) => {
      const graph = graphOf(pairs);
      for (const a of graph.nodes)
        for (const b of graph.nodes) expect(graph.needs(a).includes(b)).toBe(graph.dependents(b).includes(a));
    }),
    { numRuns: 50 },
  );
});
