/** Names at servers of others: by dynamic updates (RFC 2136), and by PowerDNS' API. */
import type { Provider } from "../../provider/provider.ts";
import { powerDnsRecords, powerDnsZones } from "./powerdns.ts";
import { rfc2136Records, rfc2136Zones } from "./rfc2136.ts";

export function dnsProviders(): readonly Provider[] {
  return [
    rfc2136Zones(),
    powerDnsZones(),
    rfc2136Records(),
    powerDnsRecords(),
  ] as unknown as readonly Provider[];
}
