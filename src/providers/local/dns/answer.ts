import type { Answer } from "dns-packet";
import { type RecordType, canonicalName } from "../../../provider/dns-record-data.ts";
import { type RecordSets, type Zone, type Zones, isWithin, parentName } from "./zone.ts";

/**
 * The answer to one question, decided from the zones alone: the algorithm of RFC 1034 section 4.3.2 for a server that
 * only answers from its own zones, with wildcards as RFC 4592 reads them and negative answers as RFC 2308 does.
 */
export interface Reply {
  readonly code: "NOERROR" | "NXDOMAIN" | "REFUSED";
  readonly authoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Longer chains are loops or mistakes. */
const longestChain = 8;
const refused: Reply = {
  code: "REFUSED",
  authoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
};

/** @param turn a running number: where sets of several values begin, so that clients spread over them */
export function answerQuestion(zones: Zones, name: string, type: string, turn: number): Reply {
  const answers: Answer[] = [];
  let owner = name;
  for (let link = 0; ; link++) {
    const zone = zoneOf(zones, canonicalName(owner));
    // A chain that leaves our zones is answered as far as we know it.
    if (zone === undefined)
      return link === 0 ? refused : { ...refused, code: "NOERROR", authoritative: true, answers };
    const found = findNode(zone, canonicalName(owner));
    if (found.kind === "delegation") return referral(zones, found.records, answers);
    if (found.kind === "nothing") return negative("NXDOMAIN", zone, answers);
    const [cname] = found.sets.get("CNAME") ?? [];
    if (cname === undefined || type === "CNAME" || type === "ANY" || link === longestChain) {
      return finalReply(zones, zone, recordsOf(zone, found.sets, owner, type, turn), answers);
    }
    answers.push({ ...cname, name: owner } as Answer);
    owner = (cname as { data: string }).data;
    if (answers.some((answer) => answer.name === owner))
      return { ...refused, code: "NOERROR", authoritative: true, answers }; // a loop
  }
}

type FoundNode =
  | { readonly kind: "node"; readonly sets: RecordSets }
  | { readonly kind: "delegation"; readonly records: readonly Answer[] }
  | { readonly kind: "nothing" };

function findNode(zone: Zone, name: string): FoundNode {
  const delegated = delegationAbove(zone, name);
  if (delegated !== undefined) return { kind: "delegation", records: delegated };
  const exact = zone.nodes.get(name);
  if (exact !== undefined) return { kind: "node", sets: exact };
  let encloser = parentName(name);
  while (!zone.nodes.has(encloser)) encloser = parentName(encloser);
  const wildcard = zone.nodes.get(`*.${encloser}`);
  return wildcard === undefined ? { kind: "nothing" } : { kind: "node", sets: wildcard };
}

/** NS records below the zone's own name hand that part of it to other servers; the topmost cut counts. */
function delegationAbove(zone: Zone, name: string): readonly Answer[] | undefined {
  let cut: readonly Answer[] | undefined;
  for (let owner = name; owner !== zone.name; owner = parentName(owner))
    cut = zone.nodes.get(owner)?.get("NS") ?? cut;
  return cut;
}

function zoneOf(zones: Zones, name: string): Zone | undefined {
  for (let owner = name; ; owner = parentName(owner)) {
    const zone = zones.get(owner);
    if (zone !== undefined || owner === "") return zone;
  }
}

/** The records asked for, under the name that was asked, which for a wildcard is not the one they are kept under. */
function recordsOf(zone: Zone, sets: RecordSets, owner: string, type: string, turn: number): Answer[] {
  const own = type === "ANY" ? [...sets.values()].flat() : rotated(sets.get(type as RecordType) ?? [], turn);
  const atApex = canonicalName(owner) === zone.name && (type === "SOA" || type === "ANY");
  return [...(atApex ? [zone.soa] : []), ...own].map((record) => ({ ...record, name: owner }) as Answer);
}

function rotated(records: readonly Answer[], turn: number): readonly Answer[] {
  const start = records.length < 2 ? 0 : turn % records.length;
  return start === 0 ? records : [...records.slice(start), ...records.slice(0, start)];
}

function finalReply(zones: Zones, zone: Zone, records: readonly Answer[], chain: readonly Answer[]): Reply {
  if (records.length === 0) return negative("NOERROR", zone, chain);
  return {
    code: "NOERROR",
    authoritative: true,
    answers: [...chain, ...records],
    authorities: [],
    additionals: addressesOf(zones, records),
  };
}

/** Carries the zone's SOA with the time for which the denial may be kept (RFC 2308, section 3). */
function negative(code: "NOERROR" | "NXDOMAIN", zone: Zone, answers: readonly Answer[]): Reply {
  const ttl = Math.min(zone.soa.ttl ?? 0, zone.soa.data.minimum ?? 0);
  return { code, authoritative: true, answers, authorities: [{ ...zone.soa, ttl }], additionals: [] };
}

function referral(zones: Zones, servers: readonly Answer[], answers: readonly Answer[]): Reply {
  return {
    code: "NOERROR",
    authoritative: answers.length > 0,
    answers,
    authorities: servers,
    additionals: addressesOf(zones, servers),
  };
}

/** Addresses of the hosts that MX, SRV and NS records name, where we know them: it saves the client a question. */
function addressesOf(zones: Zones, records: readonly Answer[]): Answer[] {
  const hosts = new Set(records.flatMap((record) => hostOf(record) ?? []));
  return [...hosts].flatMap((host) => {
    const zone = zoneOf(zones, host);
    const sets = zone !== undefined && isWithin(host, zone.name) ? zone.nodes.get(host) : undefined;
    return [...(sets?.get("A") ?? []), ...(sets?.get("AAAA") ?? [])];
  });
}

function hostOf(record: Answer): string | undefined {
  if (record.type === "MX") return record.data.exchange;
  if (record.type === "SRV") return record.data.target;
  return record.type === "NS" ? record.data : undefined;
}
