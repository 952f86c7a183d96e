/** What everything of one run stands on. */
import type { Stage } from "../../../workflow/engine/program.ts";
import type { Ambience } from "../expression/expression.ts";
import type { Library } from "../library.ts";
import type { ArgoDefinition, Artifact, Manifest, Volume } from "../manifest.ts";
import { Substitution } from "../substitution.ts";
import { Scope, type Variables } from "../variables.ts";
import type { Work } from "../pods/work.ts";
import type { Node } from "./node.ts";
import { Places } from "./places.ts";
import { type Outcome, Turns } from "./turns.ts";

/** Why the nodes of a run are ended before their time. */
export type Ending = { readonly is: "Stop" | "Terminate" } | { readonly is: "deadline" };

export class Ground {
  readonly stage: Stage;
  readonly turns: Turns;
  readonly library: Library;
  readonly manifest: Manifest;
  readonly definition: ArgoDefinition;
  /** `workflow.*`. */
  readonly globals = new Scope();
  /** Global outputs. */
  readonly outputs = new Map<string, string>();
  readonly artifacts = new Map<string, Artifact>();
  readonly failures: Node[] = [];
  /** Of the workflow; what they are may depend on what steps gave. */
  volumes: readonly Volume[];
  /** Of pods, in the whole run. */
  readonly pods: Places;
  readonly #stop = new AbortController();
  /** Waits, locks and daemons that go on beside everything else; the run ends after them. */
  readonly #background = new Set<Promise<unknown>>();
  readonly #signal: AbortSignal;
  #ending: Ending | undefined;
  #seed: number;

  constructor(stage: Stage, definition: ArgoDefinition, library: Library) {
    this.stage = stage;
    this.turns = new Turns(stage);
    this.definition = definition;
    this.manifest = definition.manifest;
    this.library = library;
    this.volumes = library.spec.volumes ?? [];
    const most = Number(library.spec.parallelism ?? Infinity);
    this.pods = new Places(most > 0 ? most : Infinity);
    this.#signal = AbortSignal.any([this.#stop.signal, stage.signal]);
    this.#seed = seedOf(stage.run);
  }

  /** The run's name: what is after the slash of its id. */
  get name(): string {
    return this.stage.run.slice(this.stage.run.indexOf("/") + 1);
  }

  get namespace(): string {
    const slash = this.stage.run.indexOf("/");
    return slash < 0 ? "default" : this.stage.run.slice(0, slash);
  }

  get now(): number {
    return this.turns.now;
  }

  get ambience(): Ambience {
    return { now: new Date(this.now), random: () => this.#random() };
  }

  /** Undefined as long as the run goes on. A run that is cancelled is stopped. */
  get ending(): Ending | undefined {
    if (this.#ending === undefined && this.stage.signal.aborted) return { is: "Stop" };
    return this.#ending;
  }

  /** Nothing begins any more but exit handlers; what runs is ended. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.#stop.abort();
  }

  /** What exit handlers do goes on when the run is stopped. */
  signalOf(isExit: boolean): AbortSignal {
    return isExit ? NEVER : this.#signal;
  }

  substitution(variables: Variables): Substitution {
    return new Substitution(variables, this.ambience);
  }

  work(path: string, work: Work, isExit: boolean, signal = this.signalOf(isExit)): Promise<Outcome> {
    return this.turns.perform(path, { type: "run", command: [work.argo], input: work }, signal, isExit);
  }

  /** Goes on beside everything else. Its end is awaited by `rest`. */
  background(one: Promise<unknown>): void {
    this.#background.add(one);
    void one.finally(() => this.#background.delete(one)).catch(() => undefined);
  }

  async rest(): Promise<void> {
    await Promise.all(this.#background);
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0;
    return (this.#seed >>> 0) / 2 ** 32;
  }
}

const NEVER = new AbortController().signal;

/** FNV-1a, 32 bits. */
export function seedOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01_00_01_93);
  return hash >>> 0;
}
