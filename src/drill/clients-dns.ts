/** One question over UDP to the DNS server of an edge, as a resolver asks it: twice at most, and answers that are not ours are ignored. */
import { createSocket } from 'node:dgram';
import packet, { type DecodedPacket } from 'dns-packet';
import type { Endpoint } from './lab.ts';
import { DNS_LIMIT_MS, DNS_TRIES, type DnsReply } from './wire.ts';

/** What the edge may answer in one datagram (the common default of resolvers). */
const UDP_BYTES = 1_232;

export async function askDns(server: Endpoint, name: string, id: number): Promise<DnsReply | undefined> {
  for (let attempt = 0; attempt < DNS_TRIES; attempt += 1) {
    const reply = await askOnce(server, name, id);
    if (reply !== undefined) return readReply(reply);
  }
  return undefined;
}

function askOnce(server: Endpoint, name: string, id: number): Promise<DecodedPacket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
    const finish = (reply: DecodedPacket | undefined): void => {
      clearTimeout(limit);
      socket.removeAllListeners('message');
      socket.close();
      resolve(reply);
    };
    const limit = setTimeout(() => finish(undefined), DNS_LIMIT_MS);
    socket.on('error', () => finish(undefined));
    socket.on('message', (bytes) => {
      const reply = decode(bytes);
      if (reply?.id === id && reply.type === 'response') finish(reply);
    });
    const question = packet.encode({
      type: 'query',
      id,
      flags: packet.RECURSION_DESIRED,
      questions: [{ type: 'A', name }],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: UDP_BYTES,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    });
    socket.send(question, server.port, server.host);
  });
}

function decode(bytes: Buffer): DecodedPacket | undefined {
  try {
    return packet.decode(bytes);
  } catch {
    return undefined;
  }
}

export function readReply(reply: Pick<DecodedPacket, 'answers' | 'authorities'>): DnsReply {
  const addresses: string[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  for (const answer of reply.answers ?? []) {
    if (answer.type === 'A' || answer.type === 'AAAA') {
      addresses.push(answer.data);
      ttl = Math.min(ttl, answer.ttl ?? 0);
    } else if (answer.type === 'CNAME') ttl = Math.min(ttl, answer.ttl ?? 0);
  }
  for (const answer of reply.authorities ?? []) {
    // RFC 2308: the lesser of the SOA's own TTL and its minimum.
    if (answer.type === 'SOA' && addresses.length === 0) ttl = Math.min(ttl, answer.ttl ?? 0, answer.data.minimum ?? 0);
  }
  return { addresses, ttlSeconds: Number.isFinite(ttl) ? ttl : 0 };
}
