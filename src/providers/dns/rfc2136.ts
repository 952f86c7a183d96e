/**
 * Class `rfc2136`: records of a zone that a server of others has, changed by its own protocol.
 *
 *     DNSZone    is there already: RFC 2136 makes no zones. Looked up, never made nor removed.
 *     DNSRecord  one update: the set of records, and beside it a TXT record that says whose it is
 *
 *  - Whose a set of records is stands with the server itself, at `_tutti-<type>-<name>`, so it is found without any record here
 *    (P2), and what others made is not touched (I9). Both are written in one update that requires what was seen before:
 *    two who write at the same time do not overwrite each other.
 */
import { createHash } from "node:crypto";
import type { dnsRecord } from "../../kinds/dns-record.ts";
import { canonicalName } from "../../provider/dns-record-data.ts";
import {
  type CallContext,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Provider,
  type LookingContext,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { ZoneChanges } from "./changes.ts";
import { relativeName, valueProblems, wholeName, withSameValues } from "./records.ts";
import { NameServer } from "./server.ts";
import type { TsigKey } from "./tsig.ts";
import type { Deed, Line, RecordSet } from "./wire.ts";
import { type ZoneSpec, zoneIn, zoneOf } from "./zone.ts";

type RecordSpec = typeof dnsRecord.Spec;

export const CLASS = "rfc2136";
const MARK = "tutti-owner=";
/** RFC 1035, 2.3.4. */
const MOST_IN_LABEL = 63;

export function rfc2136Zones(): Provider<ZoneSpec> {
  return {
    kind: "DNSZone",
    class: CLASS,
    features: ["dynamic updates"],
    capabilities: ["a zone of a server that takes updates (RFC 2136), signed with a key (TSIG)"],
    observe: async (desired, context) => {
      const server = serverOf(desired.spec, context);
      return (await server.hasZone(desired.spec.domain)) ? zoneObservation(desired.spec) : undefined;
    },
    ensure: async ({ spec }, context) => {
      const server = serverOf(spec, context);
      if (await server.hasZone(spec.domain)) return zoneObservation(spec);
      throw new TerminalError({
        code: "NoSuchZone",
        path: "spec.domain",
        message: `The name server ${server.name} does not have the zone ${spec.domain}.`,
        hint: "Make it there: updates change zones, but make none.",
      });
    },
    remove: () => Promise.resolve([]),
  };
}

function zoneObservation({ rfc2136: settings }: ZoneSpec): Observation {
  const { server = "", port = 53 } = settings ?? {};
  return { ready: true, outputs: { host: server, port, server: `${server}:${port}` } };
}

export function rfc2136Records(): Provider<RecordSpec> {
  const changes = new ZoneChanges();
  return {
    kind: "DNSRecord",
    class: CLASS,
    capabilities: ["records of a zone of class rfc2136"],
    obstacles: ({ spec }) => Promise.resolve(valueProblems(spec)),
    observe: async (desired, context) => {
      const place = placeOf(desired, context);
      return place === undefined ? undefined : observed(desired, place);
    },
    ensure: async (desired, context) => ensureRecord(desired, requiredPlace(desired, context)),
    watch: (desired, changed, context) => {
      const place = placeOf(desired, context);
      if (place === undefined) return;
      const { zone, name, mark } = place;
      const open = (signal: AbortSignal): NameServer => serverOf(zone, { ...context, signal });
      const sets = [`${name}/${desired.spec.type}`, `${mark}/TXT`];
      changes.watch({ key: JSON.stringify(zone), domain: zone.domain, open }, { sets, changed }, context);
    },
    list: async (context, where) => {
      const { zone, name } = zoneIn(where, context);
      return foundIn(await serverOf(zone, context).transfer(zone.domain), zone, name);
    },
    adopt: async (desired, id, context) => {
      const place = requiredPlace(desired, context);
      const there = await place.server.recordSet(place.name, desired.spec.type);
      if (there === undefined || id !== `${place.name}/${desired.spec.type}`)
        throw nothingThere(id, place, desired);
      await own(desired, place, there);
      return required(await observed(desired, place));
    },
    release: async (desired, context) => {
      const place = placeOf(desired, context);
      if (place !== undefined && (await ownerOf(place)) === desired.identity.uid)
        await place.server.change(place.zone.domain, {
          only: [mine(place, desired.identity)],
          deeds: [{ do: "remove", name: place.mark, type: "TXT" }],
        });
    },
    remove: async (desired, context) => {
      const place = placeOf(desired, context);
      if (place === undefined || (await ownerOf(place)) !== desired.identity.uid) return [];
      const { name, mark, server, zone } = place;
      await server.change(zone.domain, {
        only: [mine(place, desired.identity)],
        deeds: [
          { do: "remove", name, type: desired.spec.type },
          { do: "remove", name: mark, type: "TXT" },
        ],
      });
      return [];
    },
  };
}

/** What is there, but for the zone's own records and those that say whose others are. */
function foundIn(sets: readonly RecordSet[], zone: ZoneSpec, name: string): readonly Found[] {
  const domain = canonicalName(zone.domain);
  const byName = new Map(sets.map((set) => [`${set.name}/${set.type}`, set]));
  return sets
    .filter((set) => !set.name.startsWith("_tutti-") && !(set.name === domain && set.type === "NS"))
    .map(({ name: whole, type, ttl, values }) => {
      const relative = relativeName(whole, domain);
      const spec = { zone: name, name: relative, type, ttl, values };
      const owner = ownerIn(byName.get(`${markOf(whole, spec, zone)}/TXT`));
      const uid =
        owner === undefined ? {} : { owner: { kind: "DNSRecord", namespace: "", name: whole, uid: owner } };
      const description = `${type} ${values.join(" ")}`;
      return { id: `${whole}/${type}`, name: `${relative}-${type}`, spec, description, ...uid };
    });
}

interface Place {
  readonly server: NameServer;
  readonly zone: ZoneSpec;
  /** Whole names. */
  readonly name: string;
  readonly mark: string;
}

/** Undefined when its zone is gone, and all records with it. */
function placeOf({ identity, spec }: Desired<RecordSpec>, context: LookingContext): Place | undefined {
  const zone = zoneOf(identity.namespace, spec.zone, context);
  if (zone === undefined) return undefined;
  const name = wholeName(spec.name, zone.domain);
  return { server: serverOf(zone, context), zone, name, mark: markOf(name, spec, zone) };
}

/** Beside the name, not below it: what is below `*` or below a delegated name is not found. */
function markOf(name: string, { type }: Pick<RecordSpec, "type">, { domain }: ZoneSpec): string {
  const prefix = `_tutti-${type.toLowerCase()}`;
  if (name === canonicalName(domain)) return `${prefix}.${name}`;
  const [first = "", ...rest] = name.replace(/^\*/, "_any").split(".");
  const label = `${prefix}-${first}`;
  const short = createHash("sha256").update(first).digest("hex").slice(0, 32);
  return [label.length > MOST_IN_LABEL ? `${prefix}-${short}` : label, ...rest].join(".");
}

function requiredPlace(desired: Desired<RecordSpec>, context: ProviderContext): Place {
  const place = placeOf(desired, context);
  if (place !== undefined) return place;
  throw new Error(`The zone '${desired.spec.zone}' is not there yet.`);
}

async function observed(
  { identity, spec }: Desired<RecordSpec>,
  place: Place,
): Promise<Observation | undefined> {
  if ((await ownerOf(place)) !== identity.uid) return undefined;
  const there = await place.server.recordSet(place.name, spec.type);
  return there === undefined ? undefined : recordObservation(spec, there);
}

function recordObservation(spec: RecordSpec, there: RecordSet): Observation {
  return {
    ready: true,
    outputs: { name: there.name },
    actual: {
      values: withSameValues(spec, there.values),
      ...(spec.ttl === undefined ? {} : { ttl: there.ttl }),
    },
  };
}

async function ensureRecord(desired: Desired<RecordSpec>, place: Place): Promise<Observation> {
  const { identity, spec } = desired;
  const { server, zone, name } = place;
  const owner = await ownerOf(place);
  const there = await server.recordSet(name, spec.type);
  refuseOthers(owner, there, desired, place);
  const ttl = spec.ttl ?? zone.ttl;
  if (owner !== undefined && there?.ttl === ttl && isSame(spec, there)) return recordObservation(spec, there);
  const set: RecordSet = { name, type: spec.type, ttl, values: spec.values };
  const isDone = await server.change(zone.domain, {
    only: owner === undefined ? nobodys(place, spec) : [mine(place, identity)],
    deeds: [{ do: "remove", name, type: spec.type }, { do: "add", set }, marking(place, identity)],
  });
  if (!isDone) throw new Error(`The records of ${name} were changed by somebody else at the same time.`);
  const made = await server.recordSet(name, spec.type);
  if (made === undefined || !isSame(spec, made)) throw ignored(place, spec);
  return recordObservation(spec, made);
}

function refuseOthers(
  owner: string | undefined,
  there: RecordSet | undefined,
  { identity, spec }: Desired<RecordSpec>,
  place: Place,
): void {
  if (owner === undefined && there !== undefined) throw taken(place, spec);
  if (owner !== undefined && owner !== identity.uid) throw othersOwn(place, spec);
}

function isSame(spec: RecordSpec, there: RecordSet): boolean {
  return withSameValues(spec, there.values) === spec.values;
}

function nobodys({ name, mark }: Place, { type }: RecordSpec): readonly Line[] {
  return [
    { is: "absent", name, type },
    { is: "absent", name: mark, type: "TXT" },
  ];
}

async function own({ identity, spec }: Desired<RecordSpec>, place: Place, there: RecordSet): Promise<void> {
  const owner = await ownerOf(place);
  if (owner === identity.uid) return;
  if (owner !== undefined) throw othersOwn(place, spec);
  const { name, type, values } = there;
  const isDone = await place.server.change(place.zone.domain, {
    only: [
      { is: "exactly", set: { name, type, values } },
      { is: "absent", name: place.mark, type: "TXT" },
    ],
    deeds: [marking(place, identity)],
  });
  if (!isDone) throw new Error(`The records of ${name} were changed by somebody else at the same time.`);
}

async function ownerOf({ server, mark }: Place): Promise<string | undefined> {
  return ownerIn(await server.recordSet(mark, "TXT"));
}

function ownerIn(marks: RecordSet | undefined): string | undefined {
  return marks?.values.find((value) => value.startsWith(MARK))?.slice(MARK.length);
}

function mine({ mark }: Place, { uid }: Identity): Line {
  return { is: "exactly", set: { name: mark, type: "TXT", values: [`${MARK}${uid}`] } };
}

function marking({ mark, zone }: Place, { uid }: Identity): Deed {
  return { do: "add", set: { name: mark, type: "TXT", ttl: zone.ttl, values: [`${MARK}${uid}`] } };
}

function required(observation: Observation | undefined): Observation {
  if (observation === undefined) throw new Error("The records went while they were adopted.");
  return observation;
}

function taken({ name, server }: Place, { type }: RecordSpec): TerminalError {
  return new TerminalError({
    code: "NameTaken",
    path: "spec.name",
    message: `The name server ${server.name} has ${type} records of ${name} already, which Tutti did not make.`,
    hint: `Adopt them (tutti import, with the id ${name}/${type}), or remove them there.`,
  });
}

function othersOwn({ name, server }: Place, { type }: RecordSpec): TerminalError {
  return new TerminalError({
    code: "NameTaken",
    path: "spec.name",
    message: `The ${type} records of ${name} at the name server ${server.name} belong to another resource.`,
    hint: "Take another name, or let go of them there first (tutti forget).",
  });
}

function nothingThere(id: string, { name, server }: Place, { spec }: Desired<RecordSpec>): TerminalError {
  return new TerminalError({
    code: "NothingToAdopt",
    message: `The name server ${server.name} has no records '${id.slice(0, 200)}' for this resource.`,
    hint: `Of this declaration it would be ${name}/${spec.type}.`,
  });
}

/** RFC 2136, 3.4.2.2: what does not fit beside what is there is passed over without a word. */
function ignored({ name, server }: Place, { type }: RecordSpec): TerminalError {
  return new TerminalError({
    code: "UpdateIgnored",
    path: "spec.type",
    message: `The name server ${server.name} took the update, but has no such ${type} records of ${name} now.`,
    hint: "A CNAME cannot stand beside other records of the same name.",
  });
}

function serverOf({ rfc2136: settings }: ZoneSpec, context: CallContext): NameServer {
  if (settings === undefined)
    throw new TerminalError({
      code: "NoServer",
      path: "spec.rfc2136",
      message: "A zone of class rfc2136 has to say which server has it.",
      hint: "Give spec.rfc2136.server.",
    });
  const key = settings.key === undefined ? undefined : keyOf(settings.key, context);
  return new NameServer(
    { host: settings.server, port: settings.port, ...(key === undefined ? {} : { key }) },
    context,
  );
}

function keyOf(
  { name, algorithm, secret }: NonNullable<NonNullable<ZoneSpec["rfc2136"]>["key"]>,
  { keyring }: CallContext,
): TsigKey {
  const text = String(keyring.openAll(secret)).trim();
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return { name, algorithm, secret: Buffer.from(text, "base64") };
  throw new TerminalError({
    code: "NoKey",
    path: "spec.rfc2136.key.secret",
    message: "The key is not written in base64.",
    hint: "Put into the Secret what the server has for the key (tsig-keygen prints it).",
  });
}
