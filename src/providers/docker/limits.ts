/** What of an instance's limits the engine enforces, as it says itself. */
import type { InstanceSpec } from "../../provider/provider.ts";
import type { Engine } from "./engine.ts";

interface EngineFacts {
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly InitBinary?: string;
}

export interface KnownLimits {
  /** It has a process that starts a program and buries what it leaves (`docker run --init`). */
  readonly hasInit: boolean;
  /** In words. */
  readonly enforced: (resources: InstanceSpec["run"]["resources"]) => readonly string[];
}

export class EngineLimits {
  readonly #engine: Engine;
  #known: Promise<KnownLimits> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Asked once of an engine that answers. */
  async known(signal: AbortSignal): Promise<KnownLimits> {
    const known = this.#known ?? this.#ask(signal);
    this.#known = known;
    known.catch(() => (this.#known = undefined));
    return known;
  }

  async #ask(signal: AbortSignal): Promise<KnownLimits> {
    const facts = (await this.#engine.call((docker) => docker.info() as Promise<unknown>, {
      signal,
    })) as EngineFacts;
    return {
      hasInit: (facts.InitBinary ?? "") !== "",
      enforced: ({ cpu, memory }) => [
        ...(memory === undefined ? [] : [inWords("memory", facts.MemoryLimit), ...swap(facts)]),
        ...(cpu === undefined ? [] : [inWords("cpu", facts.CpuCfsQuota)]),
      ],
    };
  }
}

function inWords(limit: string, isThere: boolean | undefined): string {
  return isThere === false
    ? `${limit} not enforced: the kernel of the engine's host cannot`
    : `${limit} enforced`;
}

function swap({ MemoryLimit, SwapLimit }: EngineFacts): readonly string[] {
  return MemoryLimit !== false && SwapLimit === false
    ? ["swap not enforced: the kernel of the engine's host cannot"]
    : [];
}
