/** What comes before what, among the resources of one plan. */
import { Graph } from "../graph/graph.ts";
import { type Edge, edgesOf } from "../kinds/edges.ts";
import { type Draft, addressOf } from "../model/resource.ts";

export interface Ordered {
  /** Each after what it refers to. */
  readonly addresses: readonly string[];
  /** The resources among the given ones that this one comes after, by address. */
  needs(address: string): readonly string[];
  dependents(address: string): readonly string[];
}

/**
 * The resources in layers, by name within a layer, so that the order does not depend on the order given. Weak references
 * (what must exist, but need not be ready) count for as long as no cycle comes of them.
 */
export function orderOf(resources: readonly Draft[]): Ordered {
  const edges = new Map(resources.map((resource) => [addressOf(resource), edgesOf(resource).edges]));
  const both = graphOf(edges, true);
  const graph = both.cycle() === undefined ? both : graphOf(edges, false);
  const dependents = new Map<string, string[]>();
  for (const node of graph.nodes) {
    for (const need of graph.needs(node)) {
      const list = dependents.get(need);
      if (list === undefined) dependents.set(need, [node]);
      else list.push(node);
    }
  }
  const ordered = graph.order();
  const reached = new Set(ordered);
  return {
    addresses: [...ordered, ...graph.nodes.filter((node) => !reached.has(node))],
    needs: (address) => graph.needs(address).toSorted(),
    dependents: (address) => dependents.get(address) ?? [],
  };
}

function graphOf(edges: ReadonlyMap<string, readonly Edge[]>, weak: boolean): Graph {
  const graph = new Graph();
  const addresses = [...edges.keys()].toSorted();
  for (const address of addresses) graph.add(address);
  for (const address of addresses) {
    const needs = (edges.get(address) ?? []).filter(
      (edge) => (weak || !edge.weak) && edge.to !== address && edges.has(edge.to),
    );
    graph.add(address, needs.map((edge) => edge.to).toSorted());
  }
  return graph;
}
