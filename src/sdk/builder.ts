/**
 * What `tutti.ts` files call: the kinds' own builders with types that carry documentation, remembering where each call
 * stands so that a diagnostic can point at it.
 */
import { type Declared, Ref, manifestOf } from "../kinds/declaration.ts";
import type { Draft, DraftMetadata } from "../model/resource.ts";
import { rootName } from "../model/resource.ts";
import { callSite } from "../diagnostics/call-site.ts";

/** Labels and annotations of a resource, and the namespace where it is not the system's. */
export type ResourceMetadata = Omit<DraftMetadata, "name" | "finalizers" | "ownerReferences">;

/** Text with CEL in it: `${database.orders.status.url}`. */
export type Expression = `\${${string}}`;

/** A text, or what gives one. */
export type Text = string | Ref<string>;

/** A number, or what gives one. */
export type Numeric = number | Ref<number> | Expression;

/** True or false, or what gives it. */
export type Truth = boolean | Ref<boolean> | Expression;

/** One of some texts, or what gives it. */
export type OneOf<T extends string> = T | Ref<string> | Expression;

/** The name of a resource: as a text, or the declared resource itself. */
export type Name = string | Declared | Ref<string>;

export type Builder<Spec, Outputs> = (
  name: string,
  spec?: Spec,
  metadata?: ResourceMetadata,
) => Declared & Outputs;

/** Of a kind that cannot do without a spec. */
export type RequiredBuilder<Spec, Outputs> = (
  name: string,
  spec: Spec,
  metadata?: ResourceMetadata,
) => Declared & Outputs;

type KeysOf<Spec> = {
  [member in keyof Spec & ("data" | "stringData" | "binaryData" | "generate")]: keyof NonNullable<
    Spec[member]
  >;
}[keyof Spec & ("data" | "stringData" | "binaryData" | "generate")];

/** Of a kind that puts out the keys it is declared with. */
export type KeyedBuilder<Spec> = <const S extends Spec>(
  name: string,
  spec: S,
  metadata?: ResourceMetadata,
) => Declared & { readonly data: { readonly [key in KeysOf<S> & string]: Ref<string> } };

type AnyBuilder = (name: string, spec?: never, metadata?: never) => Declared;

const KEYED: ReadonlySet<string> = new Set(["ConfigMap", "Secret"]);
const declaredAt = new WeakMap<Declared, string>();

/** The text of the stack frame that declared it, or undefined where it was not declared by a builder. */
export function frameOf(declared: Declared): string | undefined {
  return declaredAt.get(declared);
}

/** `frame`: of the call that declared it. */
export function rememberedAt(declared: Declared, frame: string | undefined): void {
  if (frame !== undefined) declaredAt.set(declared, frame);
}

/** A builder that remembers its calls. */
export function remembering<B>(build: unknown): B {
  const remembered = (name: string, spec?: unknown, metadata?: unknown): Declared => {
    const made = (build as AnyBuilder)(name, spec as never, metadata as never);
    const declared = KEYED.has((build as { readonly kind?: string }).kind ?? "")
      ? withDataReferences(made)
      : made;
    rememberedAt(declared, callSite(remembered));
    return declared;
  };
  return remembered as B;
}

/** A ConfigMap and a Secret put out whatever keys they are declared with: `stripe.data.key`. */
function withDataReferences(declared: Declared): Declared {
  const draft = manifestOf(declared);
  const root = `${rootName(draft.kind)}.${draft.metadata.name}.data`;
  const data: Record<string, Ref<string>> = {};
  for (const key of dataKeys(draft)) {
    data[key] = new Ref<string>(
      /^[A-Za-z_]\w*$/.test(key) ? `${root}.${key}` : `${root}[${JSON.stringify(key)}]`,
    );
  }
  return Object.freeze(
    Object.assign(Object.create(null) as Declared, declared, { data: Object.freeze(data) }),
  );
}

function dataKeys(draft: Draft): readonly string[] {
  const body = draft as unknown as Readonly<Record<string, object | undefined>>;
  return ["data", "stringData", "binaryData", "generate"].flatMap((member) =>
    Object.keys(body[member] ?? {}),
  );
}

export { type Declared, Ref };
