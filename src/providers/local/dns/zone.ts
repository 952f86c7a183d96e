import type { Answer, SoaAnswer } from "dns-packet";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import type { DnsConfig, RecordConfig, ZoneConfig } from "./config.ts";
import {
  type RecordType,
  canonicalName,
  isName,
  isRecordType,
  parseValue,
  recordTypes,
} from "../../../provider/dns-record-data.ts";

/** Zones as the server answers from them: looked up by whole name, lower case, without the last dot. */
export type RecordSets = ReadonlyMap<RecordType, readonly Answer[]>;

export interface Zone {
  readonly name: string;
  readonly soa: SoaAnswer;
  /** Every name that exists: those with records, and those only on the way to them (empty non-terminals, RFC 4592). */
  readonly nodes: ReadonlyMap<string, RecordSets>;
  readonly records: number;
}

export type Zones = ReadonlyMap<string, Zone>;

const defaultTtl = 60;
const longestTtl = 2 ** 31 - 1;

/**
 * @param serials the serial of each zone whose configuration has none
 * @throws DiagnosticError with every problem of the whole configuration
 */
export function compileZones(config: DnsConfig, serials: ReadonlyMap<string, number>): Zones {
  const problems: Diagnostic[] = [];
  const zones = new Map<string, Zone>();
  for (const [index, zone] of config.zones.entries()) {
    const report = (path: string, code: string, message: string, hint?: string): void => {
      problems.push({
        severity: "error",
        code,
        path: `zones[${index}]${path}`,
        message,
        ...(hint === undefined ? {} : { hint }),
      });
    };
    const name = canonicalName(zone.name);
    if (!isName(name) || name.startsWith("*"))
      report(".name", "ZoneNameInvalid", `'${zone.name}' cannot be the name of a zone.`);
    else if (zones.has(name))
      report(".name", "ZoneDuplicate", `The zone ${name} is there twice.`, "Merge the two.");
    else zones.set(name, compileZone(name, zone, serials.get(name) ?? 1, report));
  }
  if (problems.length > 0) throw new DiagnosticError(problems);
  return zones;
}

type Report = (path: string, code: string, message: string, hint?: string) => void;

function compileZone(name: string, zone: ZoneConfig, serial: number, report: Report): Zone {
  const nodes = new Map<string, Map<RecordType, Answer[]>>([[name, new Map()]]);
  let records = 0;
  for (const [index, record] of zone.records.entries()) {
    const owner = ownerName(record.name, name);
    const inRecord: Report = (path, ...rest) => report(`.records[${index}]${path}`, ...rest);
    if (!isName(owner) || !isWithin(owner, name)) {
      inRecord(
        ".name",
        "RecordNameInvalid",
        `'${record.name}' is no name within ${name}.`,
        "Use @ for the zone itself, or a name relative to it.",
      );
      continue;
    }
    const answers = compileRecord(owner, record, inRecord);
    if (answers.length === 0) continue;
    records += answers.length;
    const node = nodeAt(nodes, owner, name);
    node.set(record.type, [...(node.get(record.type) ?? []), ...answers]);
  }
  for (const [owner, sets] of nodes) refuseCnameBesideOthers(owner, sets, report);
  const soa = compileSoa(name, zone, serial, report);
  const apex = nodes.get(name)!;
  if (!apex.has("NS"))
    apex.set("NS", [{ type: "NS", name, ttl: soa.ttl!, class: "IN", data: soa.data.mname }]);
  return { name, soa, nodes, records };
}

function compileRecord(owner: string, record: RecordConfig, report: Report): Answer[] {
  if (!isRecordType(record.type)) {
    report(
      ".type",
      "RecordTypeUnknown",
      `'${String(record.type)}' is no record type known here.`,
      didYouMean(String(record.type), recordTypes) ?? `Known are ${recordTypes.join(", ")}.`,
    );
    return [];
  }
  const ttl = record.ttl ?? defaultTtl;
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > longestTtl)
    report(".ttl", "RecordTtlInvalid", `${ttl} is no time to live in seconds.`);
  if (record.values.length === 0) report(".values", "RecordValuesEmpty", "The record has no value.");
  return record.values.flatMap((value, index): Answer[] => {
    const parsed = parseValue(record.type, value);
    if ("data" in parsed)
      return [{ type: record.type, name: owner, class: "IN", ttl, data: parsed.data } as Answer];
    report(
      `.values[${index}]`,
      "RecordValueInvalid",
      `For a record of type ${record.type}, ${parsed.problem}.`,
    );
    return [];
  });
}

function compileSoa(name: string, zone: ZoneConfig, serial: number, report: Report): SoaAnswer {
  const { mname = `ns1.${name}`, rname = `hostmaster.${name}`, ...numbers } = zone.soa ?? {};
  for (const [field, value] of Object.entries({ mname, rname })) {
    if (!isName(value.replace("@", ".")))
      report(`.soa.${field}`, "SoaNameInvalid", `'${value}' is no domain name.`);
  }
  for (const [field, value] of Object.entries(numbers)) {
    if (!Number.isInteger(value) || value < 0 || value > 2 ** 32 - 1)
      report(`.soa.${field}`, "SoaNumberInvalid", `${String(value)} is no number of 32 bits.`);
  }
  const minimum = numbers.minimum ?? 30;
  const data = {
    mname: canonicalName(mname),
    rname: canonicalName(rname.replace("@", ".")),
    serial,
    refresh: 3600,
    retry: 600,
    expire: 604_800,
    ...numbers,
    minimum,
  };
  return { type: "SOA", name, class: "IN", ttl: 3600, data };
}

function refuseCnameBesideOthers(
  owner: string,
  sets: ReadonlyMap<RecordType, readonly Answer[]>,
  report: Report,
): void {
  const cnames = sets.get("CNAME")?.length ?? 0;
  if (cnames > 1)
    report(
      "",
      "CnameMultiple",
      `${owner} has ${cnames} CNAME values; one is allowed.`,
      "Use A records for several addresses.",
    );
  if (cnames > 0 && sets.size > 1)
    report(
      "",
      "CnameBesideOthers",
      `${owner} has a CNAME beside other records, which RFC 1034 forbids.`,
      "Remove one of them.",
    );
}

/** The node of a name, made together with the nodes on the way to it. */
function nodeAt(
  nodes: Map<string, Map<RecordType, Answer[]>>,
  owner: string,
  apex: string,
): Map<RecordType, Answer[]> {
  for (let name = owner; name !== apex; name = parentName(name)) {
    if (!nodes.has(name)) nodes.set(name, new Map());
  }
  return nodes.get(owner)!;
}

function ownerName(name: string, zone: string): string {
  if (name === "@" || name === "") return zone;
  const plain = canonicalName(name);
  return name.endsWith(".") || isWithin(plain, zone) ? plain : `${plain}.${zone}`;
}

export function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

export function parentName(name: string): string {
  const dot = name.indexOf(".");
  return dot === -1 ? "" : name.slice(dot + 1);
}
