/**
 * What is there already and could be adopted: every provider of a Location is asked, in parallel and for a bounded time, and
 * what it answers becomes the declaration that the thing would have.
 *
 *   query --> providers that can list --list--> Found --checked, named, owner looked up--> Discovered
 *
 *  - Changes nothing. What cannot be listed, or does not answer, is said, and the rest is shown all the same.
 *  - A declaration validates as it stands. It holds no secret in the open: where to look is said by references.
 *  - What was adopted is kept when its declaration goes: nobody who tries this out loses what was there before.
 */
import { type Diagnostic, refuse } from "../diagnostics/diagnostic.ts";
import { kindNamed } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { validate } from "../kinds/validate.ts";
import { type Resolver, resolve, waitsText } from "../controller/resolve.ts";
import { hasExpression } from "../model/expression.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { pathText, strings } from "../model/walk.ts";
import { ADOPT } from "../provider/adoption.ts";
import type { Discovered, Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import { type Found, type LookingContext, type Provider, TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { type Reply, asked } from "./bounded.ts";
import type { Classes, Engines } from "./classes.ts";
import { withReferences } from "./discovered-services.ts";
import { Names } from "./names.ts";
import { type Taker, cannotList, takersOf } from "./takers.ts";

export interface DiscoveryParts {
  readonly classes: Pick<Classes, "enginesAt">;
  readonly store: Pick<Store, "get" | "list">;
  readonly resolver: Resolver;
  readonly context: Omit<LookingContext, "signal">;
}

/** Of these a live resource tells where else to look. */
const WHERE = ["engine", "server"] as const;

/** The parts of a spec that say where its thing is. */
export function whereOf(spec: Spec): Spec {
  return Object.fromEntries(
    WHERE.filter((name) => spec[name] !== undefined).map((name) => [name, spec[name]]),
  );
}

type Spec = Readonly<Record<string, unknown>>;

/** Rejects with DiagnosticError when the query itself is wrong. */
export async function discover(query: DiscoveryQuery, parts: DiscoveryParts): Promise<Discovery> {
  const takers = await takersAsked(query, parts);
  const providers = askedProviders(query, parts, takers.length > 0);
  const names = new Names(query.namespace, parts.store);
  const answers = await Promise.all(
    providers.flatMap((provider) =>
      placesOf(provider, query, parts).map((where) => listed(provider, where, query, parts)),
    ),
  );
  const all = [...answers, ...takers.map((taker) => ({ ...taker, where: query.where ?? {} }))];
  const problems = distinct(all.flatMap((answer) => answer.problems));
  const items = all.flatMap(({ provider, where, found }) =>
    found.flatMap((one) => {
      const item = discovered(one, { provider, where, query, names, parts });
      if ("severity" in item) problems.push(item);
      return "severity" in item ? [] : [item];
    }),
  );
  return { items: withReferences(items, query.namespace, parts.store), problems };
}

/** Who can be asked what is there; those of instances as well. */
type Lister = Pick<Provider, "kind" | "class" | "adopt" | "list">;

/** Nobody, unless something is named. */
async function takersAsked(
  { id, kind, where = {}, location, namespace, ...query }: DiscoveryQuery,
  { classes, context }: DiscoveryParts,
): Promise<readonly Taker[]> {
  if (id === undefined) return [];
  const { providers } = enginesAt(location, classes);
  return takersOf(providers, { id, kind, class: query.class, location, namespace, where }, context);
}

function askedProviders(
  query: DiscoveryQuery,
  { classes }: DiscoveryParts,
  mayBeNone: boolean,
): readonly Lister[] {
  const { providers, instances } = enginesAt(query.location, classes);
  const services = instances.map((one): Lister => {
    const list = one.list?.bind(one);
    return { kind: "Service", class: one.class, ...(list === undefined ? {} : { list }) };
  });
  const all: readonly Lister[] = [...providers, ...services];
  const able = all.filter(({ list }) => list !== undefined);
  const meant = able.filter(
    (one) =>
      (query.kind === undefined || one.kind === query.kind) &&
      (query.class === undefined || one.class === query.class),
  );
  if (meant.length > 0 || mayBeNone) return meant;
  return refuse(cannotList(query, all, able));
}

function enginesAt(location: string, classes: DiscoveryParts["classes"]): Engines {
  try {
    return classes.enginesAt(location);
  } catch (error) {
    if (error instanceof TerminalError) return refuse(error.diagnostic);
    throw error;
  }
}

/** What is said, or where the resources of this class that are there already look; nowhere in particular otherwise. */
function placesOf(provider: Lister, query: DiscoveryQuery, { store }: DiscoveryParts): readonly Spec[] {
  if (query.where !== undefined) return [query.where];
  const live = store
    .list({ kind: provider.kind, namespace: query.namespace })
    .items.map(({ spec }) => spec as Spec)
    .filter((spec) => spec["class"] === provider.class && spec["server"] !== undefined)
    .map(whereOf);
  const distinct = new Map(live.map((where) => [JSON.stringify(where), where]));
  return distinct.size === 0 ? [{}] : [...distinct.values()];
}

interface Listed {
  readonly provider: Lister;
  readonly where: Spec;
  readonly found: readonly Found[];
  readonly problems: readonly Diagnostic[];
}

export async function listed(
  provider: Lister,
  where: Spec,
  query: Pick<DiscoveryQuery, "location" | "namespace" | "kind" | "class" | "where">,
  parts: DiscoveryParts,
): Promise<Listed> {
  const nothing = { provider, where, found: [] };
  const resolved = resolvedPlace(provider, where, query, parts);
  if ("problem" in resolved) return { ...nothing, problems: [resolved.problem] };
  const reply = await asked({
    // Nobody asked for this class: it is named once, whatever kinds it has.
    whom: isClassAskedFor(query)
      ? `the class '${provider.class}' of ${provider.kind} at the location '${query.location}'`
      : `the class '${provider.class}'`,
    what: "what it has",
    ask: (signal) =>
      (provider.list as NonNullable<Provider["list"]>)({ ...parts.context, signal }, resolved.answer),
    isSound: (answer) => Array.isArray(answer) && answer.every(isFound),
    clock: parts.context.clock,
  });
  if ("answer" in reply) return { provider, where, found: reply.answer, problems: [] };
  // Nobody asked for this one in particular: that it needs to be told where to look is no problem.
  const isAskedFor = query.kind !== undefined || query.class !== undefined || query.where !== undefined;
  const { problem } = reply;
  if (problem.severity === "warning") return { ...nothing, problems: [problem] };
  return { ...nothing, problems: isAskedFor ? [problem] : [] };
}

function isClassAskedFor({ class: className, where, location }: Partial<DiscoveryQuery>): boolean {
  return className !== undefined || where !== undefined || location !== "local";
}

/** The same of several kinds of one class is said once. */
function distinct(problems: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(problems.map((one) => [JSON.stringify(one), one])).values()];
}

function isFound(value: unknown): boolean {
  const { id, name, spec, description } = (value ?? {}) as Partial<Record<keyof Found, unknown>>;
  return (
    typeof id === "string" &&
    typeof name === "string" &&
    typeof description === "string" &&
    typeof spec === "object" &&
    spec !== null
  );
}

function resolvedPlace(
  { kind }: Lister,
  where: Spec,
  { namespace }: Pick<DiscoveryQuery, "namespace">,
  { resolver }: DiscoveryParts,
): Reply<Spec> {
  refusePlainSecrets(kind, where);
  const asking = {
    apiVersion: versionOf(kind),
    kind,
    metadata: { name: "discovery", namespace },
    spec: where,
  };
  try {
    const { spec, waits } = resolve(asking as unknown as Resource, resolver);
    if (waits.length === 0) return { answer: spec as Spec };
    const message = waitsText(waits);
    return { problem: { severity: "error", code: "WaitingFor", path: "spec", message } };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { problem: { severity: "error", ...error.diagnostic } };
  }
}

function versionOf(kind: string): string {
  return kindNamed(kind)?.apiVersion ?? "tutti.dev/v1";
}

/** It would stand in the declaration. */
function refusePlainSecrets(kindName: string, where: Spec): void {
  const kind = kindNamed(kindName);
  const schema = kind === undefined ? {} : bodySchema(kind);
  for (const { text, path } of strings(where, ["spec"]))
    if (schemaAt(schema, path)?.secret === true && !hasExpression(text))
      refuse({
        code: "PlainSecret",
        path: pathText(path),
        message: "A secret is given as it is, and would stand in the declaration.",
        hint: "Put it into a Secret and refer to it: ${secret.NAME.KEY}.",
      });
}

interface Finding {
  readonly provider: Lister;
  readonly where: Spec;
  readonly query: DiscoveryQuery;
  readonly names: Names;
  readonly parts: DiscoveryParts;
}

function discovered(found: Found, finding: Finding): Discovered | Diagnostic {
  const { provider, where, query, names } = finding;
  const ownedBy = ownerOf(found, finding);
  const name = ownedBy === undefined ? names.next(provider.kind, found.name) : names.plain(found.name);
  // What cannot be taken as it is is made anew, and goes as what is made does.
  const isTaken = provider.adopt !== undefined;
  const declaration: Draft = {
    apiVersion: versionOf(provider.kind),
    kind: provider.kind,
    metadata: { name, ...(isTaken ? { annotations: { [ADOPT]: found.id } } : {}) },
    spec: {
      ...where,
      ...found.spec,
      class: provider.class,
      ...(query.location === "local" ? {} : { location: query.location }),
      ...(isTaken ? { lifecycle: { onDelete: "retain" } } : {}),
    },
  };
  const { resource, diagnostics } = validate(declaration);
  if (resource === undefined)
    return {
      severity: "warning",
      code: "NotDeclarable",
      address: addressOf({ kind: provider.kind, name, namespace: query.namespace }),
      message: `The ${provider.kind} '${found.id}' of class '${provider.class}' cannot be declared as it is: ${diagnostics[0]?.message ?? "its spec is not right"}`,
      hint: "Declare it by hand, with the annotation tutti.dev/adopt.",
    };
  return {
    kind: provider.kind,
    class: provider.class,
    id: found.id,
    isMadeAnew: !isTaken,
    description: found.description,
    ...(found.remarks === undefined ? {} : { remarks: found.remarks }),
    ...(ownedBy === undefined ? {} : { ownedBy }),
    declaration,
  };
}

/** By its mark, or by what resources have adopted. A mark of a resource that is gone says nothing. */
export function ownerOf(
  found: Found,
  { provider, where, parts: { store } }: Pick<Finding, "provider" | "where" | "parts">,
): string | undefined {
  if (found.ownedBy !== undefined) return found.ownedBy;
  const { owner } = found;
  if (owner !== undefined) {
    const there = store.get({ kind: owner.kind, namespace: owner.namespace, name: owner.name });
    if (there?.metadata.uid === owner.uid) return inWords(there);
  }
  // Where there are several places of one class, an id alone does not tell.
  if (Object.keys(where).length > 0) return undefined;
  const taker = store.list({ kind: provider.kind }).items.find((resource) => {
    const { adopt } = resource.spec as { readonly adopt?: string };
    const { adopted } = (resource.status ?? {}) as { readonly adopted?: string };
    return found.id === (adopted ?? adopt) && classOf(resource) === provider.class;
  });
  return taker === undefined ? undefined : inWords(taker);
}

function classOf({ spec, status }: Resource): string | undefined {
  const made = (status as { readonly made?: { readonly class?: string } } | undefined)?.made;
  return made?.class ?? (spec as { readonly class?: string }).class;
}

function inWords(resource: Resource): string {
  return `${addressOf(resource)} in ${resource.metadata.namespace ?? "default"}`;
}
