/** DNS for the edge: `live/dns-server.ts` on the wire, `edge/dns-answer.ts` for what is said, steering in the world as it is now. */
import { networkInterfaces } from 'node:os';
import type { Problem } from '../../core/problem.ts';
import { PART } from '../../core/draws.ts';
import { answerQuestion, type DnsSteerQuery, type DnsWorld, type EdgeAddresses } from '../../edge/dns-answer.ts';
import { hashAddress } from '../../steering/hash.ts';
import { steer } from '../../steering/steer.ts';
import type { Locator } from '../../geo/locate.ts';
import type { DnsReply, Query } from '../../live/dns-message.ts';
import { DnsServer } from '../../live/dns-server.ts';
import type { Endpoint } from './options.ts';
import { type Addresses, listenProblem } from './plane.ts';
import type { EdgeService } from './service.ts';

export interface DnsPort {
  readonly address: Endpoint;
  close(): void;
}

export async function openDns(
  service: EdgeService,
  at: Endpoint,
  locator: Locator,
): Promise<{ readonly port: DnsPort } | { readonly problem: Problem }> {
  const { node, options } = service;
  const { edge } = node;
  const edgeAddresses = addressesOf(service.addresses);
  const answer = (query: Query, transport: 'udp' | 'tcp'): DnsReply => {
    const { config, world } = edge.state;
    const dnsWorld: DnsWorld = {
      locator,
      health: world.health,
      names: node.names,
      random: edge.draws,
      edge: edgeAddresses,
      steer: (balancer, asked) => {
        const request = steerRequest(asked);
        return steer(config.plans[balancer]!, request, { ...world, now: node.clock.now() });
      },
    };
    // A drill's resolver tells in the id which question of its own this is (replay/resolver-sources.ts).
    edge.draws.about(options.drillSeed === undefined ? edge.keys.next() : query.raw.id, PART.dns);
    const { name, type, resolver, clientSubnet } = query;
    const question = {
      name,
      type,
      resolver,
      pop: options.pop,
      ...(clientSubnet === undefined ? {} : { clientSubnet }),
    };
    const reply = answerQuestion(config.names, question, dnsWorld);
    node.counters.add('switchyard_dns_queries_total', { transport, rcode: reply.rcode });
    return reply;
  };
  const server = new DnsServer({
    ...at,
    answer,
    onDropped: () => node.counters.add('switchyard_dns_dropped_total'),
    onMistake: (error) => service.log.error({ err: error }, 'our own mistake: a DNS query was answered with SERVFAIL'),
  });
  try {
    const address = await server.listen();
    return { port: { address, close: () => server.close() } };
  } catch (error) {
    return { problem: listenProblem('--dns', at, error) };
  }
}

function steerRequest({ location, resolver, name, type, clientSubnet }: DnsSteerQuery): Parameters<typeof steer>[1] {
  return {
    location,
    clientHash: hashAddress(resolver),
    clientAddress: resolver,
    claim: undefined,
    facts: { kind: 'dns', name, type, clientSubnet },
  };
}

/** What a proxied name resolves to: where this edge listens. */
function addressesOf({ listen, listenTls }: Addresses): EdgeAddresses {
  const hosts = new Set([listen?.host, listenTls?.host].filter((host) => host !== undefined));
  const v4 = new Set<string>();
  const v6 = new Set<string>();
  for (const host of hosts) {
    if (host === '0.0.0.0' || host === '::') {
      for (const each of Object.values(networkInterfaces()).flat()) {
        if (each === undefined || each.internal || each.address.startsWith('fe80')) continue;
        if (each.family === 'IPv4') v4.add(each.address);
        else if (host === '::') v6.add(each.address);
      }
      if (v4.size === 0) v4.add('127.0.0.1');
    } else (host.includes(':') ? v6 : v4).add(host);
  }
  return { v4: [...v4], v6: [...v6] };
}
