/** The same graph of things without effect, as a declaration of ours and as one of terraform's. */

export const SHAPES = ["independent", "layered", "chain"] as const;
export type Shape = (typeof SHAPES)[number];

const LAYERS = 10;

interface Node {
  readonly name: string;
  readonly index: number;
  /** Indices of those that it refers to. */
  readonly needs: readonly number[];
}

/** `layered`: ten layers, each refers to two of the layer before. `chain`: each refers to the one before. */
export function nodesOf(shape: Shape, size: number): readonly Node[] {
  return Array.from({ length: size }, (_, index) => ({
    name: `n${index}`,
    index,
    needs: needsOf(shape, size, index),
  }));
}

function needsOf(shape: Shape, size: number, index: number): readonly number[] {
  if (shape === "independent" || index === 0) return [];
  if (shape === "chain") return [index - 1];
  const width = Math.max(2, Math.floor(size / LAYERS));
  const start = Math.floor(index / width) * width;
  if (start === 0) return [];
  const place = index - start;
  return [start - width + (place % width), start - width + ((place * 7 + 1) % width)];
}

/** Inputs of a node: three attributes; `changed` alters one of them in node 0's place. */
function inputsOf(
  node: Node,
  changed: number,
  referTo: (name: string) => string,
): Readonly<Record<string, string>> {
  const [first, second = first] = node.needs;
  return {
    name: `thing ${node.index}`,
    zone: first === undefined ? `zone-${node.index % 7}` : referTo(`n${first}`),
    size:
      second === undefined || second === first
        ? String(node.index === 0 ? 100 + changed : node.index)
        : referTo(`n${second}`),
  };
}

/** Resources in one file: a file of a declaration has at most 4 MB. */
const IN_FILE = 10_000;

/** Files of a declaration, by name. */
export function yamlOf(
  system: string,
  shape: Shape,
  size: number,
  changed = 0,
): Readonly<Record<string, string>> {
  const documents = nodesOf(shape, size).map((node) => {
    const input = inputsOf(node, changed, (other) => `\${resource.${other}.status.output.name}`);
    return `---
kind: Resource
metadata: { name: ${node.name} }
spec:
  class: data
  config:
    name: "${input["name"]}"
    zone: "${input["zone"]}"
    size: "${input["size"]}"
`;
  });
  const head = `kind: System\nmetadata: { name: ${system} }\nspec: {}\n`;
  const files = Array.from({ length: Math.ceil(size / IN_FILE) }, (_, index) => {
    const text = documents.slice(index * IN_FILE, (index + 1) * IN_FILE).join("");
    return [`part-${String(index).padStart(3, "0")}.yaml`, index === 0 ? head + text : text];
  });
  return Object.fromEntries(files) as Record<string, string>;
}

export function hclOf(shape: Shape, size: number, changed = 0): string {
  return nodesOf(shape, size)
    .map((node) => {
      const {
        name,
        zone,
        size: extent,
      } = inputsOf(node, changed, (other) => `\${terraform_data.${other}.output.name}`);
      return `resource "terraform_data" "${node.name}" {
  input = {
    name = "${name}"
    zone = "${zone}"
    size = "${extent}"
  }
}
`;
    })
    .join("");
}

/** What an apply of `hclOf` leaves behind as terraform's state. */
export function stateOf(shape: Shape, size: number): string {
  const nodes = nodesOf(shape, size);
  const inputs: Readonly<Record<string, string>>[] = [];
  const ancestors: ReadonlySet<number>[] = [];
  const resources = nodes.map((node) => {
    const input = inputsOf(node, 0, (other) => inputs[Number(other.slice(1))]?.["name"] ?? "");
    inputs.push(input);
    const above = new Set(node.needs.flatMap((need) => [need, ...(ancestors[need] ?? [])]));
    ancestors.push(above);
    const value = { value: input, type: ["object", { name: "string", size: "string", zone: "string" }] };
    return {
      mode: "managed",
      type: "terraform_data",
      name: node.name,
      provider: 'provider["terraform.io/builtin/terraform"]',
      instances: [
        {
          schema_version: 0,
          attributes: { id: idOf(node.index), input: value, output: value, triggers_replace: null },
          sensitive_attributes: [],
          ...(above.size === 0
            ? {}
            : { dependencies: [...above].map((index) => `terraform_data.n${index}`).toSorted() }),
        },
      ],
    };
  });
  return JSON.stringify({
    version: 4,
    terraform_version: "1.11.4",
    serial: size + 1,
    lineage: idOf(size),
    outputs: {},
    resources,
    check_results: null,
  });
}

function idOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
}
