/** What records of all servers have in common: names and values. */
import type { dnsRecord } from "../../kinds/dns-record.ts";
import { canonicalName, isRecordType, parseValue } from "../../provider/dns-record-data.ts";
import type { Obstacle } from "../../provider/provider.ts";
import { encodedValue } from "./wire.ts";

type RecordSpec = typeof dnsRecord.Spec;

/** Of a name within a zone; without the dot at the end. */
export function wholeName(name: string, domain: string): string {
  const zone = canonicalName(domain);
  return name === "@" || name === "" ? zone : `${canonicalName(name)}.${zone}`;
}

/** The other way round. */
export function relativeName(whole: string, domain: string): string {
  return whole === domain ? "@" : whole.slice(0, -domain.length - 1);
}

/** As they are declared where they mean the same: servers write names, addresses and quotes in their own ways. */
export function withSameValues(
  { type, values }: Pick<RecordSpec, "type" | "values">,
  there: readonly string[],
): readonly string[] {
  const meant = (all: readonly string[]): string =>
    all
      .map((value) => meaning(type, value))
      .toSorted()
      .join(" ");
  return meant(values) === meant(there) ? values : there;
}

function meaning(type: RecordSpec["type"], value: string): string {
  return "problem" in parseValue(type, value) ? value : encodedValue(type, value).toString("hex");
}

/** Before anything is made; what is still to be computed is judged by the server. */
export function valueProblems(spec: Readonly<Record<string, unknown>>): readonly Obstacle[] {
  const { type, values = [] } = spec as Partial<RecordSpec>;
  if (!isRecordType(type)) return [];
  return values.flatMap((value, index) => {
    const parsed = value.includes("${") ? undefined : parseValue(type, value);
    return parsed === undefined || !("problem" in parsed)
      ? []
      : [{ code: "InvalidValue", path: `spec.values[${index}]`, message: `The value ${parsed.problem}.` }];
  });
}
