import { onTestFinished } from "vitest";
import { TestHome } from "./home.ts";

/**
 * A state folder for this test, destroyed with everything in it when the test has finished, however it went. When it has
 * failed, or its time was over, what is known of it is printed first.
 */
export function openHome(): TestHome {
  const home = new TestHome();
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail")
      console.error(`What there was when '${task.name}' failed:\n${await home.diagnosis()}`);
    await home.destroy();
  });
  return home;
}
