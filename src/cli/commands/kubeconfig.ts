import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .addHelpText(
        "after",
        "\nHolds the token of the control plane: keep it to yourself.\n\nExamples:\n  $ tutti kubeconfig > kubeconfig && KUBECONFIG=$PWD/kubeconfig kubectl get services.tutti.dev",
      )
      .action(() => act(async (context) => context.print(await (await context.access()).kubeconfig())));
  },
};
