/** `each(...)`: a ResourceSet whose template is written with the builder of its kind. */
import { type Declared, Ref, manifestOf } from "../kinds/declaration.ts";
import type { ResourceMetadata } from "./builder.ts";
import { resourceSet } from "./specs.generated.ts";

/** What a member stands for. */
export interface Each {
  /** Its key: a name, an index, or that of a mapping. */
  readonly key: Ref<string>;
  /** What stands under the key: the item of a list, the value of a mapping. */
  readonly value: Ref<string>;
  /** A part of the value: `at<number>("size")`. */
  readonly at: <T = string>(path: string) => Ref<T>;
}

const EACH: Each = {
  key: new Ref("each.key"),
  value: new Ref("each.value"),
  at: (path) => new Ref(`each.value.${path}`),
};

type SpecOf<B> = B extends (name: string, spec: infer S, ...rest: never) => unknown ? NonNullable<S> : never;

/**
 * As many resources as `forEach` has members, called NAME-KEY: a number, a list of names, a mapping, or a reference to one, which
 * may become known only when what it refers to is ready.
 *
 * @example
 * each("worker", ["berlin", "paris"], service, ({ key }) => ({ command: "node worker.ts", env: { CITY: key } }));
 */
export function each<B extends (name: string, spec: never, metadata?: never) => Declared>(
  name: string,
  forEach: Parameters<typeof resourceSet>[1]["forEach"] | Ref<unknown>,
  builder: B,
  spec: (each: Each) => SpecOf<B>,
  metadata?: ResourceMetadata,
): ReturnType<typeof resourceSet> {
  const { kind, ...member } = manifestOf(builder("each", spec(EACH) as never));
  const { apiVersion: _apiVersion, metadata: _metadata, ...body } = member;
  const template = { kind, spec: "spec" in body ? body.spec : body };
  return resourceSet(name, { forEach: forEach as Ref<number>, template }, metadata);
}
