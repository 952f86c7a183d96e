/** The world of a recorded case: what tasks answer, by state and input, then in order; the objects that can be read. */
import { parseItems } from "../../../src/dialects/states-language/item-reader.ts";
import type { Json } from "../../../src/model/resource.ts";
import { isSame } from "./compare.ts";

export interface RecordedTask {
  readonly state: string;
  readonly state_input: Json;
  readonly outcome: RecordedOutcome;
}

export interface RecordedOutcome {
  readonly output?: Json;
  readonly error?: string;
  readonly cause?: Json;
  readonly timed_out?: boolean;
}

/** What the world answers. */
export interface World {
  readonly tasks: readonly RecordedTask[];
  /** Tasks that were accepted before they answered, as callbacks are. */
  readonly submitted: number;
  readonly lambda_handlers?: readonly string[];
  readonly s3_objects?: readonly { readonly Bucket: string; readonly Key: string; readonly Body: string }[];
  /** When the execution is stopped by a person. */
  readonly stops: boolean;
}

export interface Asked {
  readonly state: string;
  readonly stateInput: Json;
  readonly resource: string;
  readonly arguments: Json;
}

const nothing = { redactions: [], skip_paths: [] };

/** Takes what was recorded for the task out of `left`. */
export function answer(asked: Asked, left: RecordedTask[], world: World): RecordedOutcome {
  const ofState = left.filter((one) => one.state === asked.state);
  const found = ofState.find((one) => isSame(one.state_input, asked.stateInput, nothing)) ?? ofState[0];
  if (found === undefined) return byHandler(asked, world.lambda_handlers?.[0]);
  left.splice(left.indexOf(found), 1);
  return found.outcome;
}

/** Tasks whose outcome no history holds: those of express executions and of distributed iterations. */
function byHandler(asked: Asked, handler: string | undefined): RecordedOutcome {
  if (handler?.startsWith("raise") === true) return { error: "Exception", cause: "{}" };
  const given = asked.arguments as { readonly Payload?: Json };
  return asked.resource.endsWith("lambda:invoke")
    ? { output: { Payload: given.Payload ?? {}, StatusCode: 200 } }
    : { output: asked.arguments };
}

export function causeText({ cause }: RecordedOutcome): string | undefined {
  return cause === undefined || typeof cause === "string" ? cause : JSON.stringify(cause);
}

/** The items that an ItemReader asks for; undefined where there is no such object. Throws what is wrong with it. */
export function read(
  asked: Pick<Asked, "resource" | "arguments"> & { readonly config: Json },
  world: World,
): readonly Json[] | undefined {
  const wanted = asked.arguments as { readonly Bucket?: string; readonly Key?: string };
  const objects = (world.s3_objects ?? []).filter(({ Bucket }) => Bucket === wanted.Bucket);
  if (asked.resource.endsWith("listObjectsV2"))
    return objects.map(({ Key, Body }) => ({
      Key,
      Size: Body.length,
      Etag: "<etag>",
      StorageClass: "STANDARD",
      LastModified: 0,
    }));
  const found = objects.find(({ Key }) => Key === wanted.Key);
  return found === undefined ? undefined : parseItems(found.Body, asked.config as object);
}
