/**
 * The layers of `src/`, the one table behind the boundary check and the diagram in
 * docs/architecture.md.
 *
 * A folder imports only from folders of a lower layer, and from itself. Singular names a contract and
 * its machinery; plural holds implementations of it.
 */

export interface Folder {
  readonly name: string;
  readonly layer: number;
  /** The question the folder answers. */
  readonly question: string;
  /**
   * For a folder of implementations: the folder that holds what they share. Its members never import
   * each other.
   */
  readonly contract?: string;
  /** Only tests import it. */
  readonly testsOnly?: true;
}

export const folders: readonly Folder[] = [
  { name: "model", layer: 1, question: "what shape does every resource share?" },
  { name: "graph", layer: 0, question: "what comes before what?" },
  { name: "diagnostics", layer: 0, question: "how do we say what is wrong?" },
  { name: "clock", layer: 0, question: "what time is it, and when next?" },
  { name: "terraform", layer: 1, question: "how do Terraform and its providers speak?" },
  { name: "tools", layer: 1, question: "how do other tools' command lines speak?" },

  { name: "kinds", layer: 2, question: "what can be declared?" },
  { name: "store", layer: 2, question: "where is the truth kept?" },
  { name: "provider", layer: 2, question: "who can do it?" },

  { name: "stores", layer: 3, question: "which stores are there?", contract: "store" },
  { name: "planner", layer: 3, question: "what would change?" },
  { name: "controller", layer: 3, question: "what keeps it true?" },
  { name: "workflow", layer: 3, question: "what runs in order?" },
  { name: "metrics", layer: 3, question: "what do we see?" },

  // Above workflows: handlers and builders of them are declared with it.
  { name: "sdk", layer: 4, question: "how do programs declare?" },

  // Above the planner: what it asks for and gets are plans.
  { name: "client", layer: 5, question: "how do programs ask?" },
  { name: "controllers", layer: 5, question: "which loops are there?", contract: "controller" },
  { name: "providers", layer: 5, question: "which outside things are driven?", contract: "provider" },
  { name: "steps", layer: 5, question: "which types of step are there?", contract: "workflow" },
  { name: "dialects", layer: 5, question: "which files are understood?", contract: "model" },
  { name: "agent", layer: 5, question: "what runs on a node?" },

  { name: "api", layer: 6, question: "how do programs reach it?" },
  { name: "cli", layer: 6, question: "how do people reach it?" },
  { name: "terraform-provider", layer: 6, question: "how does Terraform reach it?" },

  { name: "app", layer: 7, question: "what is it composed of?" },

  // Above layer 5 and below nothing: the published kit, imported by tests (ours and users').
  { name: "testing", layer: 6, question: "how do people test what they declare?", testsOnly: true },
];

/** The package's public entry points, by the name programs import. */
export const publicSurface: Readonly<Record<string, string>> = {
  tutti: "src/sdk/index.ts",
  "tutti/testing": "src/testing/index.ts",
  "tutti/client": "src/client/index.ts",
};

/** Where implementations live and which files name them. A path that ends in `/` is any file below it. */
export interface Family {
  readonly folder: string;
  readonly registries: readonly string[];
  /** What the text of an implementation matches, where the folder holds their machinery as well. */
  readonly mark?: RegExp;
}

export const families: readonly Family[] = [
  { folder: "src/kinds/", registries: ["src/kinds/index.ts"], mark: /\bdefineKind\(/ },
  { folder: "src/stores/", registries: ["src/app/", "src/testing/"] },
  { folder: "src/providers/", registries: ["src/app/", "src/testing/"] },
  { folder: "src/controllers/", registries: ["src/app/"] },
  { folder: "src/dialects/", registries: ["src/app/", "src/testing/"] },
  { folder: "src/steps/", registries: ["src/app/"] },
  { folder: "src/cli/commands/", registries: ["src/cli/commands/index.ts"] },
];
