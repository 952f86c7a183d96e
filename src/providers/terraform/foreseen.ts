/** What a provider says would come of a change, for the plan: attributes that become others, and what forces it to be made anew. */
import { equal } from "../../model/equality.ts";
import type { Keyring } from "../../model/sealed.ts";
import { containsSealed } from "../../model/sealed.ts";
import { type Foreseen, type ForeseenChange } from "../../provider/provider.ts";
import type { Schema } from "../../terraform/schema.ts";
import { type Members, isWhollyKnown, sameValue, elementType } from "../../terraform/value.ts";
import { NOTHING, type Target, known, plan, read } from "./calls.ts";
import { pathText } from "../../model/walk.ts";
import { CONFIG, errorsOf, obstacleOf, refuseErrors } from "./complaints.ts";
import { outputOf } from "./outputs.ts";
import type { State } from "./state.ts";

export async function foreseen(
  target: Target,
  state: State | undefined,
  config: Members,
  keyring: Keyring,
): Promise<Foreseen> {
  const prior = state === undefined ? NOTHING : await read(target, await known(target, state));
  const planned = await plan(target, prior, config);
  refuseErrors(planned.diagnostics, target.place);
  const remarks = planned.diagnostics
    .filter(({ severity }) => severity === "warning")
    .map((one) => obstacleOf(one, target.place).message);
  const isAnew = planned.replaceBecause.length > 0;
  const after = isAnew ? await plan(target, NOTHING, config) : planned;
  if (errorsOf(after.diagnostics).length > 0) refuseErrors(after.diagnostics, target.place);
  const changes = changesBetween(prior.value ?? {}, after.value ?? {}, config, {
    schema: target.schema,
    sealing: { keyring, secrets: target.place.secrets },
  });
  return {
    ...(isAnew
      ? { replaceBecause: planned.replaceBecause.map((path) => pathText([...CONFIG, ...path])) }
      : {}),
    ...(changes.length === 0 ? {} : { changes }),
    ...(remarks.length === 0 ? {} : { remarks }),
  };
}

interface Showing {
  readonly schema: Schema;
  readonly sealing: { readonly keyring: Keyring; readonly secrets: readonly string[] };
}

/** By attribute. What is declared is shown as such already. */
function changesBetween(
  before: Members,
  after: Members,
  config: Members,
  { schema, sealing }: Showing,
): readonly ForeseenChange[] {
  const names = Object.keys(after).filter((name) => {
    const type = elementType(schema.type, name);
    const comes = after[name] ?? null;
    return !sameValue(before[name] ?? null, comes, type) && !sameValue(comes, config[name] ?? null, type);
  });
  const shownBefore = outputOf(before, schema.block, sealing);
  const shownAfter = outputOf(after, schema.block, sealing);
  return names.flatMap((name): readonly ForeseenChange[] => {
    const [old, now] = [shownBefore[name] ?? null, shownAfter[name] ?? null];
    const isSecret = containsSealed(old) || containsSealed(now) || isSensitive(schema, name);
    const change = {
      path: `status.output.${name}`,
      ...(old === null ? {} : { before: old }),
      ...(isSecret ? ({ secret: true } as const) : {}),
    };
    if (!isWhollyKnown(after[name] ?? null)) return [{ ...change, unknown: true }];
    return equal(old, now) ? [] : [{ ...change, ...(now === null ? {} : { after: now }) }];
  });
}

function isSensitive({ block }: Schema, name: string): boolean {
  return block.attributes.some((attribute) => attribute.name === name && attribute.sensitive);
}
