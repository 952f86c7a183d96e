/** The two sorts of bridges, of the kernel and of Open vSwitch, and what is done to either. */
import type { Bridge, Surroundings } from "./surroundings.ts";

export interface Wanted {
  readonly name: string;
  readonly mark: string;
  readonly tag?: number | undefined;
}

/** How one sort of bridge is made. Every step is idempotent. */
export interface BridgeSort {
  create(wanted: Wanted, around: Surroundings, signal: AbortSignal): Promise<void>;
  setMark(bridge: Bridge, mark: string | undefined, signal: AbortSignal): Promise<void>;
  setTag(bridge: Bridge, tag: number | undefined, around: Surroundings, signal: AbortSignal): Promise<void>;
  attach(
    bridge: Bridge,
    member: string,
    mark: string,
    around: Surroundings,
    signal: AbortSignal,
  ): Promise<void>;
  /** `bridge`: its name. */
  detach(bridge: string, member: string, around: Surroundings, signal: AbortSignal): Promise<void>;
  /** With nobody on it. */
  remove(bridge: Bridge, around: Surroundings, signal: AbortSignal): Promise<void>;
  /** What was made for bridges that others have taken away. */
  tidy(around: Surroundings, signal: AbortSignal): Promise<void>;
}
