/** What is there at a Location and could be adopted: what is asked, and what is answered. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";

export interface DiscoveryQuery {
  readonly location: string;
  /** Of the resources that it would become. */
  readonly namespace: string;
  /** All kinds when absent. */
  readonly kind?: string;
  /** All classes when absent. */
  readonly class?: string;
  /**
   * Parts of a spec that say where to look: `{"server": {...}}` of a Database. It may hold references; what is secret must be
   * one.
   */
  readonly where?: Readonly<Record<string, unknown>>;
  /** What somebody names, of `kind`: classes that can adopt but list nothing are asked whether they could take it. */
  readonly id?: string;
}

export interface Discovered {
  readonly kind: string;
  readonly class: string;
  /** What it is called where it is; by that it is adopted. */
  readonly id: string;
  /** It cannot be taken as it is: what is declared is made beside it. */
  readonly isMadeAnew: boolean;
  readonly description: string;
  /** To whom it belongs: "network/front in default", "another control plane". It cannot be adopted then. */
  readonly ownedBy?: string;
  /** The declaration that it would become, complete enough to be written into a file. */
  readonly declaration: Draft;
  /** What has to be known before it is taken, one sentence each: "Its containers are made anew." */
  readonly remarks?: readonly string[];
}

export interface Discovery {
  readonly items: readonly Discovered[];
  /** Who could not be asked, and what had to be left out. */
  readonly problems: readonly Diagnostic[];
}
