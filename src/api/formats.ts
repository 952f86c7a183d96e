/** Which representation a client wants: the resource itself, a table of it, or its metadata only. */
import type { IncomingMessage } from "node:http";
import type { AnyKind } from "../kinds/kind.ts";
import type { Resource } from "../model/resource.ts";
import { type Keyring, mayContainSealed } from "../model/sealed.ts";
import { masked, presented } from "./present.ts";
import { type IncludeObject, columnDefinitions, row } from "./table.ts";

export type Format = "object" | "table" | "metadata";

/** The first of the media types in Accept that is known; the resource itself when none is. */
export function wantedFormat(request: IncomingMessage): Format {
  for (const one of (request.headers.accept ?? "").split(",")) {
    if (!one.trim().startsWith("application/json")) continue;
    if (/;\s*as=Table\b/.test(one)) return "table";
    if (/;\s*as=PartialObjectMetadata(List)?\b/.test(one)) return "metadata";
    return "object";
  }
  return "object";
}

export interface FormatOptions {
  readonly format: Format;
  readonly keyring: Keyring;
  readonly now: number;
  readonly includeObject: IncludeObject;
}

export function formatOne(
  kind: AnyKind,
  resource: Resource,
  options: FormatOptions,
  withColumns = true,
): unknown {
  const shown = shownAs(resource, options);
  if (options.format === "metadata") return partial(shown);
  if (options.format === "object") return shown;
  const metadata = { resourceVersion: resource.metadata.resourceVersion };
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: withColumns ? columnDefinitions(kind) : null,
    rows: [row(kind, shown, options)],
  };
}

/** `formatOne` as JSON. Of most, which hold nothing sealed, the text tells so faster than looking at every value. */
export function textOfOne(
  kind: AnyKind,
  resource: Resource,
  options: FormatOptions,
  withColumns = true,
): string {
  if (options.format === "object" && resource.kind !== "Secret") {
    const text = JSON.stringify(resource);
    if (!mayContainSealed(text)) return text;
  }
  return JSON.stringify(formatOne(kind, resource, options, withColumns));
}

/** Tables and metadata are for looking at lists: nothing is opened for them, not even of a Secret. */
function shownAs(resource: Resource, { format, keyring }: FormatOptions): Resource {
  return format === "object" ? presented(resource, keyring) : (masked(resource) as Resource);
}

export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function formatList(
  kind: AnyKind,
  items: readonly Resource[],
  metadata: ListMetadata,
  options: FormatOptions,
): unknown {
  const shown = items.map((item) => shownAs(item, options));
  if (options.format === "metadata")
    return {
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: shown.map(partial),
    };
  if (options.format === "object")
    return { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata, items: shown };
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columnDefinitions(kind),
    rows: shown.map((item) => row(kind, item, options)),
  };
}

export function partial(resource: Resource): object {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: resource.metadata };
}
