/** Gives a template its inputs: arguments, defaults, and the variables that are known when it begins. */
import { type Arguments, type Artifact, type Parameter, type Template, scalarText } from "../manifest.ts";
import { Scope, type Variables } from "../variables.ts";
import type { Ground } from "./ground.ts";

/** The template cannot be executed: a sentence for people. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateError";
  }
}

/** Stands for an argument whose step was skipped and names no default: the input's own default counts. */
export const ABSENT = "\0absent";

const LOCATIONS = ["raw", "http", "s3", "gcs", "oss", "azure", "key", "stored"] as const;
export const hasLocation = (artifact: Artifact): boolean =>
  LOCATIONS.some((field) => artifact[field] !== undefined);

/** `locals`: what is known of the node, around it the globals. Throws TemplateError and SubstitutionError. */
export async function withInputs(
  ground: Ground,
  template: Template,
  given: Arguments,
  locals: Variables,
  path: string,
  isExit: boolean,
): Promise<Template> {
  const parameters: Parameter[] = [];
  for (const input of template.inputs?.parameters ?? []) {
    const chosen = parameterOf(input, given.parameters);
    parameters.push(await fromConfigMap(ground, chosen, locals, `${path}!input.${input.name}`, isExit));
  }
  const artifacts = (template.inputs?.artifacts ?? []).map((input) => artifactOf(input, given.artifacts));
  const filled = { ...template, inputs: { ...template.inputs, parameters, artifacts } };
  return withVariables(ground, filled, locals);
}

/** Variables of the globals first, for inputs may name them, then those of the inputs. */
export function withVariables(ground: Ground, template: Template, locals: Variables): Template {
  const first = ground.substitution(locals).value(template, "none");
  return ground.substitution(inputScope(first, locals)).value(first, "none");
}

export function inputScope({ inputs, outputs }: Template, around: Variables): Scope {
  const scope = new Scope(around);
  const parameters = inputs?.parameters ?? [];
  for (const { name, value } of parameters)
    if (value !== undefined) scope.set(`inputs.parameters.${name}`, scalarText(value));
  scope.set("inputs.parameters", JSON.stringify(parameters));
  const written = outputs?.parameters?.map(({ name, valueFrom }) => ({ name, path: valueFrom?.path }));
  setPaths(scope, "inputs.artifacts", inputs?.artifacts);
  setPaths(scope, "outputs.artifacts", outputs?.artifacts);
  setPaths(scope, "outputs.parameters", written);
  return scope;
}

function setPaths(
  scope: Scope,
  prefix: string,
  all: readonly { readonly name: string; readonly path?: string | undefined }[] = [],
): void {
  for (const { name, path } of all) if (path !== undefined) scope.set(`${prefix}.${name}.path`, path);
}

function parameterOf(input: Parameter, given: Arguments["parameters"]): Parameter {
  const argument = given?.find(({ name }) => name === input.name);
  const standard = input.value ?? input.default;
  const own = standard === undefined ? input : { ...input, value: standard };
  if (argument?.value === ABSENT) {
    if (own.value !== undefined || own.valueFrom !== undefined) return own;
    throw new TemplateError(
      `inputs.parameters.${input.name}: argument references an absent optional (skipped/omitted node output with no default)`,
    );
  }
  if (argument === undefined) return own;
  const { value: _value, valueFrom: _from, ...rest } = own;
  if (argument.value !== undefined) return { ...rest, value: argument.value };
  return argument.valueFrom === undefined ? rest : { ...rest, valueFrom: argument.valueFrom };
}

/** The value of a key in a ConfigMap, of the definition or of where the run is. */
export async function fromConfigMap(
  ground: Ground,
  parameter: Parameter,
  variables: Variables,
  path: string,
  isExit: boolean,
): Promise<Parameter> {
  const { name, value, valueFrom } = parameter;
  const reference = valueFrom?.configMapKeyRef;
  if (reference === undefined) {
    if (value !== undefined) return parameter;
    if (valueFrom?.default !== undefined) return { name, value: valueFrom.default };
    throw new TemplateError(`inputs.parameters.${name} was not supplied`);
  }
  const { name: map, key } = ground.substitution(variables).value(reference, "all");
  const found = await lookUp(ground, map, key, path, isExit);
  const chosen = found ?? valueFrom?.default;
  if (chosen !== undefined) return { name, value: chosen };
  throw new TemplateError(
    `unable to retrieve inputs.parameters.${name} from ConfigMap: there is no key '${key}' in '${map}'`,
  );
}

async function lookUp(
  ground: Ground,
  configMap: string,
  key: string,
  path: string,
  isExit: boolean,
): Promise<string | undefined> {
  const own = ground.definition.configMaps?.find(({ metadata }) => metadata.name === configMap);
  if (own !== undefined) return own.data?.[key];
  const { namespace } = ground;
  const outcome = await ground.work(path, { argo: "lookup", namespace, configMap, key }, isExit);
  return outcome.is === "succeeded" && typeof outcome.result === "string" ? outcome.result : undefined;
}

function artifactOf(input: Artifact, given: Arguments["artifacts"]): Artifact {
  const argument = given?.find(({ name }) => name === input.name);
  if (argument !== undefined) {
    const { path, mode, archive } = input;
    return {
      ...argument,
      ...(input.optional === true ? { optional: true } : {}),
      ...(path === undefined ? {} : { path }),
      ...(mode === undefined ? {} : { mode }),
      ...(archive === undefined ? {} : { archive }),
    };
  }
  if (input.optional === true || hasLocation(input)) return input;
  throw new TemplateError(`inputs.artifacts.${input.name} was not supplied`);
}
