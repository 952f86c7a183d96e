/** Handlers that every workflow has, whose names begin with `tutti/`, in a worker process of their own: what is bounded there blocks nobody else. */
import jsonata from "jsonata";
import { LinearRegex } from "../../model/linear-regex.ts";
import { TerminalError } from "./failures.ts";
import { handler } from "./handler.ts";

const MOST_STEPS = 2_000_000;
const DEEPEST = 500;
const LONGEST_SEQUENCE = 1_000_000;
/** Milliseconds. */
const LONGEST = 10_000;

const options = {
  sequence: LONGEST_SEQUENCE,
  // Of a RegExp, JSONata uses what LinearRegex has.
  RegexEngine: LinearRegex as unknown as RegExpConstructor,
};

interface Transformation {
  readonly expression: string;
  readonly value: unknown;
}

class InvalidExpression extends TerminalError {}

/** JSONata, within bounds of steps, depth and time. */
export const transform = handler("tutti/jsonata", async ({ expression, value }: Transformation) => {
  try {
    const compiled = jsonata(String(expression), options);
    limit(compiled);
    const result: unknown = await compiled.evaluate(value);
    // Without JSONata's own marks on lists.
    return result === undefined ? null : (JSON.parse(JSON.stringify(result) ?? "null") as unknown);
  } catch (error) {
    const { message = "It cannot be evaluated." } = error as { readonly message?: string };
    throw new InvalidExpression(`The JSONata expression '${String(expression).slice(0, 200)}': ${message}`);
  }
});

/** The hooks are those of JSONata's own example of time-boxing. */
function limit(expression: jsonata.Expression): void {
  const end = Date.now() + LONGEST;
  let steps = 0;
  let depth = 0;
  const hook = (name: string, called: () => void): void => {
    expression.assign(Symbol.for(`jsonata.${name}`) as unknown as string, called);
  };
  hook("__evaluate_entry", () => {
    if (++steps > MOST_STEPS) throw new Error(`it took more than ${MOST_STEPS} steps.`);
    if (++depth > DEEPEST) throw new Error(`it is nested more than ${DEEPEST} deep.`);
    if (steps % 1000 === 0 && Date.now() > end) throw new Error(`it took longer than ${LONGEST / 1000} s.`);
  });
  hook("__evaluate_exit", () => {
    depth--;
  });
}
