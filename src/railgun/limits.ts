/**
 * Every limit of the link with its name and its reason (spec 12.12 and 12.14). A peer may announce smaller values in its
 * SETTINGS, never larger ones than we would accept ourselves. Times are microseconds, sizes bytes.
 */
import { US_PER_MS, US_PER_SECOND } from '../core/time.ts';

/** Largest frame payload: a two-byte varint length, and just under one TLS record of 16,384 B. */
export const MAX_FRAME_PAYLOAD = 16_383;
/** Stream ids stay below 2^30, the largest four-byte varint; a lane that gets there drains and a new one opens. */
export const MAX_STREAM_ID = 2 ** 30 - 1;
/** A head of HTTP: the usual ceiling of servers is 8 to 32 KiB; twice that is somebody's mistake. */
export const MAX_HEAD_BYTES = 65_536;
/** Head block plus target, addresses and fixed fields: what a REQUEST or RESPONSE may need before its body bytes. */
export const MAX_MESSAGE_BYTES = MAX_HEAD_BYTES + 32_768;
/** Most that `stream.size` can be: the manual says larger is of no use, and both ends buffer this much per stream. */
export const HARD_MAX_TARGET = 1_048_576;
/** 256 KiB a stream: 26 Mbit/s for one stream at 80 ms (D10). */
export const STREAM_CREDIT = 262_144;
/** 4 MiB a lane: 420 Mbit/s at 80 ms (D10). */
export const LANE_CREDIT = 4_194_304;
/** A peer that adds up more credit than this is broken or hostile. */
export const MAX_CREDIT = 2 ** 31 - 1;
/** Bytes given to the driver in one flush: four TLS records keep latency of a small answer behind it under 1 ms at 1 Gbit/s. */
export const MAX_FLUSH_BYTES = 65_536;
/** Body bytes queued for one stream before its producer is asked to wait. */
export const SEND_QUEUE_HIGH_WATER = 131_072;

export interface LaneLimits {
  /** Streams at once; `classic` profile: 1. */
  readonly maxStreams: number;
  readonly streamCredit: number;
  readonly laneCredit: number;
  readonly maxHeadBytes: number;
  /** `stream.size`: largest body that is compressed; `classic`: 250,000. */
  readonly maxTargetBytes: number;
  /** SETTINGS must be complete by then, or the lane closes. */
  readonly settingsTimeoutUs: number;
  /** PING after this long without receipt; below 60 s so that an ELB keeps the lane (RG-121). */
  readonly pingIdleUs: number;
  /** Nothing at all received this long after a PING: the lane is dead. */
  readonly pingTimeoutUs: number;
  /** PING after this long without receipt while requests are under way: a listener that died silently is found at once. */
  readonly probeUs: number;
  /** That PING not answered for this long, or four round trips: the lane takes no more requests until it is heard of again. */
  readonly suspectUs: number;
  /** How long a finished answer is kept for RESYNC. */
  readonly holdUs: number;
  /** Frames of no use (unknown, RESET, empty DATA, PING, SETTINGS) per second before we ask for calm. */
  readonly calmDownPerSecond: number;
  /** Where a lane ends for want of stream ids: it drains, a new one opens. */
  readonly maxStreamId: number;
  /** A lane older than this is replaced, make before break; 0 = never (RG-105). */
  readonly maxAgeUs: number;
}

export const RGX_LIMITS: LaneLimits = {
  maxStreams: 100,
  streamCredit: STREAM_CREDIT,
  laneCredit: LANE_CREDIT,
  maxHeadBytes: MAX_HEAD_BYTES,
  maxTargetBytes: HARD_MAX_TARGET,
  settingsTimeoutUs: 5 * US_PER_SECOND,
  pingIdleUs: 15 * US_PER_SECOND,
  pingTimeoutUs: 10 * US_PER_SECOND,
  probeUs: 500 * US_PER_MS,
  suspectUs: 500 * US_PER_MS,
  holdUs: 10 * US_PER_SECOND,
  calmDownPerSecond: 100,
  maxStreamId: MAX_STREAM_ID,
  maxAgeUs: 0,
};

/** As the original behaved: one request per lane at a time, bodies up to 250,000 B (D14). */
export const CLASSIC_LIMITS: LaneLimits = { ...RGX_LIMITS, maxStreams: 1, maxTargetBytes: 250_000 };

/** Retained answers of one listener process, all lanes together; oldest dropped first. */
export const HOLD_BUDGET_BYTES = 64 * 1024 * 1024;
/** Lanes from one sender to one listener host: `wan.lanes` of production. */
export const WAN_LANES = 1_000;
/** TCP and TLS of a new lane. No request waits for it. */
export const LANE_OPEN_TIMEOUT_US = 5 * US_PER_SECOND;
/** First wait after a failed open; doubles up to the ceiling. */
export const BACKOFF_FIRST_US = 500 * US_PER_MS;
/** A host that is back is found within half a minute. */
export const BACKOFF_CEILING_US = 30 * US_PER_SECOND;
/** After AUTH or VERSION a retry will fail the same way until a person acts. */
export const BACKOFF_AUTH_US = 60 * US_PER_SECOND;
/** `memcached.timeout`: longest wait for a stored page. */
export const LOOKUP_BUDGET_US = 100 * US_PER_MS;
/** Below this a delta saves nothing that a packet would notice. */
export const SMALL_BODY_BYTES = 1_024;
