/**
 * The provider of an own kind: every call of the contract is a call of a function in a process of its own (functions.ts).
 *
 *     desired ──secrets opened──> function ──answer──> checked against the schema ──secrets sealed──> observation
 *
 *  - Secrets are open in the call alone: what it prints or puts out in the open is without them, or refused.
 *  - What it throws is the contract's: TerminalError, RequeueAfter, or anything else, which is tried again.
 */
import type { Clock } from "../../clock/clock.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { COMMON, type ProviderSource } from "../../kinds/own-kind.ts";
import { type JsonSchema, bodySchema, childSchema } from "../../kinds/schema.ts";
import { type Keyring, isSealed } from "../../model/sealed.ts";
import { adoptedId } from "../../provider/adoption.ts";
import {
  type CallContext,
  type Desired,
  type Found,
  type Identity,
  type Observation,
  type Obstacle,
  type Prospect,
  type Provider,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { redact, secretWords } from "../../provider/redaction.ts";
import type { Failure } from "../../workflow/run/failure.ts";
import { FunctionFailed } from "./function-process.ts";
import { Functions } from "./functions.ts";

export const CLASS = "custom";

export interface CustomOptions {
  readonly kind: AnyKind;
  readonly source: ProviderSource;
  readonly clock: Clock;
  /** What its functions printed about a thing, without secrets; at most a few thousand characters. */
  readonly told?: (identity: Identity, text: string) => void;
}

type Spec = Readonly<Record<string, unknown>>;
const MOST_TOLD = 2000;

export interface CustomProvider extends Provider {
  /** Of the processes that run now. */
  readonly pids: () => readonly number[];
  readonly retire: () => void;
  readonly close: () => void;
}

export function customProvider(options: CustomOptions): CustomProvider {
  const { kind, source, clock } = options;
  const functions = new Functions(source, clock);
  const calls = new Calls(options, functions);
  const has = new Set(source.calls);
  return {
    kind: kind.kind,
    class: CLASS,
    capabilities: [`functions of ${source.module}`],
    parallelism: source.parallelism ?? 16,
    observe: (desired, context) => calls.observe(desired, context),
    ensure: (desired, context) => calls.ensure(desired, context),
    remove: (desired, context) => calls.remove(desired, context),
    ...(has.has("list") ? { list: (context: CallContext, where: Spec) => calls.list(context, where) } : {}),
    ...(has.has("adopt")
      ? { adopt: (desired: Desired, id: string, context: CallContext) => calls.adopt(desired, id, context) }
      : {}),
    ...(has.has("release")
      ? { release: (desired: Desired, context: CallContext) => calls.release(desired, context) }
      : {}),
    ...(has.has("obstacles")
      ? { obstacles: (prospect: Prospect, context: CallContext) => calls.obstacles(prospect, context) }
      : {}),
    pids: () => functions.pids,
    retire: () => functions.retire(),
    close: () => functions.close(),
  };
}

class Calls {
  readonly #options: CustomOptions;
  readonly #functions: Functions;

  constructor(options: CustomOptions, functions: Functions) {
    this.#options = options;
    this.#functions = functions;
  }

  async observe(desired: Desired, context: CallContext): Promise<Observation | undefined> {
    const answer = await this.#about("observe", desired, context);
    return answer === null ? undefined : this.#observation(answer, context.keyring);
  }

  async ensure(desired: Desired, context: CallContext): Promise<Observation> {
    return this.#observation(await this.#about("ensure", desired, context), context.keyring);
  }

  async adopt(desired: Desired, id: string, context: CallContext): Promise<Observation> {
    return this.#observation(await this.#about("adopt", desired, context, { id }), context.keyring);
  }

  async release(desired: Desired, context: CallContext): Promise<void> {
    await this.#about("release", desired, context);
  }

  /** What it holds is its own business: nothing of it is said to be kept. */
  async remove(desired: Desired, context: CallContext): Promise<readonly string[]> {
    await this.#about("remove", desired, context);
    return [];
  }

  async list(context: CallContext, where: Spec): Promise<readonly Found[]> {
    const answer = await this.#call("list", { where: context.keyring.openAll(where) }, LISTING, context);
    return answer as readonly Found[];
  }

  async obstacles(prospect: Prospect, context: CallContext): Promise<readonly Obstacle[]> {
    const spec = prospect.resolved?.();
    // What refers to something that is not there yet cannot be judged.
    if (spec === undefined) return [];
    const { namespace, name } = prospect;
    const identity = { kind: this.#options.kind.kind, namespace, name, uid: "" };
    const input = inputOf({ identity, spec, status: undefined }, context.keyring);
    return (await this.#call("obstacles", input, identity, context)) as readonly Obstacle[];
  }

  #about(name: string, desired: Desired, context: CallContext, more: object = {}): Promise<unknown> {
    return this.#call(
      name,
      { ...inputOf(desired, context.keyring), ...more },
      desired.identity,
      context,
      desired.spec,
    );
  }

  async #call(
    name: string,
    input: object,
    identity: Identity,
    { signal, keyring }: CallContext,
    spec?: unknown,
  ): Promise<unknown> {
    const words = secretsIn([spec, input], keyring);
    const lines: string[] = [];
    try {
      const answer = await this.#functions.call(
        {
          handler: `${this.#options.kind.kind}.${name}`,
          input,
          about: `${identity.namespace}/${identity.name}`,
          subject: identity.uid === "" ? `${identity.namespace}/${identity.name}` : identity.uid,
          say: (line) => void lines.push(redact(line, words)),
        },
        signal,
      );
      return inTheOpen(answer, words, this.#options.kind);
    } catch (error) {
      throw outcomeOf(error, words);
    } finally {
      if (lines.length > 0) this.#options.told?.(identity, lines.join("\n").slice(0, MOST_TOLD));
    }
  }

  #observation(answer: unknown, keyring: Keyring): Observation {
    const { kind } = this.#options;
    const { outputs, actual, ...rest } = answer as Observation;
    const sealed = Object.entries(outputs).map(([name, value]): readonly [string, unknown] => [
      name,
      kind.outputs[name]?.secret === true ? sealAll(value, keyring) : value,
    ]);
    return {
      ...rest,
      outputs: Object.fromEntries(sealed),
      ...(actual === undefined
        ? {}
        : { actual: sealMarked(actual, childSchema(bodySchema(kind), "spec"), keyring) as Spec }),
    };
  }
}

const LISTING: Identity = { kind: "", namespace: "", name: "list", uid: "list" };

/** What a function is given; its secrets are open. */
function inputOf({ identity, spec, status, annotations }: Desired, keyring: Keyring): object {
  const { kind: _, ...who } = identity;
  const all = spec as Spec;
  const adopted = adoptedId({
    status: status as { readonly adopted?: string } | undefined,
    annotations: annotations ?? {},
  });
  return {
    ...who,
    spec: keyring.openAll(Object.fromEntries(Object.entries(all).filter(([name]) => !COMMON.has(name)))),
    location: all["location"] ?? "local",
    outputs: keyring.openAll(status ?? {}),
    ...(adopted === undefined ? {} : { adopted }),
  };
}

/** Words of what is sealed within. */
function secretsIn(value: unknown, keyring: Keyring): readonly string[] {
  if (isSealed(value)) return secretWords(keyring.open(value));
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((member) => secretsIn(member, keyring));
}

function sealAll(value: unknown, keyring: Keyring): unknown {
  if (typeof value === "string") return keyring.seal(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => sealAll(item, keyring));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, sealAll(member, keyring)]));
}

function sealMarked(value: unknown, schema: JsonSchema | undefined, keyring: Keyring): unknown {
  if (schema?.secret === true) return sealAll(value, keyring);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value))
    return value.map((item, at) => sealMarked(item, childSchema(schema, at), keyring));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      sealMarked(member, childSchema(schema, name), keyring),
    ]),
  );
}

/** Refuses an answer that shows a secret where it is printed. */
function inTheOpen(answer: unknown, words: readonly string[], kind: AnyKind): unknown {
  const { outputs } = (answer ?? {}) as { readonly outputs?: Spec };
  if (words.length === 0 || outputs === undefined) return answer;
  const shown = Object.entries(outputs).find(([name, value]) => {
    const text = kind.outputs[name]?.secret === true ? "" : JSON.stringify(value);
    return words.some((word) => text.includes(word));
  });
  if (shown === undefined) return answer;
  throw new TerminalError({
    code: "SecretInTheOpen",
    message: `The output '${shown[0]}' of ${kind.kind} holds a secret, and is printed.`,
    hint: "Mark it in the schema: .meta({ secret: true }).",
  });
}

function outcomeOf(error: unknown, words: readonly string[]): unknown {
  if (!(error instanceof FunctionFailed)) return error;
  const {
    class: is,
    error: name,
    message,
    details,
  } = error.failure as Failure & { readonly details?: unknown };
  const text = redact(message, words);
  const { delay, hint, path } = (details ?? {}) as { delay?: unknown; hint?: unknown; path?: unknown };
  if (name === "RequeueAfter" && typeof delay === "number") return new RequeueAfter(Math.max(0, delay), text);
  if (is !== "Terminal") return new Error(text);
  return new TerminalError({
    code: name === "TerminalError" ? "Refused" : name,
    message: sentence(text),
    ...(typeof hint === "string" ? { hint: redact(hint, words) } : {}),
    ...(typeof path === "string" ? { path } : {}),
  });
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
