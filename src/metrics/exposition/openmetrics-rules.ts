/**
 * What OpenMetrics 1.0 demands beyond the grammar: each family once and in one piece, metadata before samples, metrics and
 * their points not interleaved, names that do not clash, and of each type the samples, labels and values it has.
 *
 *     descriptor / sample of another name -> the family before is complete (checked), a new one begins
 *     sample -> its role (kept with the series) -> order within the family -> value -> histogram as a whole
 *
 * Source: github.com/prometheus/OpenMetrics, specification/OpenMetrics.md; where it is silent, the reference parser's
 * choices that its test cases show.
 */
import type { MetricType } from "../series.ts";
import { HistogramPoint } from "./histogram-point.ts";
import { type Place, refuseLine, shown } from "./limits.ts";
import type { Descriptor } from "./metadata-line.ts";
import {
  type Group,
  type Part,
  type Role,
  checkLabels,
  groupKey,
  namesOf,
  partOf,
} from "./openmetrics-role.ts";
import type { ExposedSeries } from "./series-cache.ts";

interface Family {
  readonly name: string;
  type: MetricType | undefined;
  help: boolean;
  unit: string | undefined;
  samples: boolean;
  group: Group | undefined;
  /** Of the group's last sample; NaN when it had none. */
  time: number;
  point: HistogramPoint | undefined;
}

export class OpenMetricsRules {
  /** Groups of all families, for roles that are still to be worked out. */
  readonly #groups = new Map<string, Group>();
  #claimed = new Map<string, string>();
  #family: Family | undefined;
  #place: Place = { file: "", line: 0 };
  #pass = 0;
  #seen = 0;

  begin(place: Place, pass: number): void {
    this.#place = place;
    this.#pass = pass;
    this.#family = undefined;
    this.#claimed = new Map();
    this.#seen = 0;
  }

  descriptor(line: Descriptor): void {
    let family = this.#family;
    if (family?.name !== line.name) family = this.#open(line.name);
    if (family.samples) this.#refuse(`Metadata of ${shown(line.name)} comes after its samples.`);
    if (line.what === "type") {
      if (family.type !== undefined) this.#refuse(`There are two lines '# TYPE' for ${shown(line.name)}.`);
      family.type = line.type;
    } else if (line.what === "help") {
      if (family.help) this.#refuse(`There are two lines '# HELP' for ${shown(line.name)}.`);
      family.help = true;
    } else {
      if (family.unit !== undefined) this.#refuse(`There are two lines '# UNIT' for ${shown(line.name)}.`);
      family.unit = line.text;
    }
  }

  /** False when the sample only tells the start time of others and is no series itself. */
  sample(series: ExposedSeries<unknown>, value: number, time: number, exemplar: boolean): boolean {
    let family = this.#family;
    if (family === undefined || partOf(series.name, family.name, family.type ?? "unknown") === undefined)
      family = this.#open(series.name);
    family.samples = true;
    family.type ??= "unknown";
    const role = this.#role(series, family, family.type);
    this.#order(family, role, time);
    if (exemplar && role.part !== "total" && role.part !== "bucket")
      this.#refuse(`Only a counter's total and buckets have exemplars, ${shown(series.name)} has none.`);
    const rule = values[role.part];
    if (!rule.allows(value)) this.#refuse(`${shown(series.name)} is ${value}, which ${rule.otherwise}.`);
    family.point?.add(role, value, this.#place);
    if (role.part !== "created") return true;
    role.group.created = Math.round(value * 1000);
    return false;
  }

  /** Milliseconds; undefined when this pass told none. */
  startOf({ role }: ExposedSeries<unknown>): number | undefined {
    if (role === undefined || role.group.pass !== this.#pass || Number.isNaN(role.group.created))
      return undefined;
    return role.part === "value" || role.part === "quantile" ? undefined : role.group.created;
  }

  end(): void {
    this.#close();
    // Metrics come and go; what is not there any more must not add up.
    if (this.#groups.size <= 2 * this.#seen + 100) return;
    for (const [key, group] of this.#groups) if (group.pass !== this.#pass) this.#groups.delete(key);
  }

  #open(name: string): Family {
    this.#close();
    return (this.#family = {
      name,
      type: undefined,
      help: false,
      unit: undefined,
      samples: false,
      group: undefined,
      time: NaN,
      point: undefined,
    });
  }

  #close(): void {
    const family = this.#family;
    if (family === undefined) return;
    const { name, unit, type = "unknown" } = family;
    for (const sample of namesOf(name, type)) {
      const other = this.#claimed.get(sample);
      if (other !== undefined)
        this.#refuse(
          other === name
            ? `The family ${shown(name)} is there twice, or its samples are not together.`
            : `The name ${shown(sample)} belongs to both ${shown(other)} and ${shown(name)}.`,
        );
      this.#claimed.set(sample, name);
    }
    if (unit !== undefined && unit !== "") {
      if (!name.endsWith(`_${unit}`))
        this.#refuse(`The name ${shown(name)} does not end with its unit, '_${unit}'.`);
      if (type === "info" || type === "stateset")
        this.#refuse(`${shown(name)} is of type ${type} and has a unit.`);
    }
    family.point?.complete(this.#place);
    this.#family = undefined;
  }

  #role(series: ExposedSeries<unknown>, family: Family, type: MetricType): Role {
    const known = series.role;
    if (known !== undefined && known.family === family.name && known.type === type) return known;
    const part = partOf(series.name, family.name, type) as Part;
    const bound = checkLabels(series.labels, family.name, part, this.#place);
    const key = `${type} ${family.name} ${groupKey(series.labels, family.name, type, part)}`;
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = { pass: 0, created: NaN }));
    return (series.role = { family: family.name, type, part, bound, group });
  }

  #order(family: Family, { group, type }: Role, time: number): void {
    if (family.group === group) {
      if (Number.isNaN(time) !== Number.isNaN(family.time))
        this.#refuse(`Some samples of a metric of ${shown(family.name)} have timestamps and some have none.`);
      if (time < family.time && type !== "info")
        this.#refuse(`Timestamps of ${shown(family.name)} go backwards.`);
    } else {
      if (group.pass === this.#pass) this.#refuse(`Metrics of ${shown(family.name)} are interleaved.`);
      group.pass = this.#pass;
      group.created = NaN;
      this.#seen++;
    }
    const histogram = type === "histogram" || type === "gaugehistogram";
    if (histogram && (family.group !== group || !Object.is(family.time, time))) {
      family.point?.complete(this.#place);
      family.point = new HistogramPoint(family.name);
    }
    family.group = group;
    family.time = time;
  }

  #refuse(message: string): never {
    return refuseLine(this.#place, message);
  }
}

interface ValueRule {
  readonly allows: (value: number) => boolean;
  readonly otherwise: string;
}

const any: ValueRule = { allows: () => true, otherwise: "" };
const counter: ValueRule = { allows: (value) => value >= 0, otherwise: "no counter can be" };
const count: ValueRule = {
  allows: (value) => value >= 0 && Number.isInteger(value),
  otherwise: "is no count",
};

const values: Readonly<Record<Part, ValueRule>> = {
  value: any,
  created: { allows: (value) => Number.isFinite(value), otherwise: "is no time" },
  state: { allows: (value) => value === 0 || value === 1, otherwise: "is neither 0 nor 1" },
  info: { allows: (value) => value === 1, otherwise: "is not 1" },
  // NaN: there was nothing to take the quantile of.
  quantile: { allows: (value) => !(value < 0), otherwise: "is negative" },
  gaugeSum: { allows: (value) => !Number.isNaN(value), otherwise: "is no sum" },
  total: counter,
  sum: counter,
  count,
  bucket: count,
};
