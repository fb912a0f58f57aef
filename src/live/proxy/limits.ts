/**
 * Time-outs and bounds of the live data path, each with its reason. Bounds of a single message are in
 * `http1/limits.ts`. All of them can be set by whoever starts the engine.
 */
export interface ProxyLimits {
  /** From the first byte of a head, or from accept, to the end of the head: slowloris -H. */
  readonly headMs: number;
  /** Client connection between two requests (spec 6.1). */
  readonly clientIdleMs: number;
  /** A client that takes nothing of what we have written: slow read. */
  readonly clientWriteMs: number;
  /** A request body must bring `dripBytes` of payload in every `dripMs`. Same rate as Kestrel: 240 B/s. */
  readonly dripMs: number;
  readonly dripBytes: number;
  /** After a client's FIN with an answer outstanding: how long we take it for a half-close rather than a goodbye. */
  readonly halfCloseMs: number;
  /** After the last answer: how long and how much we still read, so that a reset does not destroy the answer. */
  readonly lingerMs: number;
  readonly lingerBytes: number;
  /** A tunnel on which neither side says anything. */
  readonly tunnelIdleMs: number;
  /** Pipelined bytes kept while an exchange runs; the socket is paused above it. */
  readonly backlogBytes: number;

  /** Origin: TCP connect, TLS handshake, silence, stalled write, idle connection (spec 6.1). */
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly readMs: number;
  readonly writeMs: number;
  readonly originIdleMs: number;
  /** Idle connections kept for one origin; more are closed, the oldest first. */
  readonly originIdleMax: number;
  /** Connections to one origin, busy ones included: requests in flight there. */
  readonly originConnections: number;

  /** Client connections in all, and from one address. */
  readonly connections: number;
  readonly connectionsPerClient: number;
  /** Requests in flight in this process. */
  readonly exchanges: number;
}

export const PROXY_LIMITS: ProxyLimits = {
  headMs: 10_000,
  clientIdleMs: 400_000,
  clientWriteMs: 30_000,
  dripMs: 5_000,
  dripBytes: 1_200,
  halfCloseMs: 500,
  lingerMs: 2_000,
  lingerBytes: 1024 * 1024,
  tunnelIdleMs: 900_000,
  backlogBytes: 64 * 1024,
  connectMs: 19_000,
  handshakeMs: 19_000,
  readMs: 100_000,
  writeMs: 30_000,
  originIdleMs: 900_000,
  originIdleMax: 512,
  originConnections: 4_096,
  connections: 50_000,
  connectionsPerClient: 8_192,
  exchanges: 20_000,
};

/** Size of one read. Large reads are what makes large bodies cheap. */
export const READ_BYTES = 64 * 1024;
/**
 * Room in front of an origin's reads, where the head for the client is written so that head and body are one piece
 * and one write. Heads that do not fit go out as a second piece.
 */
export const HEADROOM_BYTES = 4 * 1024;
/** Period of the wheel that runs all time-outs. */
export const TICK_MS = 250;
