/**
 * The first frame both ways (spec 12.4): what each end can do, how much it is ready to hold, and the proof that it knows the
 * activation token. The proof is an HMAC over a value exported from this very TLS session (RFC 8446 section 7.5), so nothing on the
 * wire can be used a second time.
 *
 *   "RGX1"  then  { varint id, varint length, value } …        unknown ids are skipped
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAX_CREDIT, type LaneLimits } from './limits.ts';
import { PayloadReader, PayloadWriter, fromLatin1, latin1, sameBytes } from './payload.ts';
import { varintLength, writeVarint } from './varint.ts';

export const PROTOCOL_VERSION = 1;
/** What TLS negotiates by ALPN; without it the connection is closed before a machine is made. */
export const ALPN = 'rgx/1';
/** Label for `tlsSocket.exportKeyingMaterial(32, EXPORTER_LABEL)`. */
export const EXPORTER_LABEL = 'EXPORTER-rgx-1';
export const EXPORTER_LENGTH = 32;

/** It becomes part of a store key. */
const PLACE = /^[A-Za-z0-9_-]{0,32}$/;

const MAGIC = fromLatin1('RGX1');

export type Role = 'sender' | 'listener';

export interface Settings {
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly role: Role;
  /** First four characters of the build's hash: the last field of `Cf-Railgun`. */
  readonly agent: string;
  readonly maxStreams: number;
  readonly streamCredit: number;
  readonly laneCredit: number;
  readonly maxHeadBytes: number;
  readonly maxTargetBytes: number;
  /** Bit n: delta codec n can be decoded. */
  readonly codecs: number;
  /** Bit n: block compression n can be undone. */
  readonly blockCompressions: number;
  readonly proof: Uint8Array;
  readonly pingIdleSeconds: number;
  /** 8 bytes from the sender; visible stream ids derive from it. */
  readonly laneNonce: Uint8Array;
  readonly listenerId: string;
  /** Which edge place the sender serves; its versions are kept apart from those of other places. */
  readonly place: string;
}

const Id = {
  minVersion: 1,
  maxVersion: 2,
  role: 3,
  agent: 4,
  maxStreams: 5,
  streamCredit: 6,
  laneCredit: 7,
  maxHeadBytes: 8,
  maxTargetBytes: 9,
  codecs: 10,
  blockCompressions: 11,
  senderProof: 12,
  listenerProof: 13,
  pingIdleSeconds: 14,
  laneNonce: 15,
  listenerId: 16,
  place: 17,
} as const;

/** HMAC-SHA-256(token, exporter ‖ "snd" or "lst" ‖ railgun id). */
export function proofOf(role: Role, token: string, exporter: Uint8Array, railgunId: string): Uint8Array {
  const label = role === 'sender' ? 'snd' : 'lst';
  return createHmac('sha256', token).update(exporter).update(label).update(railgunId).digest();
}

export function proofHolds(proof: Uint8Array, expected: Uint8Array): boolean {
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}

/** Our side's SETTINGS from our limits. */
export function ownSettings(
  role: Role,
  limits: LaneLimits,
  own: {
    readonly agent: string;
    readonly codecs: number;
    readonly blockCompressions: number;
    readonly proof: Uint8Array;
    readonly laneNonce: Uint8Array;
    readonly listenerId: string;
    readonly place: string;
  },
): Settings {
  return {
    minVersion: PROTOCOL_VERSION,
    maxVersion: PROTOCOL_VERSION,
    role,
    maxStreams: limits.maxStreams,
    streamCredit: limits.streamCredit,
    laneCredit: limits.laneCredit,
    maxHeadBytes: limits.maxHeadBytes,
    maxTargetBytes: limits.maxTargetBytes,
    pingIdleSeconds: Math.max(1, Math.floor(limits.pingIdleUs / 1_000_000)),
    ...own,
  };
}

export function encodeSettings(settings: Settings): Uint8Array {
  const out = new PayloadWriter().raw(MAGIC);
  const number = (id: number, value: number): void => {
    const bytes = new Uint8Array(varintLength(value));
    writeVarint(bytes, 0, value);
    out.varint(id).block(bytes);
  };
  number(Id.minVersion, settings.minVersion);
  number(Id.maxVersion, settings.maxVersion);
  number(Id.role, settings.role === 'sender' ? 1 : 2);
  out.varint(Id.agent).text(settings.agent);
  number(Id.maxStreams, settings.maxStreams);
  number(Id.streamCredit, settings.streamCredit);
  number(Id.laneCredit, settings.laneCredit);
  number(Id.maxHeadBytes, settings.maxHeadBytes);
  number(Id.maxTargetBytes, settings.maxTargetBytes);
  number(Id.codecs, settings.codecs);
  number(Id.blockCompressions, settings.blockCompressions);
  out.varint(settings.role === 'sender' ? Id.senderProof : Id.listenerProof).block(settings.proof);
  number(Id.pingIdleSeconds, settings.pingIdleSeconds);
  if (settings.laneNonce.length > 0) out.varint(Id.laneNonce).block(settings.laneNonce);
  if (settings.listenerId !== '') out.varint(Id.listenerId).text(settings.listenerId);
  if (settings.place !== '') out.varint(Id.place).text(settings.place);
  return out.finish();
}

/** The peer's SETTINGS, or a sentence saying why they are none. `from` is the role the peer must have. */
export function parseSettings(payload: Uint8Array, from: Role): Settings | string {
  const reader = new PayloadReader(payload);
  if (!sameBytes(reader.take(MAGIC.length), MAGIC)) return 'SETTINGS without the magic RGX1';
  const numbers = new Map<number, number>();
  const blocks = new Map<number, Uint8Array>();
  while (reader.ok && reader.left > 0) {
    const id = reader.varint();
    const value = reader.block(payload.length);
    if (blocks.has(id)) return `SETTINGS name id ${id} twice`;
    blocks.set(id, value);
    const inside = new PayloadReader(value);
    const number = inside.varint();
    if (inside.ok && inside.left === 0) numbers.set(id, number);
  }
  if (!reader.ok) return 'SETTINGS end in the middle of a value';
  const required = [Id.minVersion, Id.maxVersion, Id.role, Id.maxStreams, Id.streamCredit, Id.laneCredit, Id.codecs];
  for (const id of required) if (!numbers.has(id)) return `SETTINGS lack id ${id}`;
  const number = (id: number, fallback: number): number => numbers.get(id) ?? fallback;
  if (number(Id.role, 0) !== (from === 'sender' ? 1 : 2)) return `SETTINGS do not come from a ${from}`;
  const place = latin1(blocks.get(Id.place) ?? new Uint8Array(0));
  if (!PLACE.test(place)) return 'SETTINGS with a place that is no short word';
  const streamCredit = number(Id.streamCredit, 0);
  const laneCredit = number(Id.laneCredit, 0);
  if (streamCredit > MAX_CREDIT || laneCredit > MAX_CREDIT) return 'SETTINGS with a credit beyond the limit';
  return {
    minVersion: number(Id.minVersion, 0),
    maxVersion: number(Id.maxVersion, 0),
    role: from,
    agent: latin1(blocks.get(Id.agent) ?? new Uint8Array(0)),
    maxStreams: number(Id.maxStreams, 1),
    streamCredit,
    laneCredit,
    maxHeadBytes: number(Id.maxHeadBytes, 65_536),
    maxTargetBytes: number(Id.maxTargetBytes, 250_000),
    codecs: number(Id.codecs, 0),
    blockCompressions: number(Id.blockCompressions, 1),
    proof: Uint8Array.from(blocks.get(from === 'sender' ? Id.senderProof : Id.listenerProof) ?? []),
    pingIdleSeconds: number(Id.pingIdleSeconds, 15),
    laneNonce: Uint8Array.from(blocks.get(Id.laneNonce) ?? []),
    listenerId: latin1(blocks.get(Id.listenerId) ?? new Uint8Array(0)),
    place,
  };
}

/** Highest version that both speak, or `undefined`. */
export function commonVersion(settings: Settings): number | undefined {
  return settings.minVersion <= PROTOCOL_VERSION && settings.maxVersion >= PROTOCOL_VERSION
    ? PROTOCOL_VERSION
    : undefined;
}
