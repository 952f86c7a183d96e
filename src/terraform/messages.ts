/** The messages' members as programs see them; names are those of the wire (descriptor.ts). What is left out is empty. */
export interface DynamicValue {
  readonly msgpack?: Uint8Array;
  readonly json?: Uint8Array;
}

export interface WirePath {
  readonly steps: readonly {
    readonly selector?: "attribute_name" | "element_key_string" | "element_key_int";
    readonly attribute_name?: string;
    readonly element_key_string?: string;
    readonly element_key_int?: number;
  }[];
}

export interface WireDiagnostic {
  /** 1 error, 2 warning. */
  readonly severity: number;
  readonly summary: string;
  readonly detail?: string;
  readonly attribute?: WirePath | null;
}

export interface WireAttribute {
  readonly name: string;
  readonly type?: Uint8Array;
  readonly nested_type?: { readonly attributes: readonly WireAttribute[]; readonly nesting: number } | null;
  readonly description?: string;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
  readonly sensitive?: boolean;
  readonly deprecated?: boolean;
  readonly write_only?: boolean;
}

export interface WireBlock {
  readonly attributes?: readonly WireAttribute[];
  readonly block_types?: readonly {
    readonly type_name: string;
    readonly block?: WireBlock | null;
    /** 1 SINGLE, 2 LIST, 3 SET, 4 MAP, 5 GROUP. */
    readonly nesting: number;
    readonly min_items?: number;
    readonly max_items?: number;
  }[];
  readonly description?: string;
  readonly deprecated?: boolean;
}

export interface WireSchema {
  readonly version?: number;
  readonly block?: WireBlock | null;
}

interface ClientCapabilities {
  readonly deferral_allowed?: boolean;
  readonly write_only_attributes_allowed?: boolean;
}

interface Answer {
  readonly diagnostics?: readonly WireDiagnostic[];
}

/** For each call what is asked and what is answered. */
export interface Calls {
  readonly metadata: [
    object,
    Answer & {
      readonly resources?: readonly { readonly type_name: string }[];
      readonly data_sources?: readonly { readonly type_name: string }[];
    },
  ];
  readonly schema: [
    object,
    Answer & {
      readonly provider?: WireSchema | null;
      readonly resource_schemas: Readonly<Record<string, WireSchema>>;
      readonly data_source_schemas: Readonly<Record<string, WireSchema>>;
      readonly provider_meta?: WireSchema | null;
      readonly server_capabilities?: {
        readonly plan_destroy?: boolean;
        readonly move_resource_state?: boolean;
      } | null;
    },
  ];
  readonly validateProvider: [
    { readonly config: DynamicValue },
    Answer & { readonly prepared_config?: DynamicValue | null },
  ];
  readonly validateResource: [Validate, Answer];
  readonly validateData: [Validate, Answer];
  readonly configure: [
    {
      readonly terraform_version: string;
      readonly config: DynamicValue;
      readonly client_capabilities?: ClientCapabilities;
    },
    Answer,
  ];
  readonly upgrade: [
    {
      readonly type_name: string;
      readonly version: number;
      readonly raw_state: { readonly json: Uint8Array };
    },
    Answer & { readonly upgraded_state?: DynamicValue | null },
  ];
  readonly read: [
    {
      readonly type_name: string;
      readonly current_state: DynamicValue;
      readonly private: Uint8Array;
      readonly client_capabilities?: ClientCapabilities;
    },
    Answer & { readonly new_state?: DynamicValue | null; readonly private: Uint8Array },
  ];
  readonly plan: [
    {
      readonly type_name: string;
      readonly prior_state: DynamicValue;
      readonly proposed_new_state: DynamicValue;
      readonly config: DynamicValue;
      readonly prior_private: Uint8Array;
      readonly client_capabilities?: ClientCapabilities;
    },
    Answer & {
      readonly planned_state?: DynamicValue | null;
      readonly requires_replace: readonly WirePath[];
      readonly planned_private: Uint8Array;
      readonly legacy_type_system?: boolean;
    },
  ];
  readonly apply: [
    {
      readonly type_name: string;
      readonly prior_state: DynamicValue;
      readonly planned_state: DynamicValue;
      readonly config: DynamicValue;
      readonly planned_private: Uint8Array;
    },
    Answer & {
      readonly new_state?: DynamicValue | null;
      readonly private: Uint8Array;
      readonly legacy_type_system?: boolean;
    },
  ];
  readonly import: [
    { readonly type_name: string; readonly id: string },
    Answer & {
      readonly imported_resources: readonly {
        readonly type_name: string;
        readonly state?: DynamicValue | null;
        readonly private: Uint8Array;
      }[];
    },
  ];
  readonly move: [
    {
      readonly source_provider_address: string;
      readonly source_type_name: string;
      readonly source_schema_version: number;
      readonly source_state: { readonly json: Uint8Array };
      readonly target_type_name: string;
      readonly source_private: Uint8Array;
    },
    Answer & { readonly target_state?: DynamicValue | null; readonly target_private: Uint8Array },
  ];
  readonly readData: [
    {
      readonly type_name: string;
      readonly config: DynamicValue;
      readonly client_capabilities?: ClientCapabilities;
    },
    Answer & { readonly state?: DynamicValue | null },
  ];
  readonly stop: [object, { readonly Error?: string }];
}

interface Validate {
  readonly type_name: string;
  readonly config: DynamicValue;
  readonly client_capabilities?: ClientCapabilities;
}
