/**
 * Go's text/template for alerts and notifications: text in which `{{ ... }}` is replaced by what it says of the data.
 *
 *   text --lexer--> tokens --parse--> tree (Definition) --render--> text
 *
 * Functions and data are the caller's: rules (metrics/rules/) have `query` and `$labels`, notifications
 * (metrics/alerting/) have `.Alerts.Firing`. What Go's own package brings (`and`, `printf`, `len`, `eq` ...) is always there.
 *
 * Invariants
 *  T1 A template that parses has no unknown function and no unknown variable; unknown fields and templates show when it is rendered.
 *  T2 Rendering ends: its output, its steps and the depth of templates in templates are bounded.
 *  T3 Whatever is wrong is a DiagnosticError (InvalidTemplate when read, TemplateFailed when rendered) with line and
 *     column in the template's text.
 *
 * Source: pkg.go.dev/text/template; Prometheus' "Template reference", Alertmanager's "Notification template reference".
 */
import type { Definition, Definitions } from "./ast.ts";
import { builtins } from "./builtins.ts";
import { define, parse } from "./parse.ts";
import { render } from "./render.ts";
import type { TemplateFunction, Value } from "./value.ts";

export type { Definitions } from "./ast.ts";

export interface TemplateOptions {
  /** By name; they may replace Go's own. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
  /** What `{{ template "name" . }}` finds, besides what the text itself defines: from `parseDefinitions`. */
  readonly definitions?: Definitions;
  /** Named in messages. */
  readonly name?: string;
  /** Variables that `render` gives values to, without the dollar: `labels` for `$labels`. */
  readonly variables?: readonly string[];
  /** `html`: what actions print is escaped, unless it is a Composite.text(SAFE_HTML, ...). */
  readonly escape?: "html";
  readonly limits?: Partial<TemplateLimits>;
}

export interface TemplateLimits {
  /** Characters. */
  readonly output: number;
  /** Actions and calls run, rounds of `range`. */
  readonly steps: number;
}

const LIMITS: TemplateLimits = { output: 1_000_000, steps: 1_000_000 };

export class Template {
  readonly #main: Definition;
  readonly #definitions: Definitions;
  readonly #options: TemplateOptions;

  constructor(main: Definition, definitions: Definitions, options: TemplateOptions) {
    this.#main = main;
    this.#definitions = definitions;
    this.#options = options;
  }

  /** Throws a DiagnosticError (TemplateFailed). */
  render(data: Value, variables: Readonly<Record<string, Value>> = {}): string {
    const { functions, escape, limits } = this.#options;
    return render(this.#main, data, variables, {
      functions: { ...builtins, ...functions },
      definitions: this.#definitions,
      escapesHtml: escape === "html",
      limits: { ...LIMITS, ...limits },
    });
  }
}

/** Throws a DiagnosticError (InvalidTemplate). */
export function parseTemplate(text: string, options: TemplateOptions = {}): Template {
  const parsed = parseWith(text, options);
  return new Template(parsed.main, merged([options.definitions ?? new Map(), parsed.definitions]), options);
}

/**
 * What files of templates define, with Go's rule that the later definition of a name wins unless it is empty.
 * Throws a DiagnosticError (InvalidTemplate).
 */
export function parseDefinitions(
  texts: readonly { readonly name: string; readonly text: string }[],
  options: Pick<TemplateOptions, "functions" | "variables"> = {},
): Definitions {
  return merged(texts.map(({ name, text }) => parseWith(text, { ...options, name }).definitions));
}

function merged(all: readonly Definitions[]): Definitions {
  const definitions = new Map<string, Definition>();
  for (const each of all) for (const [name, definition] of each) define(definitions, name, definition);
  return definitions;
}

function parseWith(text: string, { functions, name, variables }: TemplateOptions): ReturnType<typeof parse> {
  return parse({ name: name ?? "template", text }, { ...builtins, ...functions }, variables ?? []);
}
