/** The settings of an instance that only classes with containers have: kinds/container.ts, resolved. */

export interface ContainerBeside {
  readonly name: string;
  /** The instance's own when absent. */
  readonly image?: string;
  readonly command?: string | readonly string[];
  /** Values may be sealed. */
  readonly env: Readonly<Record<string, string | number | boolean>>;
}

export interface ContainerSettings {
  readonly image?: string;
  /** `sha256:...`: the exact image, as it was when the plan was made. */
  readonly digest?: string;
  readonly pull?: { readonly policy: "missing" | "always" | "never"; readonly secret?: string };
  readonly build?: {
    readonly context: string;
    readonly dockerfile: string;
    readonly target?: string;
    readonly args: Readonly<Record<string, string>>;
  };
  readonly user?: string;
  readonly capabilities?: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly readOnlyRoot?: boolean;
  readonly gpus?: "all" | number;
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly labels?: Readonly<Record<string, string>>;
  readonly aliases?: readonly string[];
  readonly tmpfs?: readonly { readonly path: string; readonly size?: string }[];
  /** Contents may be sealed. */
  readonly files?: readonly { readonly path: string; readonly content: string; readonly mode: string }[];
  readonly init?: readonly ContainerBeside[];
  readonly sidecars?: readonly ContainerBeside[];
}
