/** Checks machines (the whole definition, branches, item processors) and their transitions; what is inside a state is in state.ts. */
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import type { QueryLanguage } from "../definition.ts";
import { isObject } from "../json-path.ts";
import { machineFields } from "./fields.ts";
import type { Place, Problems } from "./problems.ts";
import type { MachineType } from "./resources.ts";
import { StateCheck } from "./state.ts";

const MAX_DEPTH = 50;
const MAX_NAME = 80;

export class Machine {
  readonly problems: Problems;
  readonly type: MachineType;
  /** Of the whole definition: what a state uses that names none. */
  readonly language: QueryLanguage;

  constructor(problems: Problems, type: MachineType, language: QueryLanguage) {
    this.problems = problems;
    this.type = type;
    this.language = language;
  }

  check(place: Place, machine: JsonObject): void {
    if (place.length > MAX_DEPTH) {
      this.problems.add(place, `States are nested more than ${MAX_DEPTH} deep.`);
      return;
    }
    const check = new StateCheck(this.problems, this.type, this.language);
    const missing = ["StartAt", "States"].filter((name) => !(name in machine));
    if (missing.length > 0) this.problems.add(place, `These fields are required: [${missing.join(", ")}]`);
    check.fields(place, machine, machineFields, "a state machine");
    const { States: states, StartAt: start } = machine;
    if (!isObject(states)) return;
    if (Object.keys(states).length === 0)
      this.problems.add([...place, "States"], "A non-empty required object is empty.");
    const reached = new Set<string>();
    if (typeof start === "string") this.#target(place, "StartAt", start, states, reached);
    for (const [name, state] of Object.entries(states)) {
      this.#state([...place, "States", name], name, state, states, reached, check);
    }
    for (const name of Object.keys(states)) {
      if (reached.has(name)) continue;
      this.problems.warn([...place, "States", name], `No transition leads to the state "${name}".`);
    }
  }

  #state(
    place: Place,
    name: string,
    state: Json,
    states: JsonObject,
    reached: Set<string>,
    check: StateCheck,
  ): void {
    if (name.length > MAX_NAME) {
      this.problems.add(place, `The name of a state has at most ${MAX_NAME} characters.`);
    }
    if (!isObject(state)) {
      this.problems.add(place, "A state is an object with the field Type.");
      return;
    }
    check.state(place, state);
    this.#transitions(place, state, states, reached);
    for (const [inner, child] of innerMachines(state)) this.check([...place, ...inner], child);
  }

  #transitions(place: Place, state: JsonObject, states: JsonObject, reached: Set<string>): void {
    const target = (at: Place, holder: JsonObject, field: string): void => {
      const name = holder[field];
      if (typeof name === "string") this.#target(at, field, name, states, reached);
    };
    target(place, state, "Next");
    target(place, state, "Default");
    for (const field of ["Choices", "Catch"]) {
      for (const [index, one] of list(state[field]).entries()) {
        if (isObject(one)) target([...place, field, index], one, "Next");
      }
    }
  }

  #target(place: Place, field: string, name: string, states: JsonObject, reached: Set<string>): void {
    reached.add(name);
    if (Object.hasOwn(states, name)) return;
    const hint = didYouMean(name, Object.keys(states));
    this.problems.add(
      [...place, field],
      `${field} names the state "${name}", which is not there.${hint === undefined ? "" : ` ${hint}`}`,
    );
  }
}

export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** The machines inside a state, and where they stand in it. */
export function innerMachines(state: JsonObject): [Place, JsonObject][] {
  const branches = list(state["Branches"]).map((one, index): [Place, Json] => [["Branches", index], one]);
  const processors = ["ItemProcessor", "Iterator"].map((name): [Place, Json] => [
    [name],
    state[name] ?? null,
  ]);
  return [...branches, ...processors].filter((one): one is [Place, JsonObject] => isObject(one[1]));
}
