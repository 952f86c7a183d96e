/**
 * Definitions of own kinds in a declaration: whether there may be such a kind, and what becomes of what is of it.
 *
 *  - A kind belongs to the System that declared it first. Others may declare the very same and have no part in it then; what
 *    differs is refused.
 *  - What is of a kind and does not fit what it is to be is told, and stays as it is.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { DEFINITION } from "../kinds/declared-kinds.ts";
import { type DefinitionSpec, ownKind } from "../kinds/own-kind.ts";
import { isBuiltIn } from "../kinds/registry.ts";
import { validateAs } from "../kinds/validate.ts";
import { equal } from "../model/equality.ts";
import { type Draft, LABELS, type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { belongsTo, isTerminating } from "./ownership.ts";
import type { Plan } from "./plan.ts";

interface Place {
  readonly system: string;
  readonly namespace: string;
  readonly live: Snapshot;
  /** Addresses of what is declared too, but refused for a reason of its own. */
  readonly refused?: ReadonlySet<string>;
}

/** Without definitions that another System has declared alike. */
export function withoutShared(resources: readonly Draft[], place: Place): readonly Draft[] {
  if (!resources.some(isDefinition)) return resources;
  return resources.filter((draft) => {
    const live = isDefinition(draft) ? othersOf(draft, place) : undefined;
    return live === undefined || isTerminating(live) || !isAlike(draft, live);
  });
}

/** Of every definition in the declaration. */
export function checkKinds(resources: readonly Draft[], place: Place): readonly Diagnostic[] {
  const definitions = resources.filter(isDefinition);
  return definitions.flatMap((draft) => {
    const { names } = specOf(draft);
    const problem =
      takenName(draft, definitions, place) ??
      (othersOf(draft, place) === undefined ? renamed(draft, place) : declaredOtherwise(draft, place));
    return problem === undefined
      ? misfits(draft, place, new Set(resources.filter(({ kind }) => kind === names.kind).map(addressOf)))
      : [{ severity: "error" as const, address: addressOf(draft), ...problem }];
  });
}

type Problem = Omit<Diagnostic, "severity" | "address">;

function isDefinition({ kind }: Draft): boolean {
  return kind === DEFINITION;
}

function specOf(definition: Pick<Draft, "spec">): DefinitionSpec {
  return definition.spec as DefinitionSpec;
}

function othersOf({ metadata }: Draft, { live, system, namespace }: Place): Resource | undefined {
  const found = live.get({ kind: DEFINITION, namespace: "", name: metadata.name });
  return found === undefined || belongsTo(found, system, namespace) ? undefined : found;
}

/** The same, but for the folder that its functions were found in. */
function isAlike(one: Draft, other: Draft): boolean {
  const plain = (definition: Draft): unknown => {
    const { provider, ...rest } = specOf(definition);
    return provider === undefined ? rest : { ...rest, provider: { ...provider, folder: "" } };
  };
  return equal(plain(one), plain(other));
}

function takenName(draft: Draft, definitions: readonly Draft[], { live }: Place): Problem | undefined {
  const { kind } = specOf(draft).names;
  const all = [...definitions, ...live.list({ kind: DEFINITION }).items];
  const other = all.find(
    (one) => one.metadata.name !== draft.metadata.name && specOf(one).names.kind === kind,
  );
  if (!isBuiltIn(kind) && other === undefined) return undefined;
  const whose = other === undefined ? "" : ` It is declared by ${addressOf(other)}.`;
  return {
    code: "KindTaken",
    path: "spec.names.kind",
    message: `There is a kind '${kind}' already.${whose}`,
    hint: "Call it something else: kinds are named without their groups.",
  };
}

function declaredOtherwise(draft: Draft, place: Place): Problem | undefined {
  const live = othersOf(draft, place);
  const system = live?.metadata.labels?.[LABELS.system];
  return {
    code: "KindDeclaredOtherwise",
    path: "spec",
    message: `The kind ${specOf(draft).names.kind} is declared already, ${system === undefined ? "by no system" : `by the system '${system}'`}, and not like this.`,
    hint: "Declare it alike in both, from one module; or give this one another name.",
  };
}

/** What is of the former kind would belong to none. */
function renamed(draft: Draft, { live }: Place): Problem | undefined {
  const before = live.get({ kind: DEFINITION, namespace: "", name: draft.metadata.name });
  if (before === undefined) return undefined;
  const [was, is] = [specOf(before).names.kind, specOf(draft).names.kind];
  const count = was === is ? 0 : live.list({ kind: was }).items.length;
  return count === 0
    ? undefined
    : {
        code: "KindInUse",
        path: "spec.names.kind",
        message: `It would no longer be called ${was}, of which there are ${count}.`,
        hint: "Remove those first, or give the new kind another plural.",
      };
}

const MOST = 10;

/** What is there of the kind, declared elsewhere, and does not fit any more. */
function misfits(
  draft: Draft,
  { live, refused }: Place,
  declared: ReadonlySet<string>,
): readonly Diagnostic[] {
  const made = ownKind(draft);
  if (!("kind" in made)) return [];
  return live
    .list({ kind: made.kind.kind })
    .items.filter((resource) => {
      const address = addressOf(resource);
      return !declared.has(address) && refused?.has(address) !== true && !isTerminating(resource);
    })
    .flatMap((resource): readonly Diagnostic[] => {
      const [first] = validateAs(
        made.kind,
        resource as unknown as Readonly<Record<string, unknown>>,
      ).diagnostics;
      if (first === undefined) return [];
      return [
        {
          severity: "warning",
          code: "DoesNotFit",
          address: addressOf(draft),
          message: `${addressOf(resource)} does not fit the new schema and stays as it is: ${first.path ?? "spec"}: ${first.message}`,
          hint: "Apply the system that declares it again, with what is wanted now.",
        },
      ];
    })
    .slice(0, MOST);
}

/** Of a plan that would take a kind away of which there is something in another namespace: there nobody refers to it by name. */
export function kindsInUse({ steps, namespace }: Plan, live: Snapshot): readonly Diagnostic[] {
  return steps.flatMap((step): readonly Diagnostic[] => {
    if (step.kind !== DEFINITION || step.action !== "delete") return [];
    const definition = live.get({ kind: DEFINITION, namespace: "", name: step.name });
    const kind = definition === undefined ? "" : specOf(definition).names.kind;
    const others = live
      .list({ kind })
      .items.filter((one) => one.metadata.namespace !== namespace && !isTerminating(one));
    const [first] = others;
    if (first === undefined) return [];
    const system = first.metadata.labels?.[LABELS.system];
    return [
      {
        severity: "error",
        code: "InUse",
        address: step.address,
        message: `The kind ${kind} would be gone, but there are ${others.length} of it in other namespaces, among them ${first.metadata.name} in '${first.metadata.namespace ?? ""}'.`,
        hint:
          system === undefined
            ? "Remove them first."
            : `Take the system '${system}' down first, or let it declare the kind.`,
      },
    ];
  });
}
