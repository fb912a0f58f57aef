/**
 * Bounds of HTTP/2 connections, each with its reason. Time-outs are those of HTTP/1.1 (`limits.ts`), per stream; bounds of a single
 * message are in `http1/limits.ts`, because every stream's request passes through that reader.
 */
export interface Http2Limits {
  /** Streams at once on one connection (SETTINGS_MAX_CONCURRENT_STREAMS). RFC 9113 6.5.2 asks for at least 100. More of them, by a client that knows, end the connection. */
  readonly streams: number;
  /**
   * Bytes of a header list as RFC 9113 6.5.2 counts them: names, values, and 32 for each field. Above the 32 KiB that the reader
   * takes, so that the client is told 431; beyond this the stream is reset, and nothing more of the list is kept.
   */
  readonly headerListBytes: number;
  /** Fields in one list, each crumb of a cookie one of them. */
  readonly headerListFields: number;
  /** Bytes of one request's body that may wait here, and of a connection's that may be on their way. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Memory of one connection, MB, header tables and frames that wait included. */
  readonly memoryMb: number;
  /** SETTINGS in one frame, and answers to PING and SETTINGS that may wait to be taken. */
  readonly settingsEntries: number;
  readonly waitingPings: number;
  /** Frames that break the rules without ending the connection; streams opened beyond `streams`. Then it ends. */
  readonly invalidFrames: number;
  readonly rejectedStreams: number;
  /**
   * Attack: HEADERS and RST_STREAM in turns (CVE-2023-44487), or frames that make us do the resetting (CVE-2025-8671): work for
   * the origin that counts against no limit of streams. So many streams may end before their answer at once, and so many each second.
   */
  readonly cutStreamsBurst: number;
  readonly cutStreamsPerSecond: number;
  /** RST_STREAM frames of any kind, also for streams that were over: the framing layer counts these by its own clock. */
  readonly resetFramesBurst: number;
  readonly resetFramesPerSecond: number;
}

export const HTTP2_LIMITS: Http2Limits = {
  streams: 128,
  headerListBytes: 64 * 1024,
  headerListFields: 256,
  streamWindow: 256 * 1024,
  connectionWindow: 1024 * 1024,
  memoryMb: 16,
  settingsEntries: 32,
  waitingPings: 10,
  invalidFrames: 100,
  rejectedStreams: 100,
  cutStreamsBurst: 200,
  cutStreamsPerSecond: 20,
  resetFramesBurst: 1_000,
  resetFramesPerSecond: 100,
};

/** Authorities remembered for one connection as covered by its certificate, or not. */
export const AUTHORITIES_MAX = 64;
/** Idle halves of HTTP/1.1 kept for one connection's next streams. */
export const IDLE_HALVES_MAX = 32;
/** A client that does not take our last GOAWAY is cut after so long. */
export const GOODBYE_MS = 2_000;
/** Between the announcement of the end and the end, for a client that does not say that it has heard. */
export const SETTLE_MS = 250;
