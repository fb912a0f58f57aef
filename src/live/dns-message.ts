/**
 * DNS messages for `dns-server.ts`: one query out of a message, and the reply to it. Records and EDNS options go through dns-packet;
 * header and question are read and copied here, exactly as they came.
 *
 *     0        2       4       6       8       10      12
 *     +--------+-------+-------+-------+-------+-------+----------------------+----------------+
 *     | id     | flags | 1     | an    | ns    | ar    | name, type, class    | … additional   |
 *     +--------+-------+-------+-------+-------+-------+----------------------+----------------+
 */
import { type Answer, decode, encode, type OptAnswer } from 'dns-packet';

const HEADER = 12;
const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const CD = 0x0010;
const FORMERR = 1;
const NOTIMP = 4;
const BADVERS = 16;
const IN = 1;
const ANY_CLASS = 255;
/** What our own datagrams may hold: no fragments on any path (DNS flag day 2020). */
const UDP_BYTES = 1_232;
const UDP_BYTES_WITHOUT_EDNS = 512;
const TCP_BYTES = 65_535;
const SUBNET_OPTION = 8;

export interface Query {
  /** As asked, without the last dot. */
  readonly name: string;
  /** `A`, `AAAA`, … `TYPE65` where there is no word. */
  readonly type: string;
  /** Address of whoever asks. */
  readonly resolver: string;
  readonly clientSubnet?: Subnet;
  readonly raw: RawQuery;
}

interface Subnet {
  readonly address: string;
  readonly prefixBits: number;
}

interface RawQuery {
  readonly id: number;
  readonly flags: number;
  readonly question: Buffer;
  /** Undefined without EDNS. */
  readonly edns:
    | {
        readonly payload: number;
        readonly subnet: { readonly family: number; readonly address: string; readonly bits: number } | undefined;
      }
    | undefined;
}

export interface ReplyRecord {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly content?: string;
  /** MX and SRV. */
  readonly priority?: number;
  readonly soa?: {
    readonly mname: string;
    readonly rname: string;
    readonly serial: number;
    readonly refresh: number;
    readonly retry: number;
    readonly expire: number;
    readonly minimum: number;
  };
}

export interface DnsReply {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'SERVFAIL';
  readonly authoritative: boolean;
  readonly answers: readonly ReplyRecord[];
  readonly authority: readonly ReplyRecord[];
  /** Bits of the client subnet that the answer depends on. */
  readonly scopeBits: number;
}

const RCODES: Readonly<Record<DnsReply['rcode'], number>> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** A query that deserves an answer, but not from the zones. */
  | { readonly kind: 'refused'; readonly reply: Buffer }
  | { readonly kind: 'dropped' };

const DROPPED: ReadQuery = { kind: 'dropped' };

export function readQuery(message: Buffer, resolver: string): ReadQuery {
  if (message.length < HEADER) return DROPPED;
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & QR) !== 0) return DROPPED;
  const refuse = (rcode: number): ReadQuery => ({ kind: 'refused', reply: headerOnly(id, flags, rcode) });
  if (((flags >> 11) & 15) !== 0) return refuse(NOTIMP);
  const [questions, answers] = [message.readUInt16BE(4), message.readUInt16BE(6)];
  if (questions !== 1 || answers !== 0) return questions === 0 ? DROPPED : refuse(FORMERR);
  const read = readName(message);
  if (read === undefined || read.end + 4 > message.length) return DROPPED;
  const type = message.readUInt16BE(read.end);
  const dnsClass = message.readUInt16BE(read.end + 2);
  const question = Buffer.from(message.subarray(HEADER, read.end + 4));
  let additionals: readonly Answer[];
  try {
    const decoded = decode(message);
    additionals = decoded.additionals ?? [];
  } catch {
    return refuse(FORMERR);
  }
  const opts = additionals.filter((each): each is OptAnswer => each.type === 'OPT');
  if (opts.length > 1) return refuse(FORMERR);
  const [opt] = opts;
  let edns: RawQuery['edns'];
  if (opt !== undefined) {
    const subnet = readSubnet(opt);
    if (subnet === 'bad') return refuse(FORMERR);
    edns = { payload: Math.max(UDP_BYTES_WITHOUT_EDNS, opt.udpPayloadSize), subnet };
  }
  const raw: RawQuery = { id, flags, question, edns };
  if (opt !== undefined && opt.ednsVersion > 0)
    return { kind: 'refused', reply: finish(raw, BADVERS, false, [], [], 0, 'tcp') };
  if (dnsClass !== IN && dnsClass !== ANY_CLASS)
    return { kind: 'refused', reply: finish(raw, RCODES.REFUSED, false, [], [], 0, 'tcp') };
  const subnet = edns?.subnet;
  return {
    kind: 'query',
    query: {
      name: read.name,
      type: TYPES.get(type) ?? `TYPE${type}`,
      resolver,
      ...(subnet === undefined ? {} : { clientSubnet: { address: subnet.address, prefixBits: subnet.bits } }),
      raw,
    },
  };
}

export function writeReply(query: Query, reply: DnsReply, transport: 'udp' | 'tcp'): Buffer {
  const { raw, name } = query;
  const write = (records: readonly ReplyRecord[]): Answer[] =>
    records.map((record) => toPacket(record, record.name === name.toLowerCase() ? name : record.name));
  return finish(
    raw,
    RCODES[reply.rcode],
    reply.authoritative,
    write(reply.answers),
    write(reply.authority),
    reply.scopeBits,
    transport,
  );
}

function finish(
  raw: RawQuery,
  rcode: number,
  authoritative: boolean,
  answers: Answer[],
  authorities: Answer[],
  scopeBits: number,
  transport: 'udp' | 'tcp',
): Buffer {
  const flags = QR | (authoritative ? AA : 0) | (raw.flags & (RD | CD)) | (rcode & 15);
  const additionals: Answer[] = raw.edns === undefined ? [] : [optRecord(raw.edns, rcode >> 4, scopeBits)];
  const limit = transport === 'tcp' ? TCP_BYTES : Math.min(UDP_BYTES, raw.edns?.payload ?? UDP_BYTES_WITHOUT_EDNS);
  const whole = assemble(raw, flags, answers, authorities, additionals);
  if (whole.length <= limit) return whole;
  return assemble(raw, flags | TC, [], [], additionals);
}

/** dns-packet writes no compression, so the question can be put in between as it came. */
function assemble(
  raw: RawQuery,
  flags: number,
  answers: Answer[],
  authorities: Answer[],
  additionals: Answer[],
): Buffer {
  const rest = encode({ type: 'response', id: raw.id, questions: [], answers, authorities, additionals });
  const whole = Buffer.concat([rest.subarray(0, HEADER), raw.question, rest.subarray(HEADER)]);
  whole.writeUInt16BE(flags, 2);
  whole.writeUInt16BE(1, 4);
  return whole;
}

function headerOnly(id: number, flags: number, rcode: number): Buffer {
  const reply = Buffer.alloc(HEADER);
  reply.writeUInt16BE(id, 0);
  reply.writeUInt16BE(QR | (flags & (0x7800 | RD)) | rcode, 2);
  return reply;
}

function optRecord({ subnet }: NonNullable<RawQuery['edns']>, extendedRcode: number, scopeBits: number): Answer {
  const options =
    subnet === undefined
      ? []
      : [
          {
            code: SUBNET_OPTION,
            family: subnet.family,
            sourcePrefixLength: subnet.bits,
            scopePrefixLength: Math.min(scopeBits, subnet.family === 1 ? 32 : 128),
            ip: subnet.address,
          },
        ];
  const record = {
    name: '.',
    type: 'OPT',
    udpPayloadSize: UDP_BYTES,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options,
  };
  return record as unknown as Answer;
}

/** RFC 7871 7.1.2: the family is known, the scope is 0, and no bits stand behind the prefix. */
function readSubnet(opt: OptAnswer): NonNullable<RawQuery['edns']>['subnet'] | 'bad' {
  const found = opt.options.find(
    (option) => Number(option.code) === SUBNET_OPTION || String(option.code) === 'CLIENT_SUBNET',
  );
  if (found === undefined) return undefined;
  const { data } = found as unknown as { data?: Buffer };
  if (data === undefined || data.length < 4) return 'bad';
  const family = data.readUInt16BE(0);
  const bits = data[2]!;
  const scope = data[3]!;
  const longest = family === 1 ? 32 : family === 2 ? 128 : -1;
  const bytes = Math.ceil(bits / 8);
  if (bits > longest || scope !== 0 || data.length !== 4 + bytes) return 'bad';
  const address = Buffer.alloc(longest / 8);
  data.copy(address, 0, 4);
  if (bits % 8 !== 0 && (address[bytes - 1]! & (0xff >> (bits % 8))) !== 0) return 'bad';
  return { family, bits, address: family === 1 ? [...address].join('.') : v6(address) };
}

function v6(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
}

/** Labels as latin-1; a dot inside a label is written `\.`, so that it cannot pass for two. No pointers: nothing stands before. */
function readName(message: Buffer): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = HEADER;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - HEADER + length > 254) return undefined;
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    if (at + 1 + length > message.length) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length).replaceAll('.', '\\.'));
    at += 1 + length;
  }
}

/** RFC 1035 and after: those that a configuration can hold, and those that are asked of everybody. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [13, 'HINFO'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [43, 'DS'],
  [48, 'DNSKEY'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [252, 'AXFR'],
  [255, 'ANY'],
  [257, 'CAA'],
]);

function toPacket(record: ReplyRecord, name: string): Answer {
  const { type, ttlSeconds: ttl, content = '', priority = 0, soa } = record;
  const make = (data: unknown): Answer => ({ name, type, ttl, class: 'IN', data }) as Answer;
  switch (type) {
    case 'SOA':
      return make(soa);
    case 'MX':
      return make({ preference: priority, exchange: withoutDot(content) });
    case 'TXT':
      return make(texts(content));
    case 'SRV': {
      const [weight = '0', port = '0', target = ''] = content.trim().split(/\s+/);
      return make({ priority, weight: Number(weight), port: Number(port), target: withoutDot(target) });
    }
    case 'CAA': {
      const match = /^(\d+)\s+(\S+)\s+"?([^"]*)"?$/.exec(content.trim());
      return make({ flags: Number(match?.[1] ?? 0), tag: match?.[2] ?? 'issue', value: match?.[3] ?? '' });
    }
    case 'HINFO':
      return make({ cpu: content, os: '' });
    case 'CNAME':
    case 'NS':
      return make(withoutDot(content));
    default:
      return make(content);
  }
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** `"one" "two"` or bare text, in strings of at most 255 bytes (RFC 1035 3.3.14). */
function texts(content: string): Buffer[] {
  const quoted = [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1'));
  const parts = quoted.length > 0 ? quoted : [content];
  return parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length || at === 0; at += 255) pieces.push(bytes.subarray(at, at + 255));
    return pieces;
  });
}
