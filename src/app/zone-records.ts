/** Records are made where their zone is: what a DNSRecord of class `zone` is asked goes to the provider of its zone's class. */
import type { dnsRecord } from "../kinds/dns-record.ts";
import type { Resource } from "../model/resource.ts";
import type { LocalProviders } from "../providers/local/index.ts";
import { dnsProviders } from "../providers/dns/index.ts";
import type { Placement } from "../provider/placement.ts";
import {
  type Desired,
  type Provider,
  type LookingContext,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../provider/provider.ts";

type RecordSpec = typeof dnsRecord.Spec;

/** This machine's own, with those at servers of others: they are reached from here, whatever the Location. */
export function withNames(local: LocalProviders): LocalProviders {
  const isName = ({ kind }: Provider): boolean => kind === "DNSZone" || kind === "DNSRecord";
  const names = [...local.providers.filter(isName), ...dnsProviders()];
  const others = local.providers.filter((one) => !isName(one));
  return { ...local, providers: [...others, recordsByZone(names), ...names] };
}

/** First for `auto`; the others stay there for who names them. */
function recordsByZone(providers: readonly Provider[]): Provider {
  const classes = providers.filter(({ kind }) => kind === "DNSRecord");
  const byClass = new Map(classes.map((provider) => [provider.class, provider]));
  const found = ({ identity, spec }: Desired, { lookUp }: LookingContext): Provider | undefined => {
    const { zone } = spec as RecordSpec;
    return byClass.get(classOfZone(identity.namespace, zone, { lookUp }) ?? "");
  };
  const required = (desired: Desired, context: ProviderContext): Provider => {
    const provider = found(desired, context);
    if (provider !== undefined) return provider;
    throw new RequeueAfter(1_000, `The zone '${(desired.spec as RecordSpec).zone}' is not there yet.`);
  };
  return {
    kind: "DNSRecord",
    class: "zone",
    capabilities: ["records at the server that has their zone"],
    observe: (desired, context) =>
      found(desired, context)?.observe(desired, context) ?? Promise.resolve(undefined),
    ensure: async (desired, context) => required(desired, context).ensure(desired, context),
    obstacles: async (prospect, context) => {
      // Whether a value can be one of its type is the same everywhere.
      const any = classes.find((one) => "obstacles" in one);
      return (await any?.obstacles?.(prospect, context)) ?? [];
    },
    list: async (context, where) => {
      const { zone = "", namespace = "default" } = where as Readonly<Record<string, string | undefined>>;
      const provider = byClass.get(classOfZone(namespace, zone, context) ?? "");
      return (await provider?.list?.(context, where)) ?? [];
    },
    watch: (desired, changed, context) => found(desired, context)?.watch?.(desired, changed, context),
    adopt: async (desired, id, context) => {
      const provider = required(desired, context);
      if (provider.adopt !== undefined) return provider.adopt(desired, id, context);
      throw new TerminalError({
        code: "NotAdoptable",
        message: `Records of a zone of class ${provider.class} are only made by declaring them.`,
        hint: "Declare it without adopting.",
      });
    },
    release: async (desired, context) => found(desired, context)?.release?.(desired, context),
    remove: async (desired, context) => (await found(desired, context)?.remove(desired, context)) ?? [],
  };
}

/** Undefined when there is no such zone, or it has not been made. */
function classOfZone(
  namespace: string,
  name: string,
  { lookUp }: { readonly lookUp?: ProviderContext["lookUp"] | undefined },
): string | undefined {
  const live = lookUp?.({ kind: "DNSZone", namespace, name }) as
    | Resource<unknown, { readonly made?: Placement } | undefined>
    | undefined;
  return live?.status?.made?.class;
}
