/**
 * Class `powerdns`: zones and records of a PowerDNS server, by its API.
 *
 *     DNSZone    made there; its `account` says whose it is
 *     DNSRecord  a set of records; the account of its comment says whose it is
 *
 *  - A zone is removed only while nothing is in it that others made, as long as nobody says to (I9).
 */
import type { dnsRecord } from "../../kinds/dns-record.ts";
import { canonicalName, isRecordType } from "../../provider/dns-record-data.ts";
import {
  type CallContext,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { PowerDns, type PowerDnsSet, type PowerDnsZone, dotted } from "./powerdns-api.ts";
import { relativeName, valueProblems, wholeName, withSameValues } from "./records.ts";
import { type ZoneSpec, zoneIn, zoneOf } from "./zone.ts";

type RecordSpec = typeof dnsRecord.Spec;

export const CLASS = "powerdns";
/** What every zone has of its own. */
const OWN_TYPES: ReadonlySet<string> = new Set(["SOA", "NS"]);
/** Of a zone's account the server keeps 40 characters. */
const ACCOUNT = "tt-";

export function powerDnsZones(): Provider<ZoneSpec> {
  return {
    kind: "DNSZone",
    class: CLASS,
    features: ["a PowerDNS API"],
    capabilities: ["zones of a PowerDNS server, made and removed by its API", "adopts zones that are there"],
    observe: async ({ identity, spec }, context) => {
      const zone = await apiOf(spec, context).zone(spec.domain, APEX(spec));
      return zone !== undefined && isMine(zone, identity) ? zoneObservation(spec) : undefined;
    },
    ensure: async ({ identity, spec }, context) => {
      const api = apiOf(spec, context);
      const zone = await api.zone(spec.domain, APEX(spec));
      if (zone !== undefined && !isMine(zone, identity)) throw taken(api, spec, zone);
      if (zone === undefined)
        await api.createZone(spec.domain, accountOf(identity), spec.powerdns?.nameservers ?? []);
      return zoneObservation(spec);
    },
    list: async (context, where) => {
      const { powerdns } = where as Partial<ZoneSpec>;
      if (powerdns === undefined)
        throw new TerminalError({
          code: "WhereNeeded",
          message: "Zones of class powerdns are listed by server.",
          hint: "Say which: spec.powerdns with url and key.",
        });
      return (await serverOf(powerdns, context).zones()).map((zone) => foundZone(zone, powerdns));
    },
    adopt: async ({ identity, spec }, id, context) => {
      const api = apiOf(spec, context);
      const zone = await api.zone(spec.domain, APEX(spec));
      if (zone === undefined || canonicalName(id) !== canonicalName(spec.domain)) throw nothing(api, id);
      if (!isMine(zone, identity) && isTuttis(zone)) throw taken(api, spec, zone);
      await api.setAccount(spec.domain, accountOf(identity));
      return zoneObservation(spec);
    },
    release: async ({ identity, spec }, context) => {
      const api = apiOf(spec, context);
      const zone = await api.zone(spec.domain, APEX(spec));
      if (zone !== undefined && isMine(zone, identity)) await api.setAccount(spec.domain, "");
    },
    remove: async ({ identity, spec }, context) => {
      const api = apiOf(spec, context);
      const zone = await api.zone(spec.domain);
      if (zone === undefined || !isMine(zone, identity)) return [];
      if (context.keepData) {
        await api.setAccount(spec.domain, "");
        return [`the zone ${spec.domain} at ${api.url}`];
      }
      const others = (zone.rrsets ?? []).filter(({ type }) => !OWN_TYPES.has(type));
      if (others.length > 0) throw notEmpty(api, spec, others);
      await api.removeZone(spec.domain);
      return [];
    },
  };
}

/** Only what says that it is there, of zones of any size. */
const APEX = ({ domain }: ZoneSpec): { readonly name: string; readonly type: string } => ({
  name: domain,
  type: "SOA",
});

function zoneObservation({ powerdns }: ZoneSpec): Observation {
  return { ready: true, outputs: { server: powerdns?.url ?? "" } };
}

function foundZone({ name, account = "" }: PowerDnsZone, powerdns: NonNullable<ZoneSpec["powerdns"]>): Found {
  const domain = canonicalName(name);
  return {
    id: domain,
    name: domain.replaceAll(".", "-"),
    spec: { domain, powerdns },
    description: `zone ${domain}`,
    ...(account.startsWith(ACCOUNT)
      ? { owner: { kind: "DNSZone", namespace: "", name: domain, uid: account.slice(ACCOUNT.length) } }
      : {}),
  };
}

export function powerDnsRecords(): Provider<RecordSpec> {
  return {
    kind: "DNSRecord",
    class: CLASS,
    capabilities: ["records of a zone of class powerdns"],
    obstacles: ({ spec }) => Promise.resolve(valueProblems(spec)),
    observe: async (desired, context) => {
      const place = placeOf(desired, context);
      const set = place === undefined ? undefined : await setOf(place);
      return set !== undefined && ownerOf(set) === desired.identity.uid
        ? recordObservation(desired.spec, set)
        : undefined;
    },
    ensure: async (desired, context) => ensureRecord(desired, required(placeOf(desired, context), desired)),
    list: async (context, where) => {
      const { zone, name } = zoneIn(where, context);
      const all = (await apiOf(zone, context).zone(zone.domain))?.rrsets ?? [];
      return all.flatMap((set) => foundRecord(set, zone, name));
    },
    adopt: async (desired, id, context) => {
      const place = required(placeOf(desired, context), desired);
      const set = await setOf(place);
      if (set === undefined || id !== `${place.name}/${desired.spec.type}`) throw nothing(place.api, id);
      if ((ownerOf(set) ?? desired.identity.uid) !== desired.identity.uid) throw nameTaken(place);
      await place.api.change(place.zone.domain, {
        ...set,
        changetype: "REPLACE",
        comments: marked(desired.identity),
      });
      return recordObservation(desired.spec, set);
    },
    release: async ({ identity, ...desired }, context) => {
      const place = placeOf({ identity, ...desired }, context);
      const set = place === undefined ? undefined : await setOf(place);
      if (place === undefined || set === undefined || ownerOf(set) !== identity.uid) return;
      await place.api.change(place.zone.domain, { ...set, changetype: "REPLACE", comments: [] });
    },
    remove: async (desired, context) => {
      const place = placeOf(desired, context);
      const set = place === undefined ? undefined : await setOf(place);
      if (place === undefined || set === undefined || ownerOf(set) !== desired.identity.uid) return [];
      await place.api.change(place.zone.domain, { ...set, changetype: "DELETE", records: [], comments: [] });
      return [];
    },
  };
}

function foundRecord(set: PowerDnsSet, zone: ZoneSpec, zoneName: string): readonly Found[] {
  const [domain, whole] = [canonicalName(zone.domain), canonicalName(set.name)];
  if (!isRecordType(set.type) || (whole === domain && OWN_TYPES.has(set.type))) return [];
  const [name, values, uid] = [relativeName(whole, domain), valuesOf(set), ownerOf(set)];
  return [
    {
      id: `${whole}/${set.type}`,
      name: `${name}-${set.type}`,
      spec: { zone: zoneName, name, type: set.type, ttl: set.ttl, values },
      description: `${set.type} ${values.join(" ")}`,
      ...(uid === undefined ? {} : { owner: { kind: "DNSRecord", namespace: "", name: whole, uid } }),
    },
  ];
}

interface Place {
  readonly api: PowerDns;
  readonly zone: ZoneSpec;
  /** Whole. */
  readonly name: string;
  readonly type: RecordSpec["type"];
}

/** Undefined when its zone is gone, and all records with it. */
function placeOf({ identity, spec }: Desired<RecordSpec>, context: ProviderContext): Place | undefined {
  const zone = zoneOf(identity.namespace, spec.zone, context);
  if (zone === undefined) return undefined;
  return {
    api: apiOf(zone, context),
    zone,
    name: wholeName(spec.name, zone.domain),
    type: spec.type,
  };
}

function required(place: Place | undefined, { spec }: Desired<RecordSpec>): Place {
  if (place !== undefined) return place;
  throw new Error(`The zone '${spec.zone}' is not there yet.`);
}

async function setOf({ api, zone, name, type }: Place): Promise<PowerDnsSet | undefined> {
  const found = await api.zone(zone.domain, { name, type });
  // Servers before 4.6 do not know how to give only one.
  return found?.rrsets?.find((set) => set.type === type && canonicalName(set.name) === name);
}

async function ensureRecord({ identity, spec }: Desired<RecordSpec>, place: Place): Promise<Observation> {
  const { api, zone, name, type } = place;
  const set = await setOf(place);
  if (set !== undefined && ownerOf(set) !== identity.uid) throw nameTaken(place);
  const ttl = spec.ttl ?? zone.ttl;
  const isRight =
    set?.ttl === ttl &&
    withSameValues(spec, valuesOf(set)) === spec.values &&
    set.records.every((one) => !one.disabled);
  if (isRight) return recordObservation(spec, set);
  const records = spec.values.map((value) => ({ content: contentOf(type, value), disabled: false }));
  const wanted = { name, type, ttl, records };
  await api.change(zone.domain, { ...wanted, changetype: "REPLACE", comments: marked(identity) });
  return recordObservation(spec, wanted);
}

function recordObservation(spec: RecordSpec, set: PowerDnsSet): Observation {
  return {
    ready: true,
    outputs: { name: canonicalName(set.name) },
    actual: {
      values: withSameValues(spec, valuesOf(set)),
      ...(spec.ttl === undefined ? {} : { ttl: set.ttl }),
    },
  };
}

function marked({ uid }: Identity): NonNullable<PowerDnsSet["comments"]> {
  return [{ content: "made by tutti", account: uid }];
}

function ownerOf({ comments = [] }: PowerDnsSet): string | undefined {
  return comments.find(({ content }) => content === "made by tutti")?.account;
}

const NAMED: ReadonlySet<string> = new Set(["CNAME", "NS", "PTR", "MX", "SRV"]);

/** As PowerDNS writes it: whole names end with a dot, texts stand in quotes. */
function contentOf(type: RecordSpec["type"], value: string): string {
  if (type === "TXT") return texts(value);
  return NAMED.has(type) ? dotted(value.trim()) : value;
}

/** Strings of at most 255 bytes each (RFC 1035, 3.3). */
function texts(value: string): string {
  const bytes = Buffer.from(value);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += 255) parts.push(quoted(bytes.subarray(at, at + 255)));
  return parts.join(" ");
}

function quoted(bytes: Buffer): string {
  const escaped = Array.from(bytes, (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, "0")}` : String.fromCharCode(byte);
  });
  return `"${escaped.join("")}"`;
}

function valuesOf({ type, records }: PowerDnsSet): readonly string[] {
  return records
    .filter(({ disabled }) => !disabled)
    .map(({ content }) => (type === "TXT" ? unquoted(content) : content.replace(/\.$/, "")));
}

function unquoted(content: string): string {
  const bytes: number[] = [];
  for (const [, part = ""] of content.matchAll(/"((?:[^"\\]|\\\d{3}|\\.)*)"/g))
    for (const [one] of part.matchAll(/\\\d{3}|\\.|[^\\]/gs)) bytes.push(...byteOf(one));
  return Buffer.from(bytes).toString();
}

function byteOf(one: string): Iterable<number> {
  if (/^\\\d{3}$/.test(one)) return [Number(one.slice(1))];
  return Buffer.from(one.startsWith("\\") ? one.slice(1) : one);
}

function apiOf({ powerdns }: ZoneSpec, context: CallContext): PowerDns {
  if (powerdns !== undefined) return serverOf(powerdns, context);
  throw new TerminalError({
    code: "NoServer",
    path: "spec.powerdns",
    message: "A zone of class powerdns has to say at which server it is.",
    hint: "Give spec.powerdns with url and key.",
  });
}

function serverOf({ url, key, server }: NonNullable<ZoneSpec["powerdns"]>, context: CallContext): PowerDns {
  return new PowerDns({ url, key: String(context.keyring.openAll(key)).trim(), server }, context);
}

function accountOf({ uid }: Identity): string {
  return `${ACCOUNT}${uid}`;
}

function isMine({ account }: PowerDnsZone, identity: Identity): boolean {
  return account === accountOf(identity);
}

function isTuttis({ account = "" }: PowerDnsZone): boolean {
  return account.startsWith(ACCOUNT);
}

function taken({ url }: PowerDns, { domain }: ZoneSpec, zone: PowerDnsZone): TerminalError {
  return new TerminalError({
    code: "NameTaken",
    path: "spec.domain",
    message: `PowerDNS at ${url} has a zone ${domain} already, ${isTuttis(zone) ? "of another resource" : "which Tutti did not make"}.`,
    hint: isTuttis(zone)
      ? "Take another domain, or let go of it there first (tutti forget)."
      : `Adopt it (tutti import, with the id ${domain}), or remove it there.`,
  });
}

function nameTaken({ api, name, type }: Place): TerminalError {
  return new TerminalError({
    code: "NameTaken",
    path: "spec.name",
    message: `PowerDNS at ${api.url} has ${type} records of ${name} already, which are not this resource's.`,
    hint: `Adopt them (tutti import, with the id ${name}/${type}), or remove them there.`,
  });
}

function nothing({ url }: PowerDns, id: string): TerminalError {
  return new TerminalError({
    code: "NothingToAdopt",
    message: `PowerDNS at ${url} has nothing '${id.slice(0, 200)}' for this resource.`,
  });
}

function notEmpty({ url }: PowerDns, { domain }: ZoneSpec, others: readonly PowerDnsSet[]): TerminalError {
  const some = others.slice(0, 3).map(({ name, type }) => `${canonicalName(name)} (${type})`);
  return new TerminalError({
    code: "ZoneNotEmpty",
    message: `The zone ${domain} at ${url} has records that were not made with it: ${some.join(", ")}${others.length > 3 ? ` and ${others.length - 3} more` : ""}.`,
    hint: "Remove them there, or leave the zone where it is: tutti forget.",
  });
}
