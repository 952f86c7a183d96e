/**
 * The tree of routes: which receivers an alert goes to, and how it is grouped there.
 *
 * An alert goes down the first child that matches, and to further children after one that says `continue`; where no
 * child matches, it stays at the route itself. Children inherit what they do not say, except time intervals.
 */
import type { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import type { RouteConfiguration } from "./configuration/configuration.ts";
import { formatMatchers, matchesAll } from "./matchers.ts";

export interface RouteOptions {
  readonly receiver: string;
  readonly groupBy: ReadonlySet<string> | "all";
  /** Milliseconds. */
  readonly groupWait: number;
  readonly groupInterval: number;
  readonly repeatInterval: number;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Templates. */
  readonly labels: Readonly<Record<string, string>>;
}

const DEFAULTS: RouteOptions = {
  receiver: "",
  groupBy: new Set(),
  groupWait: 30_000,
  groupInterval: 300_000,
  repeatInterval: 14_400_000,
  muteTimeIntervals: [],
  activeTimeIntervals: [],
  labels: {},
};

export class Route {
  readonly options: RouteOptions;
  /** The matchers on the way here, as Alertmanager writes them. Two routes may have the same. */
  readonly key: string;
  readonly #matchers: readonly Matcher[];
  readonly #continues: boolean;
  readonly #routes: readonly Route[];

  constructor(configuration: RouteConfiguration, parent?: Route) {
    this.options = inherited(configuration, parent?.options ?? DEFAULTS);
    this.#matchers = configuration.matchers;
    this.#continues = configuration.continues;
    const own = formatMatchers(configuration.matchers);
    this.key = parent === undefined ? own : `${parent.key}/${own}`;
    this.#routes = configuration.routes.map((child) => new Route(child, this));
  }

  /** Where an alert ends up; at the root at least once, elsewhere nowhere if it does not match. */
  match(labels: Labels): readonly Route[] {
    if (!matchesAll(this.#matchers, labels)) return [];
    const found: Route[] = [];
    for (const child of this.#routes) {
      const below = child.match(labels);
      found.push(...below);
      if (below.length > 0 && !child.#continues) break;
    }
    return found.length > 0 ? found : [this];
  }

  groupLabels(labels: Labels): Labels {
    const { groupBy } = this.options;
    return groupBy === "all" ? labels : labels.keep(groupBy);
  }
}

function inherited(own: RouteConfiguration, from: RouteOptions): RouteOptions {
  return {
    receiver: own.receiver ?? from.receiver,
    groupBy: own.groupBy === undefined ? from.groupBy : own.groupBy === "all" ? "all" : new Set(own.groupBy),
    groupWait: own.groupWait ?? from.groupWait,
    groupInterval: own.groupInterval ?? from.groupInterval,
    repeatInterval: own.repeatInterval ?? from.repeatInterval,
    muteTimeIntervals: own.muteTimeIntervals,
    activeTimeIntervals: own.activeTimeIntervals,
    labels: { ...from.labels, ...own.labels },
  };
}
