import { runCommand } from "../run-command.ts";

export const verb = runCommand({
  tell: "pause",
  help: "What runs goes on to its end; nothing further begins until 'tutti resume'.",
  said: "is paused: what runs goes on to its end.",
  done: "paused",
  change: { tell: "hold", said: "is held: nothing further of it begins." },
});
