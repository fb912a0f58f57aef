import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DnsReply, type Query, readQuery, writeReply } from '../../../src/live/dns-message.ts';
import { DnsServer } from '../../../src/live/dns-server.ts';

const asked: Query[] = [];
const dropped = { count: 0 };
let server: DnsServer;
let port = 0;

const a = (name: string, content: string): DnsReply['answers'][number] => ({
  name,
  type: 'A',
  ttlSeconds: 30,
  content,
});
const NAMES: Readonly<Record<string, DnsReply['answers']>> = {
  'www.example.com': [a('www.example.com', '192.0.2.1')],
  'many.example.com': Array.from({ length: 100 }, (_, i) => a('many.example.com', `192.0.2.${i}`)),
};

function answer(query: Query): DnsReply {
  asked.push(query);
  const answers = NAMES[query.name.toLowerCase()];
  const known = answers !== undefined;
  return {
    rcode: known ? 'NOERROR' : 'NXDOMAIN',
    authoritative: true,
    answers: answers ?? [],
    authority: [],
    scopeBits: 20,
  };
}

beforeAll(async () => {
  server = new DnsServer({
    host: '127.0.0.1',
    port: 0,
    answer,
    onDropped: () => (dropped.count += 1),
    onMistake: (error) => {
      throw error;
    },
  });
  ({ port } = await server.listen());
});
afterAll(() => server.close());

function query(name: string, more: object = {}): Buffer {
  return encode({ type: 'query', id: 7, flags: RECURSION_DESIRED, questions: [{ type: 'A', name }], ...more });
}

const EDNS = (options: object[] = [], udpPayloadSize = 1232, ednsVersion = 0): object => ({
  additionals: [{ type: 'OPT', name: '.', udpPayloadSize, ednsVersion, flags: 0, options }],
});

function overUdp(message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.on('message', (reply) => {
      socket.close();
      resolve(reply);
    });
    socket.send(message, port, '127.0.0.1');
  });
}

function overTcp(chunks: readonly Buffer[]): Promise<Buffer[]> {
  const socket = connect(port, '127.0.0.1');
  const replies: Buffer[] = [];
  let held = Buffer.alloc(0);
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        replies.push(held.subarray(2, 2 + length));
        held = held.subarray(2 + length);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(replies));
    const write = ([first, ...rest]: readonly Buffer[]): void => {
      if (first === undefined) return;
      socket.write(first, () => setImmediate(() => write(rest)));
    };
    write(chunks);
    socket.on('data', () => {
      if (replies.length === expected) socket.end();
    });
  });
}
let expected = 1;

function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(2 + message.length);
  frame.writeUInt16BE(message.length);
  message.copy(frame, 2);
  return frame;
}

const rcodeOf = (reply: Buffer): number => reply.readUInt16BE(2) & 15;

describe('over UDP', () => {
  test('the case of the question comes back, in question and answer', async () => {
    const reply = decode(await overUdp(query('wWw.ExAmPlE.cOm')));
    expect(reply.questions?.[0]?.name).toBe('wWw.ExAmPlE.cOm');
    expect(reply.answers).toMatchObject([{ name: 'wWw.ExAmPlE.cOm', type: 'A', ttl: 30, data: '192.0.2.1' }]);
    expect(reply).toMatchObject({ id: 7, flag_aa: true, flag_rd: true, flag_ra: false });
  });

  test('too much for 512 bytes: nothing but TC; with EDNS up to 1232', async () => {
    const short = await overUdp(query('many.example.com'));
    expect(short.length).toBeLessThanOrEqual(512);
    expect(decode(short)).toMatchObject({ flag_tc: true, answers: [] });
    const edns = await overUdp(query('many.example.com', EDNS([], 4096)));
    expect(decode(edns)).toMatchObject({ flag_tc: true, answers: [] });
    expect(edns.length).toBeLessThanOrEqual(1232);
  });

  test('EDNS is answered with EDNS, and none with none', async () => {
    expect(decode(await overUdp(query('www.example.com', EDNS()))).additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1232 },
    ]);
    expect(decode(await overUdp(query('www.example.com'))).additionals).toEqual([]);
  });

  test('a client subnet is handed over and sent back with its scope', async () => {
    const subnet = {
      code: 'CLIENT_SUBNET',
      family: 1,
      sourcePrefixLength: 24,
      scopePrefixLength: 0,
      ip: '198.51.100.0',
    };
    const reply = decode(await overUdp(query('www.example.com', EDNS([subnet]))));
    expect(asked.at(-1)!.clientSubnet).toEqual({ address: '198.51.100.0', prefixBits: 24 });
    expect(JSON.stringify(reply.additionals)).toContain('"scopePrefixLength":20');
  });

  test.each([
    ['a scope in a query', { family: 1, sourcePrefixLength: 24, scopePrefixLength: 8, ip: '198.51.100.0' }],
    [
      'a prefix longer than the address',
      { family: 1, sourcePrefixLength: 40, scopePrefixLength: 0, ip: '198.51.100.0' },
    ],
  ])('FORMERR for a client subnet with %s', async (_name, fields) => {
    const data = Buffer.concat([
      Buffer.from([0, fields.family, fields.sourcePrefixLength, fields.scopePrefixLength]),
      Buffer.alloc(Math.ceil(fields.sourcePrefixLength / 8)),
    ]);
    expect(rcodeOf(await overUdp(query('www.example.com', EDNS([{ code: 8, data }]))))).toBe(1);
  });

  test('BADVERS for a version of EDNS that is not there yet', async () => {
    const reply = decode(await overUdp(query('www.example.com', EDNS([], 1232, 1))));
    expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });

  test('NOTIMP for another opcode, REFUSED for another class', async () => {
    const update = query('www.example.com');
    update.writeUInt16BE(5 << 11, 2);
    expect(rcodeOf(await overUdp(update))).toBe(4);
    const chaos = query('www.example.com');
    chaos.writeUInt16BE(3, chaos.length - 2);
    expect(rcodeOf(await overUdp(chaos))).toBe(5);
  });

  test('garbage and answers are dropped, and the next query is answered', async () => {
    const before = dropped.count;
    const response = query('www.example.com');
    response.writeUInt16BE(0x8000, 2);
    const socket = createSocket('udp4');
    const garbage = [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(12), response, Buffer.alloc(40, 0xff)];
    for (const each of garbage) await new Promise((resolve) => socket.send(each, port, '127.0.0.1', resolve));
    socket.close();
    expect((await overUdp(query('www.example.com'))).length).toBeGreaterThan(12);
    // An empty datagram may not arrive at all.
    expect(dropped.count - before).toBeGreaterThanOrEqual(garbage.length - 2);
  });
});

describe('over TCP', () => {
  test('an answer of any length, never truncated', async () => {
    expected = 1;
    const [reply] = await overTcp([framed(query('many.example.com'))]);
    expect(decode(reply!).answers).toHaveLength(100);
  });

  test('several queries on one connection, byte by byte', async () => {
    expected = 3;
    const bytes = Buffer.concat([
      framed(query('www.example.com')),
      framed(query('x.example.com')),
      framed(query('many.example.com')),
    ]);
    const replies = await overTcp([...bytes].map((byte) => Buffer.from([byte])));
    expect(replies.map((reply) => decode(reply).answers?.length)).toEqual([1, 0, 100]);
  });

  test('garbage or a message too long ends the connection', async () => {
    expected = 99;
    expect(await overTcp([framed(Buffer.alloc(40, 0xff))])).toEqual([]);
    expect(await overTcp([Buffer.from([0xff, 0xff, 1, 2, 3])])).toEqual([]);
  });
});

describe('messages', () => {
  test('a dot inside a label is no border between two', () => {
    const message = query('x.example.com');
    message[13] = 0x2e;
    const read = readQuery(message, '192.0.2.9');
    expect(read).toMatchObject({ kind: 'query', query: { name: '\\..example.com' } });
  });

  test('every type of record that a zone can hold is written so that dns-packet reads it back', () => {
    const read = readQuery(query('example.com'), '192.0.2.9');
    if (read.kind !== 'query') throw new Error('no query');
    const record = (type: string, content: string, priority = 0): DnsReply['answers'][number] => ({
      name: 'example.com',
      type,
      ttlSeconds: 60,
      content,
      priority,
    });
    const answers = [
      record('AAAA', '2001:db8::1'),
      record('CNAME', 'www.example.com.'),
      record('NS', 'ns1.example.com'),
      record('MX', 'mail.example.com.', 10),
      record('TXT', '"one" "two \\"2\\""'),
      record('TXT', 'x'.repeat(300)),
      record('SRV', '5 5060 sip.example.com', 1),
      record('CAA', '0 issue "letsencrypt.org"'),
    ];
    const soa = {
      mname: 'ns1.example.com',
      rname: 'dns.example.com',
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minimum: 5,
    };
    const authority = [{ name: 'example.com', type: 'SOA', ttlSeconds: 5, soa }];
    const reply: Packet = decode(
      writeReply(read.query, { rcode: 'NOERROR', authoritative: true, answers, authority, scopeBits: 0 }, 'tcp'),
    );
    const data = (reply.answers as { data: unknown }[]).map((each) => each.data);
    expect(data.slice(0, 4)).toEqual([
      '2001:db8::1',
      'www.example.com',
      'ns1.example.com',
      { preference: 10, exchange: 'mail.example.com' },
    ]);
    expect((data[4] as Buffer[]).map(String)).toEqual(['one', 'two "2"']);
    expect((data[5] as Buffer[]).map((part) => part.length)).toEqual([255, 45]);
    expect(data[6]).toMatchObject({ priority: 1, weight: 5, port: 5060, target: 'sip.example.com' });
    expect(data[7]).toMatchObject({ flags: 0, tag: 'issue', value: 'letsencrypt.org' });
    expect((reply.authorities as { data: unknown }[])[0]!.data).toMatchObject(soa);
  });
});
