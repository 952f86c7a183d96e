/**
 * The messages of plugin protocol 5 and 6, as far as they are used here, in both directions. The two differ in the names of
 * some calls and messages, and in that 6 has nested attributes; one table says which is called what.
 *
 * What is int64 on the wire is read and written as int32: both are the same bytes, and no version or index is larger.
 */
import type { Root, Type as MessageType } from "protobufjs";

export type Protocol = 5 | 6;

const SHARED = `
message DynamicValue { bytes msgpack = 1; bytes json = 2; }
message Diagnostic { int32 severity = 1; string summary = 2; string detail = 3; AttributePath attribute = 4; }
message AttributePath {
  message Step { oneof selector { string attribute_name = 1; string element_key_string = 2; int32 element_key_int = 3; } }
  repeated Step steps = 1;
}
message RawState { bytes json = 1; map<string, string> flatmap = 2; }
message ServerCapabilities {
  bool plan_destroy = 1; bool get_provider_schema_optional = 2; bool move_resource_state = 3; bool generate_resource_config = 4;
}
message ClientCapabilities { bool deferral_allowed = 1; bool write_only_attributes_allowed = 2; }
message Deferred { int32 reason = 1; }
message Identity { DynamicValue identity_data = 1; }
message Block {
  int32 version = 1; repeated Attribute attributes = 2; repeated NestedBlock block_types = 3;
  string description = 4; int32 description_kind = 5; bool deprecated = 6;
}
message NestedBlock { string type_name = 1; Block block = 2; int32 nesting = 3; int32 min_items = 4; int32 max_items = 5; }
message Schema { int32 version = 1; Block block = 2; }
message Empty {}

message SchemaAnswer {
  Schema provider = 1; map<string, Schema> resource_schemas = 2; map<string, Schema> data_source_schemas = 3;
  repeated Diagnostic diagnostics = 4; Schema provider_meta = 5; ServerCapabilities server_capabilities = 6;
}
message TypeName { string type_name = 1; }
message MetadataAnswer {
  ServerCapabilities server_capabilities = 1; repeated Diagnostic diagnostics = 2;
  repeated TypeName data_sources = 3; repeated TypeName resources = 4;
}
message ValidateProvider { DynamicValue config = 1; }
message ValidateProviderAnswer { DynamicValue prepared_config = 1; repeated Diagnostic diagnostics = 2; }
message Validate { string type_name = 1; DynamicValue config = 2; ClientCapabilities client_capabilities = 3; }
message ValidateAnswer { repeated Diagnostic diagnostics = 1; }
message Configure { string terraform_version = 1; DynamicValue config = 2; ClientCapabilities client_capabilities = 3; }
message ConfigureAnswer { repeated Diagnostic diagnostics = 1; }
message Upgrade { string type_name = 1; int32 version = 2; RawState raw_state = 3; }
message UpgradeAnswer { DynamicValue upgraded_state = 1; repeated Diagnostic diagnostics = 2; }
message Read {
  string type_name = 1; DynamicValue current_state = 2; bytes private = 3; DynamicValue provider_meta = 4;
  ClientCapabilities client_capabilities = 5; Identity current_identity = 6;
}
message ReadAnswer {
  DynamicValue new_state = 1; repeated Diagnostic diagnostics = 2; bytes private = 3; Deferred deferred = 4; Identity new_identity = 5;
}
message Plan {
  string type_name = 1; DynamicValue prior_state = 2; DynamicValue proposed_new_state = 3; DynamicValue config = 4;
  bytes prior_private = 5; DynamicValue provider_meta = 6; ClientCapabilities client_capabilities = 7; Identity prior_identity = 8;
}
message PlanAnswer {
  DynamicValue planned_state = 1; repeated AttributePath requires_replace = 2; bytes planned_private = 3;
  repeated Diagnostic diagnostics = 4; bool legacy_type_system = 5; Deferred deferred = 6; Identity planned_identity = 7;
}
message Apply {
  string type_name = 1; DynamicValue prior_state = 2; DynamicValue planned_state = 3; DynamicValue config = 4;
  bytes planned_private = 5; DynamicValue provider_meta = 6; Identity planned_identity = 7;
}
message ApplyAnswer {
  DynamicValue new_state = 1; bytes private = 2; repeated Diagnostic diagnostics = 3; bool legacy_type_system = 4; Identity new_identity = 5;
}
message Import { string type_name = 1; string id = 2; ClientCapabilities client_capabilities = 3; Identity identity = 4; }
message Imported { string type_name = 1; DynamicValue state = 2; bytes private = 3; Identity identity = 4; }
message ImportAnswer { repeated Imported imported_resources = 1; repeated Diagnostic diagnostics = 2; Deferred deferred = 3; }
message Move {
  string source_provider_address = 1; string source_type_name = 2; int32 source_schema_version = 3; RawState source_state = 4;
  string target_type_name = 5; bytes source_private = 6; RawState source_identity = 7; int32 source_identity_schema_version = 8;
}
message MoveAnswer {
  DynamicValue target_state = 1; repeated Diagnostic diagnostics = 2; bytes target_private = 3; Identity target_identity = 4;
}
message ReadData { string type_name = 1; DynamicValue config = 2; DynamicValue provider_meta = 3; ClientCapabilities client_capabilities = 4; }
message ReadDataAnswer { DynamicValue state = 1; repeated Diagnostic diagnostics = 2; Deferred deferred = 3; }
message StopAnswer { string Error = 1; }
`;

const ATTRIBUTE: Readonly<Record<Protocol, string>> = {
  5: `message Attribute {
  string name = 1; bytes type = 2; string description = 3; bool required = 4; bool optional = 5; bool computed = 6;
  bool sensitive = 7; int32 description_kind = 8; bool deprecated = 9; bool write_only = 10;
}`,
  6: `message Attribute {
  string name = 1; bytes type = 2; string description = 3; bool required = 4; bool optional = 5; bool computed = 6;
  bool sensitive = 7; int32 description_kind = 8; bool deprecated = 9; NestedObject nested_type = 10; bool write_only = 11;
}
message NestedObject { repeated Attribute attributes = 1; int32 nesting = 3; }`,
};

interface Call {
  /** Message of the request, and of the answer: message names never go over the wire, only the paths do. */
  readonly request: string;
  readonly answer: string;
  readonly name: Readonly<Record<Protocol, string>>;
}

function call(request: string, answer: string, five: string, six = five): Call {
  return { request, answer, name: { 5: five, 6: six } };
}

export const CALLS = {
  metadata: call("Empty", "MetadataAnswer", "GetMetadata"),
  schema: call("Empty", "SchemaAnswer", "GetSchema", "GetProviderSchema"),
  validateProvider: call(
    "ValidateProvider",
    "ValidateProviderAnswer",
    "PrepareProviderConfig",
    "ValidateProviderConfig",
  ),
  validateResource: call(
    "Validate",
    "ValidateAnswer",
    "ValidateResourceTypeConfig",
    "ValidateResourceConfig",
  ),
  validateData: call("Validate", "ValidateAnswer", "ValidateDataSourceConfig", "ValidateDataResourceConfig"),
  configure: call("Configure", "ConfigureAnswer", "Configure", "ConfigureProvider"),
  upgrade: call("Upgrade", "UpgradeAnswer", "UpgradeResourceState"),
  read: call("Read", "ReadAnswer", "ReadResource"),
  plan: call("Plan", "PlanAnswer", "PlanResourceChange"),
  apply: call("Apply", "ApplyAnswer", "ApplyResourceChange"),
  import: call("Import", "ImportAnswer", "ImportResourceState"),
  move: call("Move", "MoveAnswer", "MoveResourceState"),
  readData: call("ReadData", "ReadDataAnswer", "ReadDataSource"),
  stop: call("Empty", "StopAnswer", "Stop", "StopProvider"),
} as const;

export type CallName = keyof typeof CALLS;

/** What is called: `/tfplugin6.Provider/GetProviderSchema`. */
export function pathOf(name: CallName, protocol: Protocol): string {
  return `/tfplugin${protocol}.Provider/${CALLS[name].name[protocol]}`;
}

const roots = new Map<Protocol, Promise<Root>>();

/** The library is loaded with the first message that is needed. */
export async function messagesOf(protocol: Protocol): Promise<(name: string) => MessageType> {
  let root = roots.get(protocol);
  if (root === undefined) {
    root = import("protobufjs").then(
      ({ default: protobuf }) =>
        protobuf.parse(`syntax = "proto3";${SHARED}${ATTRIBUTE[protocol]}`, { keepCase: true }).root,
    );
    roots.set(protocol, root);
  }
  const found = await root;
  return (name) => found.lookupType(name);
}
