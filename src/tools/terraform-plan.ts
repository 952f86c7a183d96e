/** A plan of Terraform as it says it itself (`terraform show -json`), read for who has to agree to it. */

type Members = Readonly<Record<string, unknown>>;

export interface PlanDocument {
  readonly resource_changes?: readonly ResourceChange[];
  readonly output_changes?: Readonly<Record<string, ValueChange>>;
}

export interface ResourceChange {
  readonly address: string;
  readonly change: ValueChange & { readonly replace_paths?: readonly (readonly (string | number)[])[] };
}

export interface ValueChange {
  readonly actions: readonly string[];
  readonly before?: unknown;
  readonly after?: unknown;
  /** The shape of the value with `true` in the place of what is unknown. */
  readonly after_unknown?: unknown;
  readonly before_sensitive?: unknown;
  readonly after_sensitive?: unknown;
}

export type Deed = "create" | "update" | "replace" | "delete" | "forget" | "none";

export interface Difference {
  readonly name: string;
  readonly before?: unknown;
  /** Absent when it goes, and when it is unknown. */
  readonly after?: unknown;
  readonly unknown?: true;
  readonly sensitive: boolean;
}

export function deedOf({ actions }: ValueChange): Deed {
  const has = (action: string): boolean => actions.includes(action);
  if (has("delete")) return has("create") ? "replace" : "delete";
  const simple = (["create", "update", "forget"] as const).find(has);
  return simple ?? "none";
}

/** What is done to something, by address; what is only read is nothing. */
export function deedsIn({ resource_changes: all = [] }: PlanDocument): readonly (ResourceChange & {
  readonly deed: Deed;
})[] {
  return all
    .map((one) => ({ ...one, deed: deedOf(one.change) }))
    .filter(({ deed }) => deed !== "none")
    .toSorted((one, other) => one.address.localeCompare(other.address, "en", { numeric: true }));
}

/** As one is told from another: `delete aws_instance.web`. */
export function deedText({ deed, address }: { readonly deed: Deed; readonly address: string }): string {
  return `${deed} ${address}`;
}

/** Loses something that is there. */
export function isLoss(deed: Deed): boolean {
  return deed === "delete" || deed === "replace";
}

/** By attribute, what becomes another. */
export function attributesOf(change: ValueChange): readonly Difference[] {
  const [before, after, unknown] = [change.before, change.after, change.after_unknown].map(membersOf);
  const names = [...new Set([before, after, unknown].flatMap((one) => Object.keys(one ?? {})))].toSorted();
  return names.flatMap((name): readonly Difference[] => {
    const sensitive = isMarked(change.before_sensitive, name) || isMarked(change.after_sensitive, name);
    const difference = between(before?.[name], after?.[name], hasTrue(unknown?.[name]));
    return difference === undefined ? [] : [{ name, sensitive, ...difference }];
  });
}

/** Of an output: what it becomes. */
export function outputDifference(name: string, change: ValueChange): Difference | undefined {
  const sensitive = hasTrue(change.before_sensitive) || hasTrue(change.after_sensitive);
  const difference = between(change.before, change.after, hasTrue(change.after_unknown));
  return difference === undefined ? undefined : { name, sensitive, ...difference };
}

function between(
  before: unknown,
  after: unknown,
  isUnknown: boolean,
): Omit<Difference, "name" | "sensitive"> | undefined {
  const was = before === undefined || before === null ? {} : { before };
  if (isUnknown) return { ...was, unknown: true };
  if (JSON.stringify(before ?? null) === JSON.stringify(after ?? null)) return undefined;
  return { ...was, ...(after === undefined || after === null ? {} : { after }) };
}

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

function isMarked(marks: unknown, name: string): boolean {
  return marks === true || hasTrue(membersOf(marks)[name]);
}

function hasTrue(marks: unknown): boolean {
  if (marks === true) return true;
  return typeof marks === "object" && marks !== null && Object.values(marks).some(hasTrue);
}
