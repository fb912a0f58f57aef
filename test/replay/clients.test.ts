import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Location } from '../../src/core/location.ts';
import { Locator } from '../../src/geo/locate.ts';
import { ClientTable, type SessionTotals } from '../../src/replay/clients.ts';
import { modelOf } from './model.ts';

const locator = new Locator();
const model = modelOf(`
load_balancers:
  - { name: www.example.com, proxied: true, default_pools: [one], fallback_pool: two }
  - { name: api.example.com, proxied: true, default_pools: [two], fallback_pool: one }
pools:
  - { name: one, origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }] }
  - { name: two, origins: [{ name: c, address: 192.0.2.3 }] }`);
const [A, B, C] = [0, 1, 2] as const;

function table(clients = 1, keepsCookies = true): ClientTable {
  const made = new ClientTable(model, (client) => `client ${client}`);
  for (let client = 0; client < clients; client += 1) made.add(locator.pop('LHR'), client, keepsCookies);
  return made;
}

const NOTHING: SessionTotals = {
  sessions: 0,
  returning: 0,
  kept: 0,
  moved: 0,
  movedBack: 0,
  lost: 0,
  drained: 0,
  expired: 0,
};

describe('the ledger of sessions', () => {
  it.each<[string, readonly (readonly [origin: number, why: string])[], Partial<SessionTotals>]>([
    ['never served', [], {}],
    ['one request only', [[A, 'no_claim']], { sessions: 1 }],
    [
      'came back to the same origin',
      [
        [A, 'no_claim'],
        [A, 'kept'],
      ],
      { sessions: 1, returning: 1, kept: 1 },
    ],
    [
      'its origin was unhealthy',
      [
        [A, 'no_claim'],
        [B, 'origin_unhealthy'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'its pool was out',
      [
        [A, 'no_claim'],
        [C, 'pool_unavailable'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'its origin was gone',
      [
        [A, 'no_claim'],
        [C, 'origin_gone'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'its cookie was foreign',
      [
        [A, 'no_claim'],
        [B, 'foreign'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'it was shed',
      [
        [A, 'no_claim'],
        [C, 'shed'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'sticky failover took it along',
      [
        [A, 'no_claim'],
        [B, 'moved'],
      ],
      { sessions: 1, returning: 1, moved: 1, lost: 1 },
    ],
    [
      'its drain ended',
      [
        [A, 'no_claim'],
        [B, 'drained'],
      ],
      { sessions: 1, returning: 1, moved: 1, drained: 1 },
    ],
    [
      'its cookie expired',
      [
        [A, 'no_claim'],
        [B, 'expired'],
      ],
      { sessions: 1, returning: 1, moved: 1, expired: 1 },
    ],
    [
      'nobody promised anything',
      [
        [A, 'off'],
        [B, 'off'],
      ],
      { sessions: 1, returning: 1, moved: 1 },
    ],
    [
      'temporary failover, and home again',
      [
        [A, 'no_claim'],
        [B, 'visiting'],
        [A, 'kept'],
      ],
      { sessions: 1, returning: 1, moved: 1, movedBack: 1 },
    ],
    [
      'lost, and by chance home again',
      [
        [A, 'no_claim'],
        [B, 'origin_unhealthy'],
        [A, 'origin_unhealthy'],
      ],
      { sessions: 1, returning: 1, moved: 1, movedBack: 1, lost: 1 },
    ],
    [
      'its first requests went out at once, before any answer brought the cookie',
      [
        [A, 'no_claim'],
        [B, 'no_claim'],
        [B, 'kept'],
      ],
      { sessions: 1, returning: 1, kept: 1 },
    ],
    [
      'two cookies crossed on the way: the later one holds',
      [
        [A, 'no_claim'],
        [B, 'kept'],
        [B, 'kept'],
      ],
      { sessions: 1, returning: 1, kept: 1 },
    ],
  ])('%s', (_, visits, totals) => {
    const clients = table();
    const moves = visits.map(([origin, why]) => clients.served(0, origin, why)).filter(Boolean).length;
    clients.endAllSessions();
    expect(clients.totals).toEqual({ ...NOTHING, ...totals });
    expect([...clients.moves.values()].reduce((a, b) => a + b, 0)).toBe(moves);
  });

  it('moves are counted by their reason', () => {
    const clients = table(3);
    for (const client of [0, 1, 2]) clients.served(client, A, 'no_claim');
    clients.served(0, B, 'drained');
    clients.served(1, B, 'drained');
    clients.served(2, C, 'pool_unavailable');
    expect([...clients.moves]).toEqual([
      ['drained', 2],
      ['pool_unavailable', 1],
    ]);
  });

  it('a session that ended leaves nothing to the next visitor', () => {
    const clients = table();
    clients.giveClaim(0, 0, A, 1_772_366_400);
    clients.served(0, A, 'no_claim');
    clients.served(0, B, 'origin_unhealthy');
    clients.endSession(0);
    expect(clients.claim(0)).toBeUndefined();
    expect(clients.served(0, C, 'no_claim')).toBe(false);
    clients.endAllSessions();
    expect(clients.totals).toEqual({ ...NOTHING, sessions: 2, returning: 1, moved: 1, lost: 1 });
  });
});

describe('the cookie jar', () => {
  it('gives back what it was given, for every balancer and origin', () => {
    const clients = table(6);
    const names = [
      ['one', 'a'],
      ['one', 'b'],
      ['two', 'c'],
    ] as const;
    for (let client = 0; client < 6; client += 1)
      clients.giveClaim(client, client >= 3 ? 1 : 0, client % 3, 4_102_444_800 + client);
    for (let client = 0; client < 6; client += 1) {
      const [poolName, origin] = names[client % 3]!;
      expect({ ...clients.claim(client) }).toEqual({
        loadBalancer: model.loadBalancers[client >= 3 ? 1 : 0]!.id,
        pool: model.pools.find(({ name }) => name === poolName)!.id,
        origin,
        issuedAt: 4_102_444_800 + client,
      });
    }
  });

  it('a client that keeps no cookies never has one', () => {
    const clients = table(1, false);
    clients.giveClaim(0, 0, A, 1);
    expect(clients.claim(0)).toBeUndefined();
    clients.endSession(0);
    clients.giveClaim(0, 0, A, 1);
    expect(clients.claim(0)).toBeUndefined();
  });
});

describe('the table', () => {
  it('keeps what it was told of each client, however many there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ pop: fc.constantFrom('LHR', 'FRA', 'IAD', 'SYD'), hash: fc.nat(0xffffffff) }), {
          minLength: 1,
          maxLength: 3_000,
        }),
        (people) => {
          const clients = new ClientTable(model, () => '');
          const places: Location[] = people.map(({ pop }) => locator.pop(pop));
          people.forEach(({ hash }, at) => {
            expect(clients.add(places[at]!, hash, at % 2 === 0)).toBe(at);
            clients.setSessionEnd(at, at * 1e9 + 0.5);
          });
          people.forEach(({ hash }, at) => {
            expect(clients.hash(at)).toBe(hash);
            expect(clients.location(at)).toBe(places[at]);
            expect(clients.sessionEnd(at)).toBe(at * 1e9 + 0.5);
            expect(clients.claim(at)).toBeUndefined();
          });
        },
      ),
      { numRuns: 20 },
    );
  });
});
