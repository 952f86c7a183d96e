/** What waits for a worker: a queue for each demand, so that what nobody offers holds up nothing else. */
import type { Member } from "./member.ts";
import type { Demand, Work } from "./work.ts";

interface Queue {
  readonly demand: Demand;
  readonly works: Work[];
  /** Those before it are gone: taking the first of a long list costs nothing. */
  first: number;
}

export class DemandQueues {
  readonly #queues = new Map<string, Queue>();

  add(work: Work): void {
    const { namespace, workflow, what, name, pool = "" } = work.demand;
    const key = `${namespace}/${workflow}/${what}/${name}/${pool}`;
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, { demand: work.demand, works: [work], first: 0 });
    else queue.works.push(work);
  }

  /** Gives the first of each queue in turn to whom `find` names, until nobody is named any more. */
  drain(find: (demand: Demand) => Member | undefined): void {
    for (const [key, queue] of this.#queues) {
      for (let work = firstOf(queue); work !== undefined; work = firstOf(queue)) {
        const member = find(queue.demand);
        if (member === undefined) break;
        queue.first++;
        member.begin(work);
      }
      if (firstOf(queue) === undefined) this.#queues.delete(key);
      else compact(queue);
    }
  }

  waiting(): readonly { readonly demand: Demand; readonly count: number }[] {
    return [...this.#queues.values()]
      .filter((queue) => firstOf(queue) !== undefined)
      .map(({ demand, works, first }) => ({ demand, count: works.length - first }));
  }
}

/** Skips what is over already: nobody waited for it any more. */
function firstOf(queue: Queue): Work | undefined {
  while (queue.works[queue.first]?.isOver === true) queue.first++;
  return queue.works[queue.first];
}

function compact(queue: Queue): void {
  if (queue.first < 1000 || queue.first < queue.works.length / 2) return;
  queue.works.splice(0, queue.first);
  queue.first = 0;
}
