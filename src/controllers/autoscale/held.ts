/**
 * Whether somebody waits at a balancer for a service that has no instance. Every such service asks all the time, so a
 * balancer is asked once for all that ask together.
 */
import { type BalancerSpec, servicePoolsOf } from "../../controller/routes.ts";
import type { IndexView } from "../../controller/view.ts";
import { type Key, type Resource, keyOf, keyText } from "../../model/resource.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import type { TrafficProvider } from "../../provider/provider.ts";

type Balancer = Resource<BalancerSpec & Placement, { readonly made?: unknown } | undefined>;

export class Held {
  readonly #balancers: IndexView;
  readonly #providerOf: (spec: Placement) => TrafficProvider;
  /** Questions under way, by key text of the balancer. */
  readonly #asked = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(balancers: IndexView, providerOf: (spec: Placement) => TrafficProvider) {
    this.#balancers = balancers;
    this.#providerOf = providerOf;
  }

  /** False also where a balancer does not answer: then it holds nobody that could be served. */
  async isWanted(service: Key): Promise<boolean> {
    const answers = [...this.#balancers.all()].flatMap((one) => {
      const balancer = one as Balancer;
      if ((balancer.metadata.namespace ?? "default") !== service.namespace) return [];
      const pools = servicePoolsOf(balancer.spec).filter((pool) => pool.service === service.name);
      if (pools.length === 0) return [];
      return [this.#ask(balancer).then((held) => pools.some(({ pool }) => held.has(pool)))];
    });
    return (await Promise.all(answers)).includes(true);
  }

  #ask(balancer: Balancer): Promise<ReadonlySet<string>> {
    const text = keyText(keyOf(balancer));
    const before = this.#asked.get(text);
    if (before !== undefined) return before;
    const asking = this.#held(balancer).finally(() => this.#asked.delete(text));
    this.#asked.set(text, asking);
    return asking;
  }

  async #held(balancer: Balancer): Promise<ReadonlySet<string>> {
    const { name, namespace = "default", uid } = balancer.metadata;
    try {
      const provider = this.#providerOf(placed(balancer));
      return new Set(await provider.waiting({ kind: "LoadBalancer", namespace, name, uid }));
    } catch {
      // It is not there yet, or just starting: it is asked again in a moment.
      return new Set();
    }
  }
}
