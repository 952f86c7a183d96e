/** A native graph as a program: `steps` of a Workflow, followed by the interpreter. */
import type { Workflow } from "../definition/workflow.ts";
import { Interpreter } from "./interpreter.ts";
import type { Program } from "./program.ts";
import { View } from "./values.ts";

export function nativeProgram(workflow: Workflow): Program {
  return {
    run: (stage) =>
      new Interpreter(stage).run(
        workflow,
        new View({ param: stage.input ?? {}, run: { id: stage.run } }),
        stage.signal,
      ),
  };
}
