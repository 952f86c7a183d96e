/** What OpenMetrics 1.0 takes and refuses beyond the grammar. Its own cases run through scripts/conformance/openmetrics.ts. */
import { expect, it } from "vitest";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { defaultLimits } from "./limits.ts";
import { ExpositionMemory } from "./memory.ts";
import { TextParser } from "./text-parser.ts";

/** Reads it twice, the second time with all series known: both must come to the same. */
function refusal(...lines: readonly string[]): string | undefined {
  const memory = new ExpositionMemory("openmetrics");
  const [first, second] = [read(memory, lines), read(memory, lines)];
  expect(second).toBe(first);
  return first;
}

function read(memory: ExpositionMemory<unknown>, lines: readonly string[]): string | undefined {
  const parser = new TextParser("test", memory, defaultLimits, () => {});
  try {
    parser.write(Buffer.from([...lines, "# EOF\n"].join("\n")));
    parser.end();
    return undefined;
  } catch (error) {
    parser.abort();
    if (error instanceof DiagnosticError) return error.diagnostics[0]?.message;
    throw error;
  }
}

const good: Readonly<Record<string, readonly string[]>> = {
  "all of a histogram": [
    "# TYPE a histogram",
    'a_bucket{x="1",le="1.0"} 1',
    'a_bucket{x="1",le="+Inf"} 3',
    'a_count{x="1"} 3',
    'a_sum{x="1"} 2.5',
    'a_created{x="1"} 123.4',
    'a_bucket{x="2",le="+Inf"} 3',
  ],
  "a histogram with bounds below zero and no sum": [
    "# TYPE a histogram",
    'a_bucket{le="-1.0"} 0',
    'a_bucket{le="1.0"} 1',
    'a_bucket{le="+Inf"} 2',
  ],
  "an info with several metrics and times in any order": [
    "# TYPE a info",
    'a_info{a="1"} 1 1',
    'a_info{a="2"} 1 0',
  ],
  "a stateset": ["# TYPE a stateset", 'a{x="1",a="on"} 1', 'a{x="1",a="off"} 0', 'a{x="2",a="on"} 0'],
  "several points of a metric": ["# TYPE a summary", "a_count 1 1", "a_sum 1 1", "a_count 2 2", "a_sum 2 2"],
  "quantiles in any order, of nothing": ["# TYPE a summary", 'a{quantile="1"} NaN', 'a{quantile="0.5"} 0.1'],
  "an exemplar of a counter, with a timestamp": ["# TYPE a counter", 'a_total 1 123.5 # {b="c"} 0.5 123'],
  "samples without a type, each a family": ["a 1", "b 2", 'c{d="1"} 1', 'c{d="2"} -1'],
  "escapes and null bytes in texts": [
    "# TYPE a counter",
    "# HELP a he\\n\\\\l\\tp \0",
    'a_total{b="\\z\0"} 1',
  ],
  "large and exponential timestamps": ["# TYPE a counter", 'a_total{b="1"} 1 1.5e3', 'a_total{b="2"} 1 000'],
};

it.each(Object.entries(good))("takes %s", (_title, lines) => {
  expect(refusal(...lines)).toBeUndefined();
});

const bad: Readonly<Record<string, readonly [RegExp, ...string[]]>> = {
  "text after the end": [/after '# EOF'/, "# EOF", "a 1"],
  "a comma after the last label": [/no comma after the last label/, 'a{b="1",} 1'],
  "a comma without labels": [/name is missing/, "a{,} 1"],
  "a label twice": [/stands there twice/, 'a{b="1",b="1"} 1'],
  "two spaces before the value": [/is no number/, "a  1"],
  "a space before the braces": [/is no number/, 'a {b="1"} 1'],
  "no space before the value": [/single space/, 'a{b="1"}1'],
  "an infinite timestamp": [/timestamp is none/, "a 1 +Inf"],
  "a carriage return": [/carriage return/, "# HELP a text\r"],
  "a second HELP, though the first was empty": [/two lines '# HELP'/, "# HELP a ", "# HELP a "],
  "a second UNIT": [/two lines '# UNIT'/, "# UNIT a_s s", "# UNIT a_s s"],
  "a unit that the name does not end with": [
    /does not end with its unit/,
    "# TYPE as counter",
    "# UNIT as s",
  ],
  "a unit of an info": [/is of type info/, "# TYPE x_u info", "# UNIT x_u u"],
  "metadata after samples": [/comes after its samples/, "# TYPE a gauge", "a 1", "# HELP a text"],
  "a family in two pieces": [/not together/, "# TYPE a gauge", "a 1", "b 1", "# HELP a text"],
  "names that clash": [
    /belongs to both "a" and "a_count"|belongs to both "a_count" and "a"/,
    "# TYPE a summary",
    "# TYPE a_count gauge",
  ],
  "a counter without _total": [/there twice|belongs to both/, "# TYPE a counter", "a 1"],
  "a counter below zero": [/no counter can be/, "# TYPE a counter", "a_total -1"],
  "half an observation": [/is no count/, "# TYPE a summary", "a_count 0.5"],
  "half a bucket": [/is no count/, "# TYPE a histogram", 'a_bucket{le="+Inf"} 0.5'],
  "a sum that is no number": [/no counter can be/, "# TYPE a summary", "a_sum NaN"],
  "a quantile above one": [/from 0 to 1/, "# TYPE a summary", 'a{quantile="2"} 0'],
  "a quantile that is no number": [/from 0 to 1/, "# TYPE a summary", 'a{quantile="foo"} 0'],
  "a bucket without a bound": [/no label 'le'/, "# TYPE a histogram", "a_bucket 0"],
  "the last bucket written otherwise than +Inf": [
    /no label 'le'/,
    "# TYPE a histogram",
    'a_bucket{le="Inf"} 0',
  ],
  "buckets without the last": [/do not end with '\+Inf'/, "# TYPE a histogram", 'a_bucket{le="1"} 0'],
  "a sum without a count": [
    /only one of sum and count/,
    "# TYPE a histogram",
    'a_bucket{le="+Inf"} 0',
    "a_sum 0",
  ],
  "a sum with bounds below zero": [
    /there can be no sum/,
    "# TYPE a histogram",
    'a_bucket{le="-1"} 0',
    'a_bucket{le="+Inf"} 0',
    "a_count 0",
    "a_sum 0",
  ],
  "a bound twice": [
    /ascending order/,
    "# TYPE a histogram",
    'a_bucket{le="1"} 0',
    'a_bucket{le="1.0"} 0',
    'a_bucket{le="+Inf"} 0',
  ],
  "an info that is not 1": [/is not 1/, "# TYPE a info", "a_info 0"],
  "a state that is neither": [/neither 0 nor 1/, "# TYPE a stateset", 'a{a="on"} 2'],
  "a state without its label": [/no label of that name/, "# TYPE a stateset", "a 0"],
  "an exemplar of a gauge": [/Only a counter's total and buckets/, "# TYPE a gauge", 'a 1 # {b="c"} 1'],
  "an exemplar of a sum": [/Only a counter's total and buckets/, "# TYPE a summary", 'a_sum 1 # {b="c"} 1'],
  "an exemplar without a value": [/exemplar has no value/, "# TYPE a counter", 'a_total 1 # {b="c"}'],
  "interleaved metrics": [/interleaved/, "# TYPE a gauge", 'a{b="1"} 1', 'a{b="2"} 1', 'a{b="1"} 1'],
  "interleaved points": [/go backwards/, "# TYPE a summary", "a_count 1 1", "a_count 1 2", "a_sum 1 1"],
  "times that go backwards by less than a millisecond": [
    /go backwards/,
    "# TYPE a gauge",
    "a 0 1.0002",
    "a 0 1.0001",
  ],
  "times that go backwards": [/go backwards/, "# TYPE a gauge", "a 0 1.1", "a 0 1"],
  "a time only now and then": [/some have none/, "# TYPE a gauge", "a 0 0", "a 0"],
};

it.each(Object.entries(bad))("refuses %s", (_title, [message, ...lines]) => {
  expect(refusal(...lines)).toMatch(message);
});

it("a family may change its type from one scrape to the next", () => {
  const memory = new ExpositionMemory("openmetrics");
  expect(read(memory, ["# TYPE a gauge", "a -1"])).toBeUndefined();
  expect(read(memory, ["# TYPE a_total gauge", "a_total -1"])).toBeUndefined();
  expect(read(memory, ["# TYPE a counter", "a_total -1"])).toMatch(/no counter can be/);
  expect(read(memory, ["# TYPE a counter", "a_total 1"])).toBeUndefined();
});
