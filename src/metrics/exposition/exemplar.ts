/**
 * Exemplars: ` # {trace_id="a"} 0.5 1700000000.1` after a value. They are checked as OpenMetrics wants it, and not kept.
 */
import { refuseLine } from "./limits.ts";
import { parseNumber } from "./numbers.ts";
import { type Grammar, endOfBraces, parseLabels } from "./series-text.ts";

/** OpenMetrics 1.0, "Exemplars": characters of all names and values together. */
const MAX_CHARACTERS = 128;

/** `text` is all that follows the value and timestamp. */
export function parseExemplar(text: string, grammar: Grammar): void {
  const { place } = grammar;
  if (!text.startsWith(" # {"))
    refuseLine(place, "What follows the value is neither a timestamp nor an exemplar.");
  const end = endOfBraces(text, 3, text.length);
  const labels = parseLabels(text.slice(3, end), grammar);
  const characters = labels.reduce((sum, part) => sum + Array.from(part).length, 0);
  if (characters > MAX_CHARACTERS)
    refuseLine(
      place,
      `The labels of an exemplar have ${characters} characters; ${MAX_CHARACTERS} are allowed.`,
    );
  const [space, value, time, more] = text.slice(end).split(" ");
  if (space !== "" || value === undefined || parseNumber(value, 0, value.length) === undefined)
    refuseLine(place, "The exemplar has no value.");
  if (time === undefined) return;
  const seconds = parseNumber(time, 0, time.length);
  if (seconds === undefined || !Number.isFinite(seconds) || more !== undefined)
    refuseLine(place, "The timestamp of the exemplar is none.");
}
