const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since the Unix epoch of an RFC 3339 timestamp with upper-case T and Z, or undefined where it is none. */
export function parseTimestamp(text: string): number | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const day = Number(found[3]);
  const daysOfMonth = new Date(Date.UTC(Number(found[1]), Number(found[2]), 0)).getUTCDate();
  const at = Date.parse(text);
  return Number.isNaN(at) || day > daysOfMonth ? undefined : at;
}
