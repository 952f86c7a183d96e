/**
 * The other sort of drift: what is stored is not what the newest Revision holds, because somebody wrote it past the
 * declaration (`kubectl edit`, `tutti scale`). Pure. What an autoscaler writes, and what is ignored, is none.
 */
import { kindNamed } from "../kinds/registry.ts";
import { bodySchema } from "../kinds/schema.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { MASK } from "../model/masked.ts";
import type { Change } from "../store/store.ts";
import { diff } from "./diff.ts";
import { bodyOf, targetOf } from "./target.ts";

/** As people and programs are told of it. */
export interface FoundDrift {
  /** `volume/uploads`. */
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** The thing is not as it was made; or the stored declaration is not the one that was applied. */
  readonly of: "thing" | "declaration";
  /** Empty when it is gone. */
  readonly path: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly secret?: boolean;
  /** RFC 3339. */
  readonly since?: string;
  /** Who did it, where that is known, and what that was called. */
  readonly by?: string;
  readonly action?: string;
  readonly answer: "revert" | "report" | "tolerate";
  readonly until?: string;
  /** So often set back in vain. */
  readonly setBack?: number;
}

/** What keeps coming back, by class and attribute. */
export interface DriftNoise {
  readonly kind: string;
  readonly class: string;
  readonly path: string;
  /** Resources that have it. */
  readonly resources: number;
  /** So often it was set back in vain, all together. */
  readonly times: number;
  /** Some of them. */
  readonly examples: readonly string[];
}

export interface DeclaredDifference {
  readonly path: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly secret?: boolean;
}

export function declaredDrift(declared: Draft, live: Resource): readonly DeclaredDifference[] {
  const target = targetOf({ draft: declared, live, previous: undefined });
  return differences(target, live as Draft).map(({ path, before, after, secret }) => ({
    path,
    ...(before === undefined ? {} : { expected: secret === true ? MASK : before }),
    ...(after === undefined ? {} : { actual: secret === true ? MASK : after }),
    ...(secret === true ? { secret } : {}),
  }));
}

function differences(from: Draft, to: Draft): ReturnType<typeof diff> {
  const kind = kindNamed(to.kind);
  return diff(bodyOf(from), bodyOf(to), "", {
    schema: kind === undefined ? undefined : bodySchema(kind),
    name: to.metadata.name,
    secretKind: to.kind === "Secret",
  });
}

/** The change that brought this difference. `changes`: of the resource, newest first. */
export function broughtBy(path: string, changes: readonly Change[]): Change | undefined {
  return changes.find(({ previous, resource, type }) => {
    if (
      previous === undefined ||
      type !== "MODIFIED" ||
      previous.metadata.generation === resource.metadata.generation
    )
      return false;
    return differences(previous as Draft, resource as Draft).some(
      (one) => one.path === path || one.path.startsWith(`${path}.`) || path.startsWith(`${one.path}.`),
    );
  });
}

/** Who keeps things as they should be writes what he has to: that is no drift. */
export function isByMachine(actor: string): boolean {
  return /^(controller|run|workflow|schedule|agent|receiver|control-plane)(:|$)/.test(actor);
}
