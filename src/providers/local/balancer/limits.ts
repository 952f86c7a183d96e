/** Bounds that hold for every listener. Times in milliseconds, sizes in bytes. */
export const LIMITS = {
  /** All header fields of a request together (answered 431). */
  requestHeaderBytes: 16 * 1024,
  /** Header fields of a request (answered 431). */
  requestHeaderCount: 200,
  /** Head of a member's response (answered 502). */
  responseHeaderBytes: 64 * 1024,
  /** From the first byte of a connection or request to the end of its headers (answered 408). */
  headersTimeoutMs: 10_000,
  /** How often the headers timeout is looked at. */
  headersCheckMs: 1_000,
  /** A client's idle connection. */
  keepAliveTimeoutMs: 75_000,
  /** TLS handshake. */
  handshakeTimeoutMs: 10_000,
  /** Open client connections of one listener. */
  connections: 10_000,
  /** Request body kept for a retry. */
  replayBytes: 64 * 1024,
  /** Response bodies up to this size leave in one write with their head. */
  joinedBytes: 8 * 1024,
  /** Idle connections kept to one member. */
  idleConnections: 256,
  /**
   * An idle connection to a member is not used after this long: below the 5 s after which common servers
   * (Node's among them) close it, so the race against that close is rare.
   */
  idleConnectionMs: 4_000,
  /** Requests held while no member is ready, per pool. */
  queueLength: 10_000,
  /** How long a member that refused a connection is passed over; doubles with each refusal in a row. */
  backoffFirstMs: 50,
  backoffLongestMs: 2_000,
  /** A held request tries again after this long even if nothing was reported. */
  queueRetryMs: 50,
  /** Wait for a member's 100 (Continue) before the body is sent anyway. */
  continueTimeoutMs: 1_000,
  /** Clients whose requests one route counts at once. */
  rateLimitClients: 100_000,
  /** Addresses whose member one pool remembers. */
  seats: 100_000,
  /** Body of a control request. */
  controlBodyBytes: 16 * 1024 * 1024,
  /** In-flight work is given this long after SIGTERM. */
  shutdownMs: 10_000,
} as const;
