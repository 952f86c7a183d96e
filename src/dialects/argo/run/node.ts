/** What came of a node: of one execution of a template, of a step that was skipped, of a loop. */
import type { Artifact } from "../manifest.ts";

export type Phase = "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted";

export interface Outputs {
  readonly parameters: ReadonlyMap<string, string>;
  readonly artifacts: ReadonlyMap<string, Artifact>;
  readonly result?: string | undefined;
  readonly exitCode?: string | undefined;
}

export const noOutputs: Outputs = { parameters: new Map(), artifacts: new Map() };

export interface Node {
  /** Unique in the run, as people know it: `build[0].compile(1:arm)`. */
  readonly name: string;
  readonly displayName: string;
  readonly template: string;
  readonly phase: Phase;
  readonly message: string;
  readonly outputs: Outputs;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Where a daemon is reached. */
  readonly ip?: string | undefined;
  /** It goes on in the background until what stands around it is over. */
  readonly isDaemon?: boolean;
  /** The template could not even be executed: what stands around it ends with an error of its own. */
  readonly isBroken?: boolean;
  /** Of a loop: its items; of a node with retries: its attempts. */
  readonly children?: readonly Node[];
}

export const isUnsuccessful = ({ phase }: Pick<Node, "phase">): boolean =>
  phase === "Failed" || phase === "Error";

/** Neither skipped nor omitted. */
export const isCompleted = ({ phase }: Pick<Node, "phase">): boolean =>
  phase === "Succeeded" || phase === "Failed" || phase === "Error";

/** What has no outputs and no history. */
export function blankNode(
  name: string,
  displayName: string,
  phase: Phase,
  message: string,
  now: number,
): Node {
  return {
    name,
    displayName,
    template: "",
    phase,
    message,
    outputs: noOutputs,
    startedAt: now,
    finishedAt: now,
  };
}
