import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { readsLoad } from '../../src/steering/reads-load.ts';

type Fields = Readonly<Record<string, unknown>>;

const LEAST = 'least_outstanding_requests';

function reads({ pool = {}, balancer = {} }: { pool?: Fields; balancer?: Fields }): boolean {
  const { model, findings } = parseConfig({
    version: 1,
    load_balancers: [{ name: 'www.example.com', default_pools: ['a'], fallback_pool: 'a', ...balancer }],
    pools: [{ id: 'a', name: 'a', origins: [{ name: 'one', address: '192.0.2.1' }], ...pool }],
  });
  if (model === undefined) throw new Error(JSON.stringify(findings));
  return readsLoad(model);
}

const rule = (policy: string): Fields => ({
  rules: [{ name: 'r', condition: 'http.request.method eq "GET"', overrides: { steering_policy: policy } }],
});

it.each([
  { name: 'no policy is named', reads: false },
  { name: 'a balancer weighs pools by requests', balancer: { steering_policy: LEAST }, reads: true },
  { name: 'a balancer draws by weight alone', balancer: { steering_policy: 'random' }, reads: false },
  {
    name: 'a pool weighs its origins by connections',
    pool: { origin_steering: { policy: 'least_connections' } },
    reads: true,
  },
  { name: 'a pool takes origins by hash', pool: { origin_steering: { policy: 'hash' } }, reads: false },
  { name: 'only a rule weighs by requests', balancer: rule(LEAST), reads: true },
  { name: 'a rule with another policy', balancer: rule('off'), reads: false },
])('$name: load is read $reads', ({ pool, balancer, reads: wanted }) => {
  expect(reads({ ...(pool && { pool }), ...(balancer && { balancer }) })).toBe(wanted);
});
