/** Saved plans on disk: told from declarations by what is in them, and what is wrong with one is said. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { refuse } from "../diagnostics/diagnostic.ts";
import type { SavedPlan } from "../planner/saved.ts";
import type { CommandContext } from "./context.ts";
import type { Planned } from "./declaration.ts";

/** Undefined when the word names no saved plan. */
export async function savedPlanIn(context: CommandContext, word: string): Promise<Planned | undefined> {
  if (!word.endsWith(".json")) return undefined;
  const file = resolve(context.environment.cwd, word);
  const text = await readFile(file, "utf8").catch(() => undefined);
  // A declaration may be in JSON as well.
  if (text === undefined || !/"format"\s*:\s*"tutti\.plan\//.test(text.slice(0, 1000))) return undefined;
  const saved = parsed(text, word);
  const { plan } = saved as Partial<SavedPlan>;
  if (plan?.steps === undefined || plan.summary === undefined || plan.warnings === undefined)
    return refuse({
      code: "PlanCutOff",
      message: `${word} lacks what was planned.`,
      hint: "Make it anew: tutti plan -o plan.json.",
    });
  return { plan: { ...plan, resources: [] }, proposed: { saved } };
}

function parsed(text: string, word: string): SavedPlan {
  try {
    return JSON.parse(text) as SavedPlan;
  } catch {
    return refuse({
      code: "PlanCutOff",
      message: `${word} is a saved plan that was cut off or edited: it is no JSON any more.`,
      hint: "Make it anew: tutti plan -o plan.json.",
    });
  }
}
