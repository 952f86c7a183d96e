/** What bounds every request, so that no client can take the control plane down (§11). */
export interface ApiLimits {
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Bytes of a body that declares a whole system: a hundred thousand small resources have 20 MB. */
  readonly declarationBytes: number;
  /** Bytes of a body in YAML, which takes far longer to read than JSON. */
  readonly yamlBytes: number;
  /** Objects and arrays within each other. */
  readonly depth: number;
  /** Operations of one JSON patch. */
  readonly patchOperations: number;
  /** Watches and followed logs at a time. */
  readonly streams: number;
  /** Bytes that may wait for a slow watcher; above them it gets nothing until it has read. */
  readonly waitingBytes: number;
  /** Milliseconds for a request's head to arrive. */
  readonly headTimeout: number;
  /** Milliseconds for the whole request to arrive. */
  readonly requestTimeout: number;
  readonly connections: number;
}

export const DEFAULT_LIMITS: ApiLimits = {
  bodyBytes: 16 << 20,
  declarationBytes: 64 << 20,
  yamlBytes: 1 << 20,
  depth: 100,
  patchOperations: 10_000,
  streams: 1000,
  waitingBytes: 1 << 20,
  headTimeout: 10_000,
  requestTimeout: 60_000,
  connections: 4000,
};
