import { runCommand } from "../run-command.ts";

export const verb = runCommand({
  tell: "pause",
  help: "Of a run or a change: what runs goes on to its end, and nothing further begins. A resource is left as it is: neither made, changed, healed nor removed. Until 'tutti resume'.",
  said: "is paused: what runs goes on to its end.",
  done: "paused",
  change: { tell: "hold", said: "is held: nothing further of it begins." },
});
