/**
 * How much of a message we are willing to hold, each limit with its reason. Nothing here is about time: a sans-I/O
 * parser has no clock (see `live/proxy/limits.ts` for the time-outs).
 */
export interface MessageLimits {
  /** Bytes of a whole head, start line included. */
  readonly headBytes: number;
  /** Bytes of the request target; ignored for responses. */
  readonly targetBytes: number;
  /** Header fields in one head. */
  readonly fields: number;
  /** Bytes of the trailer section of a chunked body. */
  readonly trailerBytes: number;
  /**
   * Bytes of chunk framing that are not payload, beyond 16 bytes and twice the payload of each chunk. Same rule as Go's
   * net/http: someone who sends one-byte chunks or long extensions makes us work for nothing.
   */
  readonly chunkOverheadBytes: number;
}

/** Spec 6.1: request headers at most 32 KB, URL at most 16 KB. */
export const REQUEST_LIMITS: MessageLimits = {
  headBytes: 32 * 1024,
  targetBytes: 16 * 1024,
  fields: 128,
  trailerBytes: 8 * 1024,
  chunkOverheadBytes: 16 * 1024,
};

/** Spec 6.1: response headers at most 128 KB (error 520 above that). */
export const RESPONSE_LIMITS: MessageLimits = {
  headBytes: 128 * 1024,
  targetBytes: 0,
  fields: 256,
  trailerBytes: 32 * 1024,
  chunkOverheadBytes: 256 * 1024,
};

/** CRLFs tolerated before a request line (RFC 9112 2.2 asks for at least one). */
export const LEADING_CRLF_MAX = 4;
/** A method longer than this is noise, not an extension method. */
export const METHOD_BYTES_MAX = 32;
/** Content-Length digits: 15 decimal digits stay a safe integer. */
export const LENGTH_DIGITS_MAX = 15;
/** Chunk size digits, leading zeros included: 13 hex digits are 52 bits. */
export const CHUNK_DIGITS_MAX = 13;
/** Bytes of one chunk size line after the digits: extensions nobody uses, some abuse. */
export const CHUNK_EXTENSION_BYTES_MAX = 1024;
