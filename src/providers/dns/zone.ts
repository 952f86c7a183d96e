/** The zone of a record, as it was made. */
import type { dnsZone } from "../../kinds/dns-zone.ts";
import { type ProviderContext, TerminalError } from "../../provider/provider.ts";

export type ZoneSpec = typeof dnsZone.Spec;

/** Undefined when there is no such zone, or it has not been made. */
export function zoneOf(
  namespace: string,
  name: string,
  { lookUp }: Pick<ProviderContext, "lookUp">,
): ZoneSpec | undefined {
  const zone = lookUp?.({ kind: "DNSZone", namespace, name });
  return (zone?.status as { readonly made?: ZoneSpec } | undefined)?.made;
}

/** The zone whose records are listed. Refuses with TerminalError when none is named, or it is not there. */
export function zoneIn(
  where: Readonly<Record<string, unknown>>,
  context: Pick<ProviderContext, "lookUp">,
): { readonly zone: ZoneSpec; readonly name: string } {
  const { zone: name, namespace = "default" } = where as Readonly<Record<string, string | undefined>>;
  const zone = name === undefined ? undefined : zoneOf(namespace, name, context);
  if (zone !== undefined && name !== undefined) return { zone, name };
  throw new TerminalError({
    code: "WhereNeeded",
    message:
      name === undefined
        ? "Records are listed by zone."
        : `There is no zone '${name.slice(0, 80)}' that has been made.`,
    hint: "Say which: --with zone=NAME, the name of a DNSZone.",
  });
}
