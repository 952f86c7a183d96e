/** Terraform's plan of a module as a part of ours: what becomes of each of its resources and outputs, and what is lost. */
import { type Keyring, containsSealed } from "../../model/sealed.ts";
import type { Foreseen, ForeseenChange } from "../../provider/provider.ts";
import {
  type Difference,
  type PlanDocument,
  attributesOf,
  deedsIn,
  outputDifference,
} from "../../tools/terraform-plan.ts";
import { sealWhole, sealWords } from "./secrets.ts";

export interface Sealing {
  readonly keyring: Keyring;
  readonly secrets: readonly string[];
}

const MOST = 300;

const DONE = { create: "made", forget: "forgotten, and left as it is" } as const;

export function foreseenOf(plan: PlanDocument, sealing: Sealing): Foreseen {
  const deeds = deedsIn(plan);
  const outputs = Object.entries(plan.output_changes ?? {})
    .toSorted(([one], [other]) => one.localeCompare(other, "en"))
    .flatMap(([name, change]) => {
      const difference = outputDifference(name, change);
      return difference === undefined ? [] : [shown(`status.output.${name}`, difference, sealing)];
    });
  const resources = deeds.flatMap(({ address, deed, change }): readonly ForeseenChange[] => {
    if (deed === "create" || deed === "forget") return [{ path: address, after: DONE[deed] }];
    if (deed === "delete") return [{ path: address, before: "there", after: "destroyed" }];
    const attributes = attributesOf(change).map((one) => shown(`${address}.${one.name}`, one, sealing));
    return deed === "replace"
      ? [{ path: address, before: "there", after: "made anew" }, ...attributes]
      : attributes;
  });
  const changes = [...resources, ...outputs];
  const remarks = [
    ...deeds.flatMap(({ address, deed, change }) => {
      if (deed === "delete") return [`In the module, ${address} is destroyed.`];
      if (deed !== "replace") return [];
      const because = (change.replace_paths ?? []).map((path) => path.join(".")).join(" and ");
      return [
        `In the module, ${address} is destroyed and made anew${because === "" ? "" : `, because of ${because}`}.`,
      ];
    }),
    ...(changes.length > MOST ? [`The module has ${changes.length - MOST} more changes.`] : []),
  ];
  return {
    ...(changes.length === 0 ? {} : { changes: changes.slice(0, MOST) }),
    ...(remarks.length === 0 ? {} : { remarks: remarks.slice(0, MOST) }),
  };
}

function shown(
  path: string,
  { before, after, unknown, sensitive }: Difference,
  { keyring, secrets }: Sealing,
): ForeseenChange {
  const seal = (value: unknown): unknown =>
    sensitive ? sealWhole(value, keyring) : sealWords(value, secrets, keyring);
  const values = {
    ...(before === undefined ? {} : { before: seal(before) }),
    ...(after === undefined ? {} : { after: seal(after) }),
  };
  // Of a secret both are sealed as a whole.
  if (!sensitive && containsSealed(values))
    return shown(path, { name: "", before, after, sensitive: true }, { keyring, secrets });
  return {
    path,
    ...values,
    ...(unknown === true ? { unknown } : {}),
    ...(sensitive ? { secret: true } : {}),
  };
}

/** What was found otherwise than it was made, by address, in words: what `ensure` would set back. */
export function driftIn(plan: PlanDocument): Readonly<Record<string, string>> {
  const words = { create: "gone", delete: "more than was declared", forget: "no longer declared" } as const;
  return Object.fromEntries(
    deedsIn(plan).map(({ address, deed, change }) => {
      if (deed !== "update" && deed !== "replace" && deed !== "none") return [address, words[deed]];
      const names = attributesOf(change).map(({ name }) => name);
      return [address, `changed: ${names.join(", ")}`];
    }),
  );
}
