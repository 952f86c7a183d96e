/**
 * Class `kustomize` of kind Resource: a tree of Kustomize as the objects that it stands for. Rendered, not applied: nothing is
 * outside, so there is nothing to be found otherwise or to be removed.
 *
 *   declared --`kubectl kustomize` | `kustomize build`--> objects by kind and name, values of Secrets sealed
 */
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { equal } from "../../model/equality.ts";
import type { Keyring } from "../../model/sealed.ts";
import {
  type CallContext,
  type Desired,
  type Expectation,
  type Foreseen,
  type ForeseenChange,
  type Observation,
  type Obstacle,
  type Prospect,
  type Provider,
  type ProviderContext,
  TerminalError,
} from "../../provider/provider.ts";
import { checkDigest, included, isFolder, pathOf, plannedDigest, plannedPath } from "./files.ts";
import { isInstalled, missing, runTool } from "./run.ts";
import { isKnown } from "./secrets.ts";
import { configOf, parsed, problemsIn } from "./settings.ts";

const WHERE_FROM = "Install kubectl, which has Kustomize in it: https://kubernetes.io/docs/tasks/tools.";

const settings = z.strictObject({
  /** Folder with a kustomization.yaml, relative to the declaration. */
  source: z.string().min(1),
  /** Other folders with files that it is made from, relative to the declaration. */
  include: z.array(z.string().min(1)).default([]),
});

export interface KustomizeSpec {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly digest?: string;
}

type Objects = Readonly<Record<string, unknown>>;

export class Kustomizations implements Provider<KustomizeSpec> {
  readonly kind = "Resource";
  readonly class = "kustomize";
  readonly capabilities: readonly string[] = [
    "a tree of Kustomize rendered to objects; nothing is applied to a cluster",
    "needs kubectl or kustomize on this machine",
  ];
  readonly isInside = true;
  readonly #folder: string;

  /** `folder`: for what is left while it runs, absolute. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async pin(prospect: Prospect): Promise<string | undefined> {
    const config = configOf(prospect);
    return plannedDigest([config["source"], ...included(config)], prospect);
  }

  async obstacles(prospect: Prospect): Promise<readonly Obstacle[]> {
    const absent = isInstalled("kustomize") ? [] : missing("kubectl", WHERE_FROM);
    const problems = [...absent, ...problemsIn(settings, configOf(prospect))];
    if (problems.length > 0) return problems;
    const source = plannedPath(configOf(prospect)["source"], prospect);
    return source === undefined || (await isFolder(source)) ? [] : [noTree(source)];
  }

  async plan(expected: Expectation<KustomizeSpec>, context: ProviderContext): Promise<Foreseen> {
    const { spec, current } = expected;
    if (!isKnown(spec)) return {};
    const { source } = parsed(settings, spec.config);
    const after = await this.#render(plannedPath(source, expected) ?? source, context);
    const { output } = (current?.status ?? {}) as { readonly output?: Objects };
    const before = output ?? {};
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    const changes = names
      .filter((name) => !equal(before[name], after[name]))
      .map((name): ForeseenChange => {
        const path = `status.output[${JSON.stringify(name)}]`;
        if (before[name] === undefined) return { path, after: "rendered" };
        return { path, before: "rendered", after: after[name] === undefined ? "gone" : "rendered otherwise" };
      });
    return changes.length === 0 ? {} : { changes };
  }

  observe({ status }: Desired<KustomizeSpec>): Promise<Observation | undefined> {
    const output = status?.["output"];
    return Promise.resolve(output === undefined ? undefined : { ready: true, outputs: { output } });
  }

  async ensure({ identity, spec }: Desired<KustomizeSpec>, context: ProviderContext): Promise<Observation> {
    const { source: tree, include } = parsed(settings, spec.config);
    const source = pathOf(tree, identity, context);
    const others = include.map((path) => pathOf(path, identity, context));
    if (!(await isFolder(source))) throw new TerminalError(noTree(source));
    await checkDigest([source, ...others], spec.digest);
    return { ready: true, outputs: { output: await this.#render(source, context) } };
  }

  remove(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async #render(source: string, { keyring, signal }: CallContext): Promise<Objects> {
    const [tool, verb] = isInstalled("kustomize") ? ["kustomize", "build"] : ["kubectl", "kustomize"];
    const { code, stdout, stderr } = await runTool({
      tool,
      args: [verb, source],
      folder: source,
      environment: {},
      signal,
      scratch: join(this.#folder, "renderings"),
    });
    if (code === 0) return objectsIn(stdout, keyring);
    const said = stderr.trim().split("\n").at(-1)?.slice(0, 1_000) ?? "";
    throw new TerminalError({
      code: "KustomizeFailed",
      path: "spec.config.source",
      message: `The tree in ${source} cannot be rendered: ${said.replace(/\.$/, "")}.`,
      hint: `\`${tool} ${verb} ${source}\` says the same.`,
    });
  }
}

/** By kind and name: `Deployment/web`; with the namespace where one is given: `Deployment/shop/web`. */
function objectsIn(text: string, keyring: Keyring): Objects {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Manifest | null);
  return Object.fromEntries(
    objects
      .filter((one) => one !== null)
      .map((one) => {
        const { namespace, name = "" } = one.metadata ?? {};
        const at = [one.kind ?? "", ...(namespace === undefined ? [] : [namespace]), name].join("/");
        return [at, one.kind === "Secret" ? sealed(one, keyring) : one];
      }),
  );
}

interface Manifest {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

function sealed(secret: Manifest, keyring: Keyring): Manifest {
  const all = (texts: Manifest["data"]): Manifest["data"] =>
    texts && Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, keyring.seal(text)]));
  const { data, stringData, ...rest } = secret;
  return {
    ...rest,
    ...(data === undefined ? {} : { data: all(data) }),
    ...(stringData === undefined ? {} : { stringData: all(stringData) }),
  } as Manifest;
}

function noTree(source: string): Obstacle {
  return {
    code: "TreeMissing",
    path: "spec.config.source",
    message: `There is no folder ${source}.`,
    hint: "Name the folder with the kustomization.yaml, relative to the declaration.",
  };
}
