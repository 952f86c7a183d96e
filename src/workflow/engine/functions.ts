/** Function steps whose handlers are in this very process: for tests, and for programs that hold an engine of their own. */
import { type Attempt, type StepType, TaskError } from "./step-type.ts";

/** Gives a JSON value. */
export type Handler = (attempt: Attempt) => unknown;

/** `handlers`: by the name that function steps give: `charge` or `charge@2`. */
export function functionsHere(handlers: Readonly<Record<string, Handler>>): StepType {
  return {
    execute: (attempt) => {
      const { step } = attempt;
      const name = step.type === "function" ? step.handler : "";
      const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
      if (handler === undefined)
        throw new TaskError("NoHandler", `Nobody here can do the function '${name}'.`, { terminal: true });
      return handler(attempt);
    },
  };
}
