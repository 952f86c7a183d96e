import { describe, expect, it } from "vitest";
import { Substitution } from "./substitution.ts";
import { Scope } from "./variables.ts";

const scope = new Scope()
  .set("inputs.parameters.a", "1")
  .set("inputs.parameters.name", "a")
  .set("tasks.gone.outputs.parameters.x", null)
  .set("tasks.made.outputs.artifacts.file", { name: "file" });
const substitution = new Substitution(scope, { now: new Date(0), random: () => 0 });

describe("variables in texts", () => {
  it("are replaced in values and keys, at every depth, and stay where they are not known yet", () => {
    expect(
      substitution.value(
        { "k-{{inputs.parameters.a}}": ["{{ inputs.parameters.a }}", "{{item}}", 5] },
        "none",
      ),
    ).toEqual({ "k-1": ["1", "{{item}}", 5] });
  });

  it("may be named by another: the inner one comes first", () => {
    const once = substitution.text("{{inputs.parameters.{{inputs.parameters.name}}}}", "none");
    expect(substitution.text(once, "none")).toBe("1");
  });

  it("must be known where it is the last moment for them", () => {
    expect(() => substitution.text("{{item}}", "all")).toThrow("failed to resolve {{item}}");
    expect(() => substitution.text("{{tasks.b.outputs.result}}", ["tasks"])).toThrow("failed to resolve");
    expect(substitution.text("{{item}}", ["tasks"])).toBe("{{item}}");
  });

  it("of a step that was skipped are no text, but a fallback covers them", () => {
    expect(() => substitution.text("{{tasks.gone.outputs.parameters.x}}", ["tasks"])).toThrow(
      "absent optional",
    );
    expect(substitution.text("{{=tasks.gone.outputs.parameters.x ?? 'no'}}", ["tasks"])).toBe("no");
  });

  it("that are artifacts are left to whoever resolves artifacts", () => {
    const tag = "{{tasks.made.outputs.artifacts.file}}";
    expect(substitution.text(tag, ["tasks"])).toBe(tag);
  });

  it("keep an expression waiting for those that are known late", () => {
    expect(substitution.text("{{=get(item, 'a') ?? 'x'}}", "none")).toBe("{{=get(item, 'a') ?? 'x'}}");
    expect(substitution.text("{{=asInt(inputs.parameters.a) + 1}}", "none")).toBe("2");
    expect(() => substitution.text("{{=1 +}}", "all")).toThrow("failed to evaluate");
  });
});
