/** Calendars that a Schedule takes from a ConfigMap. */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { calendarShape } from "../../kinds/calendar-shape.ts";
import { parseUnknown } from "../../kinds/validate.ts";
import type { Resource } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import type { CalendarSpec } from "../../workflow/schedule/calendar.ts";
import type { DeclaredSchedule } from "../../workflow/schedule/declared.ts";

/** By name. Refuses with a DiagnosticError a ConfigMap that is not there, or holds something else. */
export async function calendarsIn(
  { calendars }: Pick<DeclaredSchedule, "calendars">,
  namespace: string,
  store: Pick<Snapshot, "get">,
): Promise<Readonly<Record<string, CalendarSpec>>> {
  if (calendars?.configMap === undefined) return {};
  const name = calendars.configMap;
  const map = store.get({ kind: "ConfigMap", namespace, name }) as
    | (Resource & { readonly data?: Readonly<Record<string, string>> })
    | undefined;
  if (map === undefined)
    return refuse({
      code: "MissingReference",
      path: "spec.calendars.configMap",
      message: `There is no configMap/${name}.`,
      hint: "Declare it, with a calendar under each name.",
    });
  const { parse } = await import("yaml");
  return Object.fromEntries(
    Object.entries(map.data ?? {}).map(([key, text]) => [
      withoutSuffix(key),
      calendarIn(text, `${name}.${key}`, parse),
    ]),
  );
}

function withoutSuffix(key: string): string {
  return key.replace(/\.(ya?ml|json)$/, "");
}

function calendarIn(text: string, where: string, parse: (text: string) => unknown): CalendarSpec {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    value = undefined;
  }
  const parsed = parseUnknown(calendarShape, value);
  if (parsed?.success === true) return parsed.data as CalendarSpec;
  return refuse({
    code: "InvalidCalendar",
    path: "spec.calendars.configMap",
    message: `configMap/${where} is no calendar.`,
    hint: "Write weekdays, dates and except, in YAML or JSON.",
  });
}
