/** What the Resource of a Task may be, by the kind of machine and the service it names. */
import type { Place, Problems } from "./problems.ts";

/** The actions of the optimised integrations, where they are few. */
const actions: Readonly<Record<string, readonly string[]>> = {
  lambda: ["invoke"],
  dynamodb: ["getItem", "putItem", "deleteItem", "updateItem"],
  sns: ["publish"],
  sqs: ["sendMessage"],
  events: ["putEvents"],
  states: ["startExecution"],
  http: ["invoke"],
};

export type MachineType = "STANDARD" | "EXPRESS";

export function checkResource(problems: Problems, place: Place, resource: string, type: MachineType): void {
  const [, service = "", action = "", pattern] =
    /^arn:[^:]*:states:[^:]*:[^:]*:([a-z-]+):(\w+)(?:\.(\w+))?/.exec(resource) ?? [];
  const known = actions[service];
  if (known !== undefined && !known.includes(action)) {
    problems.add(
      place,
      `The resource provided ${resource} is not recognized: '${service}' has the actions ${known.join(", ")}.`,
    );
  }
  if (type === "STANDARD") return;
  if (pattern !== undefined) {
    problems.add(place, `Express state machine does not support '.${pattern}' service integration.`);
  }
  if (service === "activity" || /activity/i.test(resource)) {
    problems.add(place, "Express state machine does not support Activity ARN.");
  }
}
