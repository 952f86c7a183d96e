/**
 * What every Store must do, as a Vitest suite: the invariants S1 to S7 of store.ts, each of its errors, and random
 * programs beside a model. A store's own test calls `storeConformance` and adds its extras.
 */
import { describe } from "vitest";
import type { Open } from "./conformance/fixture.ts";
import { modelConformance } from "./conformance/model.ts";
import { readingConformance } from "./conformance/reading.ts";
import { writingConformance } from "./conformance/writing.ts";

export type { Open, StoreUnderTest } from "./conformance/fixture.ts";

/** Registers the suite. `programs`: how many random ones to try; fewer where opening takes long. */
export function storeConformance(name: string, open: Open, programs = 40): void {
  describe(`${name} as a Store`, () => {
    writingConformance(open);
    readingConformance(open);
    modelConformance(open, programs);
  });
}
