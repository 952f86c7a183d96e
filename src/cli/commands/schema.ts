import { kinds } from "../../kinds/registry.ts";
import { structured } from "../output.ts";
import { kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { editorSchema, editorSchemaOfAll } from "../views/schema.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[kind]", "a kind by any of its names; all that people declare when absent")
      .addHelpText(
        "after",
        "\nFor editors: put this on top of a YAML file, after 'tutti schema > tutti.schema.json':\n  # yaml-language-server: $schema=./tutti.schema.json\n\nExamples:\n  $ tutti schema service\n  $ tutti schema > tutti.schema.json",
      )
      .action((word: string | undefined) =>
        act(async (context) => {
          const schema =
            word === undefined
              ? editorSchemaOfAll(kinds.filter((kind) => kind.declarable))
              : editorSchema(kindOf(word));
          context.print(await structured(schema, context.output));
        }),
      );
  },
};
