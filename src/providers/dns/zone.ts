/** The zone of a record, as it was made. */
import type { dnsZone } from "../../kinds/dns-zone.ts";
import type { ProviderContext } from "../../provider/provider.ts";

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
