/** Templates as trees. `at` is the offset in the text. Source: the grammar in Go's documentation of text/template. */
import type { Value } from "./value.ts";

export type Operand =
  | { readonly is: "dot"; readonly at: number; readonly path: readonly string[] }
  | { readonly is: "variable"; readonly at: number; readonly name: string; readonly path: readonly string[] }
  | { readonly is: "constant"; readonly at: number; readonly value: Value }
  | { readonly is: "function"; readonly at: number; readonly name: string }
  | {
      readonly is: "pipeline";
      readonly at: number;
      readonly pipeline: Pipeline;
      readonly path: readonly string[];
    };

/** A first operand and its arguments. */
export interface Command {
  readonly operands: readonly [Operand, ...Operand[]];
}

export interface Pipeline {
  readonly at: number;
  /** What it declares or, with `assigns`, sets; two only in `range`. */
  readonly variables: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "action"; readonly pipeline: Pipeline }
  | Branch
  | { readonly is: "template"; readonly at: number; readonly name: string; readonly pipeline?: Pipeline }
  | { readonly is: "break" | "continue" };

export interface Branch {
  readonly is: "if" | "with" | "range";
  readonly at: number;
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** The text a tree came from, for messages. */
export interface Origin {
  readonly name: string;
  readonly text: string;
}

/** What a `define` holds, or a whole text. */
export interface Definition {
  readonly origin: Origin;
  readonly nodes: readonly Node[];
}

export type Definitions = ReadonlyMap<string, Definition>;
