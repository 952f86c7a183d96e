/** Function steps whose handlers are in this very process: for tests, and for programs that hold an engine of their own. */
import { type Attempt, type StepType, TaskError } from "./step-type.ts";

/** Code of users does not say that a machine is lost: that would be free of the retry budget. */
function ofUser(thrown: unknown): unknown {
  if (!(thrown instanceof TaskError) || thrown.failure.class !== "InfraLost") return thrown;
  const { error, message, details } = thrown.failure;
  return new TaskError(error, message, { details });
}

async function awaited(given: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await given;
  } catch (error) {
    throw ofUser(error);
  }
}

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
      let given: unknown;
      try {
        given = handler(attempt);
      } catch (error) {
        throw ofUser(error);
      }
      return given instanceof Promise ? awaited(given) : given;
    },
  };
}
