/** Every series that a generated rule speaks of is there, under that very name and with those labels. */
import { expect, test, vi } from "vitest";
import { formatQuery } from "../src/metrics/promql/format.ts";
import type { VectorSelector } from "../src/metrics/promql/ast.ts";
import { parseQuery } from "../src/metrics/promql/parse.ts";
import { selectorsOf } from "../src/metrics/promql/selectors.ts";
import { ROOT } from "./support/home.ts";
import { prometheus, query } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly query: string }[];
  }[];
}

/** What has not happened, or is not declared, has no series. */
const EVENTS = [
  /code="5xx"/,
  // No change is under way.
  /^tutti_change_started_timestamp_seconds/,
  // There is nobody to be told.
  /^alertmanager_notifications_failed_total/,
  // No route leads to it.
  /^tutti_balancer_.*service="worker"/,
];

function withoutShift({ offset: _offset, at: _at, ...selector }: VectorSelector): VectorSelector {
  return selector;
}

test("a storefront that sells has every series that its rules speak of", async () => {
  const home = openHome();
  const [url = ""] = (await home.ok(["up", `${ROOT}/examples/storefront/tutti.ts`])).split("\n");
  const missing = async (): Promise<readonly string[]> => {
    for (const path of ["", "api/products"]) await fetch(`${url}${path}`).then((answer) => answer.text());
    const { groups } = await prometheus<Rules>(home, "rules");
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(50);
    const recorded = new Set(rules.map(({ name }) => name));
    const selectors = new Set(
      rules.flatMap((rule) =>
        selectorsOf(parseQuery(rule.query))
          .filter(({ name }) => name === undefined || !recorded.has(name))
          .map((selector) => formatQuery(withoutShift(selector))),
      ),
    );
    const absent: string[] = [];
    for (const selector of selectors)
      if (!EVENTS.some((event) => event.test(selector)) && (await query(home, selector)).length === 0)
        absent.push(selector);
    return absent;
  };
  await vi.waitFor(async () => expect(await missing()).toEqual([]), { timeout: 60_000, interval: 1_000 });
});
