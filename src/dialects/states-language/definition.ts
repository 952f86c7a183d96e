/**
 * The shape of a States Language definition that has passed validation (validation/validate.ts). One flat type for all states: which
 * fields a type allows is the validator's table, so it is said once.
 */
import type { Json } from "../../model/resource.ts";

export type QueryLanguage = "JSONPath" | "JSONata";
type StateType = "Task" | "Pass" | "Choice" | "Wait" | "Succeed" | "Fail" | "Parallel" | "Map";

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: "FULL" | "NONE";
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly ResultPath?: string | null;
  readonly Output?: Json;
  readonly Assign?: Json;
}

/** A data test or a Condition; at the top level with Next. */
export interface ChoiceRule {
  readonly Next?: string;
  readonly Condition?: string | boolean;
  readonly Variable?: string;
  readonly And?: readonly ChoiceRule[];
  readonly Or?: readonly ChoiceRule[];
  readonly Not?: ChoiceRule;
  readonly Output?: Json;
  readonly Assign?: Json;
  readonly [operator: string]: unknown;
}

export interface ItemReader {
  readonly Resource: string;
  readonly Parameters?: Json;
  readonly Arguments?: Json;
  readonly ReaderConfig?: {
    readonly InputType?: string;
    readonly CSVHeaderLocation?: "FIRST_ROW" | "GIVEN";
    readonly CSVHeaders?: readonly string[];
    readonly CSVDelimiter?: string;
    readonly MaxItems?: number | string;
    readonly MaxItemsPath?: string;
    readonly Transformation?: string;
  };
}

export interface ItemBatcher {
  readonly BatchInput?: Json;
  readonly MaxItemsPerBatch?: number | string;
  readonly MaxItemsPerBatchPath?: string;
  readonly MaxInputBytesPerBatch?: number | string;
  readonly MaxInputBytesPerBatchPath?: string;
}

export interface State {
  readonly Type: StateType;
  readonly QueryLanguage?: QueryLanguage;
  readonly Next?: string;
  readonly End?: boolean;

  readonly InputPath?: string | null;
  readonly Parameters?: Json;
  readonly ResultSelector?: Json;
  readonly ResultPath?: string | null;
  readonly OutputPath?: string | null;
  readonly Arguments?: Json;
  readonly Output?: Json;
  readonly Assign?: Json;
  readonly Result?: Json;

  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];

  readonly Resource?: string;
  readonly Credentials?: Json;
  readonly TimeoutSeconds?: number | string;
  readonly TimeoutSecondsPath?: string;
  readonly HeartbeatSeconds?: number | string;
  readonly HeartbeatSecondsPath?: string;

  readonly Choices?: readonly ChoiceRule[];
  readonly Default?: string;

  readonly Seconds?: number | string;
  readonly SecondsPath?: string;
  readonly Timestamp?: string;
  readonly TimestampPath?: string;

  readonly Error?: string;
  readonly ErrorPath?: string;
  readonly Cause?: string;
  readonly CausePath?: string;

  readonly Branches?: readonly StateMachine[];
  readonly ItemProcessor?: StateMachine;
  readonly Iterator?: StateMachine;
  readonly Items?: Json;
  readonly ItemsPath?: string;
  readonly ItemSelector?: Json;
  readonly ItemReader?: ItemReader;
  readonly ItemBatcher?: ItemBatcher;
  readonly ResultWriter?: {
    readonly Resource?: string;
    readonly Parameters?: Json;
    readonly Arguments?: Json;
  };
  readonly MaxConcurrency?: number | string;
  readonly MaxConcurrencyPath?: string;
  readonly ToleratedFailureCount?: number | string;
  readonly ToleratedFailureCountPath?: string;
  readonly ToleratedFailurePercentage?: number | string;
  readonly ToleratedFailurePercentagePath?: string;
}

export interface StateMachine {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
  readonly QueryLanguage?: QueryLanguage;
  readonly TimeoutSeconds?: number;
  readonly ProcessorConfig?: { readonly Mode?: "INLINE" | "DISTRIBUTED"; readonly ExecutionType?: string };
}

export function processorOf(state: State): StateMachine {
  const processor = state.ItemProcessor ?? state.Iterator;
  if (processor === undefined) throw new Error("A Map state without ItemProcessor passed validation.");
  return processor;
}

export function isDistributed(state: State): boolean {
  return state.Type === "Map" && processorOf(state).ProcessorConfig?.Mode === "DISTRIBUTED";
}
