import { isIPv4, isIPv6 } from "node:net";
import type { Answer } from "dns-packet";

export type RecordType = "A" | "AAAA" | "CNAME" | "TXT" | "SRV" | "MX" | "NS" | "PTR" | "CAA";

/** Turns the text of one value into what dns-packet encodes. */
export type RecordData =
  | { readonly data: Answer extends infer A ? (A extends { data: infer D } ? D : never) : never }
  | { readonly problem: string };

type Parser = (value: string) => RecordData;

const parsers: Readonly<Record<RecordType, Parser>> = {
  A: (value) => (isIPv4(value) ? { data: value } : { problem: `'${value}' is no IPv4 address` }),
  AAAA: (value) =>
    isIPv6(value) && !value.includes("%") ? { data: value } : { problem: `'${value}' is no IPv6 address` },
  CNAME: nameData,
  NS: nameData,
  PTR: nameData,
  TXT: (value) => ({ data: textParts(value) }),
  MX: (value) => {
    const [preference, exchange, ...rest] = value.trim().split(/\s+/);
    if (rest.length > 0 || !isWord(preference) || exchange === undefined || !isName(exchange))
      return { problem: `'${value}' is not of the form '10 mail.example.com'` };
    return { data: { preference: Number(preference), exchange: canonicalName(exchange) } };
  },
  SRV: (value) => {
    const [priority, weight, port, target, ...rest] = value.trim().split(/\s+/);
    if (
      rest.length > 0 ||
      ![priority, weight, port].every(isWord) ||
      target === undefined ||
      !isName(target)
    ) {
      return { problem: `'${value}' is not of the form '0 5 5432 db.example.com'` };
    }
    return {
      data: {
        priority: Number(priority),
        weight: Number(weight),
        port: Number(port),
        target: canonicalName(target),
      },
    };
  },
  CAA: (value) => {
    const match = /^\s*(\d{1,3})\s+(issue|issuewild|iodef)\s+(?:"([^"]*)"|(\S+))\s*$/.exec(value);
    if (match === null || Number(match[1]) > 255)
      return { problem: `'${value}' is not of the form '0 issue "ca.example"'` };
    return {
      data: {
        flags: Number(match[1]),
        tag: match[2] as "issue" | "issuewild" | "iodef",
        value: match[3] ?? match[4]!,
      },
    };
  },
};

export function isRecordType(type: unknown): type is RecordType {
  return typeof type === "string" && Object.hasOwn(parsers, type);
}

export const recordTypes = Object.keys(parsers) as readonly RecordType[];

export function parseValue(type: RecordType, value: string): RecordData {
  return parsers[type](value);
}

/** Lower case, without the dot at the end: the form in which names are compared and kept. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Letters, digits, hyphens and underscores in labels of at most 63, 253 in all; a leading `*` label is allowed. */
export function isName(name: string): boolean {
  const plain = canonicalName(name);
  return (
    plain.length <= 253 &&
    plain
      .split(".")
      .every(
        (label, index) =>
          /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label) || (index === 0 && label === "*"),
      )
  );
}

function nameData(value: string): RecordData {
  return isName(value) ? { data: canonicalName(value) } : { problem: `'${value}' is no domain name` };
}

function isWord(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** A TXT record holds strings of at most 255 bytes; readers join them. */
function textParts(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += 255) parts.push(bytes.subarray(at, at + 255));
  return parts;
}
