import { runCommand } from "../run-command.ts";

export const verb = runCommand({
  tell: "resume",
  help: "Goes on where 'tutti pause' stopped it, and with a halted run once what it lacked is there; with change/<name> where it was held.",
  said: "goes on.",
  done: "resumed",
  change: { tell: "resume", said: "goes on; what had failed is tried again." },
});
