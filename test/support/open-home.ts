import { onTestFinished } from "vitest";
import { TestHome } from "./home.ts";

/** A state folder for this test, destroyed with everything in it when the test has finished, however it went. */
export function openHome(): TestHome {
  const home = new TestHome();
  onTestFinished(() => home.destroy());
  return home;
}
