/**
 * Rendering for one notification. Rendering is synchronous, so that what functions need of the notification at hand (its
 * route's labels, the time) can be kept here while it lasts.
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { type Definitions, type Template, parseDefinitions, parseTemplate } from "../template/template.ts";
import type { TemplateFunction, Value } from "../template/value.ts";
import { DEFAULT_TEMPLATES } from "./default-templates.ts";
import { DeliveryError, type Notification } from "./integration.ts";
import { templateData } from "./template-data.ts";
import { notificationFunctions } from "./template-functions.ts";

export interface Rendering {
  /** Throws a DeliveryError that names `what` and holds nothing of the template. */
  text(template: string, what?: string): string;
  html(template: string, what?: string): string;
  /** Every text in it; a text that renders to JSON of a list or map becomes that. */
  deep(value: unknown): unknown;
}

/** Templates parsed once; configurations have few. */
const MAX_PARSED = 1000;

export class Renderer {
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #definitions: Definitions;
  readonly #parsed = new Map<string, Template>();
  #now = 0;
  #routeLabel: (name: string) => string = () => "";

  /** Throws a DiagnosticError when one of the files is no template. */
  constructor(files: readonly { readonly name: string; readonly text: string }[] = []) {
    this.#functions = notificationFunctions({
      now: () => this.#now,
      routeLabel: (name) => this.#routeLabel(name),
    });
    this.#definitions = parseDefinitions([{ name: "defaults", text: DEFAULT_TEMPLATES }, ...files], {
      functions: this.#functions,
    });
  }

  /** Throws a DiagnosticError when it is no template. */
  check(template: string): void {
    parseTemplate(template, { functions: this.#functions, definitions: this.#definitions });
  }

  /** `maxAlerts` as in webhookPayload. */
  of(notification: Notification, maxAlerts = 0): Rendering {
    const { alerts } = notification;
    const shown = maxAlerts === 0 ? notification : { ...notification, alerts: alerts.slice(0, maxAlerts) };
    let prepared: { readonly data: Value; readonly labels: Readonly<Record<string, string>> } | undefined;
    const render = (template: string, what: string, escape?: "html"): string => {
      if (!template.includes("{{")) return template;
      try {
        prepared ??= this.#prepare(shown);
        const { data, labels } = prepared;
        this.#now = shown.now;
        this.#routeLabel = (name) => labels[name] ?? "";
        return this.#template(template, escape).render(data);
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        const [diagnostic] = error.diagnostics;
        const reason = what === "the address" ? "" : `: ${diagnostic?.message ?? ""}`;
        throw new DeliveryError(`The template of ${what} failed${reason}`.replace(/([^.])$/, "$1."), {
          isTemporary: false,
        });
      }
    };
    const text = (template: string, what = "the message"): string => render(template, what);
    const deep = (value: unknown): unknown => {
      if (typeof value === "string") return structured(text(value, "the payload"));
      if (Array.isArray(value)) return value.map(deep);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [text(name), deep(member)]));
    };
    return { text, deep, html: (template, what = "the message") => render(template, what, "html") };
  }

  #template(text: string, escape: "html" | undefined): Template {
    const key = `${escape ?? "text"}:${text}`;
    const known = this.#parsed.get(key);
    if (known !== undefined) return known;
    const options = { functions: this.#functions, definitions: this.#definitions };
    const template = parseTemplate(text, escape === undefined ? options : { ...options, escape });
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear();
    this.#parsed.set(key, template);
    return template;
  }

  #prepare(notification: Notification) {
    const labels = this.#routeLabels(notification);
    return { labels, data: templateData(notification, labels) };
  }

  /** A label of a route may refer to others; those it leads back to are a mistake. */
  #routeLabels(notification: Notification): Readonly<Record<string, string>> {
    const raw = notification.routeLabels;
    const names = Object.keys(raw);
    if (names.length === 0) return {};
    const data = templateData(notification, raw);
    const rendered = new Map<string, string>();
    const underway: string[] = [];
    const render = (name: string): string => {
      const known = rendered.get(name);
      const template = raw[name];
      if (known !== undefined || template === undefined) return known ?? "";
      if (underway.includes(name))
        throw new Error(`the route's labels refer to each other: ${[...underway, name].join(", ")}`);
      underway.push(name);
      const text = this.#template(template, undefined).render(data);
      underway.pop();
      rendered.set(name, text);
      return text;
    };
    this.#now = notification.now;
    this.#routeLabel = render;
    for (const name of names) render(name);
    return Object.fromEntries(rendered);
  }
}

/** Templates can give lists and maps only as JSON. */
function structured(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
